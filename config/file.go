package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// nullTag is YAML's for a key without a value, which leaves the key as it was.
const nullTag = "!!null"

// readFile takes in a YAML file. It reads the document's nodes itself, so that a key's line can be named,
// keys keep their case, and 0123 in a token is not turned into a number.
func (l *loader) readFile(path string) {
	name := path
	if name == "" {
		name = DefaultFile
	}
	f, err := os.Open(name) //nolint:gosec // the operator names the file
	if path == "" && errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		l.problem(name, "cannot be read: "+plain(err).Error())
		return
	}
	defer f.Close() //nolint:errcheck // nothing was written
	root, err := parseYAML(f)
	if err != nil {
		l.problem(name, err.Error())
		return
	}
	if root != nil {
		l.readSection("", root, name)
	}
}

// parseYAML returns the file's one mapping; nil if the file is empty.
func parseYAML(r io.Reader) (*yaml.Node, error) {
	decoder := yaml.NewDecoder(r)
	var document, further yaml.Node
	err := decoder.Decode(&document)
	if errors.Is(err, io.EOF) {
		return nil, nil //nolint:nilnil // an empty file sets nothing, which is no mistake
	}
	if err == nil && decoder.Decode(&further) == nil {
		return nil, errors.New("has a second document (---), which would not be read: keep one")
	}
	if err != nil {
		return nil, yamlError(err)
	}
	root := document.Content[0]
	if root.Tag == nullTag {
		return nil, nil //nolint:nilnil // as above: only comments
	}
	if root.Kind != yaml.MappingNode {
		return nil, errors.New("is no configuration: write sections with keys, as in duly.example.yaml")
	}
	return root, nil
}

// yamlError keeps what the parser says only if it quotes nothing of the file.
func yamlError(err error) error {
	said := strings.TrimPrefix(err.Error(), "yaml: ")
	if strings.ContainsAny(said, "\"'`") {
		said = regexp.MustCompile(`^line \d+`).FindString(said)
	}
	if said == "" {
		said = "mind quotes, anchors and indentation"
	}
	return errors.New("is not YAML: " + said)
}

// readSection takes in the keys of node, which stands at the dotted path.
func (l *loader) readSection(path string, node *yaml.Node, file string) {
	seen := map[string]bool{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		name, value := node.Content[i], node.Content[i+1]
		key := strings.TrimPrefix(path+"."+name.Value, ".")
		source := fmt.Sprintf("%s, line %d", file, name.Line)
		switch {
		case name.Kind != yaml.ScalarNode || name.Tag == "!!merge":
			l.problem(file, fmt.Sprintf("line %d: merge keys and keys that are no words are not read: write the keys out", name.Line))
		case strings.Contains(name.Value, "."):
			l.problem(file, fmt.Sprintf("line %d: %s has a dot in it: write one level below the other", name.Line, quote(name.Value)))
		case seen[key]:
			l.sources[key] = source
			l.problem(key, "given twice: keep one of the two")
		default:
			l.readNode(key, value, source, file)
		}
		seen[key] = true
	}
}

func (l *loader) readNode(key string, node *yaml.Node, source, file string) {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if section, name, ok := nameIn(key); ok && key == section+name && !l.addName(section, name, source) {
		return
	}
	k, known := l.schema.find(key)
	switch {
	case l.schema.section(key) && node.Kind == yaml.MappingNode:
		l.readSection(key, node, file)
	case node.Tag == nullTag && (known || l.schema.section(key)):
	case l.schema.section(key):
		l.sources[key] = source
		l.problem(key, "is a section: write its keys below it, one level in")
	case !known:
		l.set(key, "", source, l.merge)
	default:
		value, err := nodeText(node, k)
		if err != nil {
			l.bad[key] = true
			l.sources[key] = source
			l.problem(key, err.Error())
			return
		}
		if k.Secret && known && value != "" {
			l.inFile[key] = file
		}
		l.set(key, value, source, l.merge)
	}
}

// nodeText is a scalar as it is written; or a list of them, or pairs of them, if the key takes those.
func nodeText(node *yaml.Node, k Key) (string, error) {
	switch node.Kind {
	case yaml.ScalarNode:
		return node.Value, nil
	case yaml.SequenceNode:
		if !k.list {
			return "", errors.New("takes one value, and no list")
		}
		words := make([]string, len(node.Content))
		for i, item := range node.Content {
			if item.Kind != yaml.ScalarNode {
				return "", errors.New("takes a list of single values")
			}
			words[i] = item.Value
		}
		return strings.Join(words, ", "), nil
	case yaml.MappingNode:
		if k.pairs {
			return pairsText(node)
		}
	case yaml.DocumentNode, yaml.AliasNode:
	}
	return "", errors.New("takes a value, and is no section")
}

// pairsText writes the keys of a mapping with their values.
func pairsText(node *yaml.Node) (string, error) {
	var pairs []string
	for i := 0; i+1 < len(node.Content); i += 2 {
		name, value := node.Content[i], node.Content[i+1]
		if name.Kind != yaml.ScalarNode || value.Kind != yaml.ScalarNode {
			return "", errors.New("takes single values, each under its name")
		}
		pairs = append(pairs, name.Value+": "+value.Value)
	}
	return "{" + strings.Join(pairs, ", ") + "}", nil
}
