package archtest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// lint lists what strict parsers of YAML refuse, or read otherwise than it looks.
func lint(text []byte) []string {
	var out []string
	for d := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var document yaml.Node
		err := d.Decode(&document)
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			return append(out, err.Error())
		}
		var value any // refuses keys that are there twice
		if err := document.Decode(&value); err != nil {
			out = append(out, err.Error())
		}
		out = append(out, lintNode(&document, false)...)
	}
}

func lintNode(n *yaml.Node, inFlow bool) []string {
	var out []string
	if inFlow && n.Kind == yaml.ScalarNode && n.Style == 0 && strings.ContainsAny(n.Value, " \t,") {
		out = append(out, fmt.Sprintf("line %d: quote %q: it stands between braces or brackets", n.Line, n.Value))
	}
	flow := n.Style&yaml.FlowStyle != 0
	for i, child := range n.Content {
		if flow && n.Kind == yaml.MappingNode && i%2 == 1 && child.Tag == "!!null" && child.Value == "" {
			out = append(out, fmt.Sprintf("line %d: %q has no value", n.Line, n.Content[i-1].Value))
		}
		out = append(out, lintNode(child, inFlow || flow)...)
	}
	return out
}

// yamls reads the YAML files of the tree, those of hidden folders too.
func yamls(t *testing.T, root string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	tree := os.DirFS(root)
	require.NoError(t, fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		switch ext := path.Ext(name); {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == ".git" || entry.Name() == "testdata" || entry.Name() == "bin"):
			return fs.SkipDir
		case entry.IsDir() || ext != ".yaml" && ext != ".yml":
			return nil
		}
		files[name], err = fs.ReadFile(tree, name)
		return err
	}))
	return files
}

func TestYAMLIsWrittenStrictly(t *testing.T) {
	files := yamls(t, filepath.Join("..", ".."))
	require.Contains(t, files, "docs/payments-api.yaml", "the files were not found")
	for name, text := range files {
		require.Empty(t, lint(text), name)
	}
}

// What the lint is for is found by it, also in a copy of the real file.
func TestLint(t *testing.T) {
	for text, want := range map[string]string{
		"a: {b: one, c: \"two, three\"}\nd: words without quotes, on a line of their own\n": "",
		"a: {b: one (two, three), c: d}\n":                                                  `line 1: "three)" has no value`,
		"a: {b: one two}\n":                                                                 `line 1: quote "one two"`,
		"a: [one two]\n":                                                                    `line 1: quote "one two"`,
		"a: {b}\n":                                                                          `line 1: "b" has no value`,
		"a: {b: null}\n":                                                                    "",
		"a: 1\na: 2\n":                                                                      "already defined",
		"a: {b: 1\n":                                                                        "did not find expected",
		"a: 1\n---\na: {b: one two}\n":                                                      `line 3: quote`,
	} {
		got := strings.Join(lint([]byte(text)), "\n")
		if want == "" {
			require.Empty(t, got, text)
		} else {
			require.Contains(t, got, want, text)
		}
	}
	contract := yamls(t, filepath.Join("..", ".."))["docs/payments-api.yaml"]
	const quoted = `{description: "Our credentials are wrong (stop the run, nobody is at fault but us)", content:`
	broken := bytes.Replace(contract, []byte(quoted), []byte(strings.ReplaceAll(quoted, `"`, "")), 1)
	require.NotEqual(t, contract, broken)
	require.Contains(t, strings.Join(lint(broken), "\n"), `"nobody is at fault but us)" has no value`)
}
