package archtest

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
)

// module is this module's name, which its import paths begin with.
const module = "duly/"

// parse reads the imports of every package below root.
func parse(root string) (graph, error) {
	imports := graph{}
	err := eachFile(root, func(folder, name string, text []byte) error {
		found, err := imported(name, text)
		imports[folder] = union(imports[folder], found)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the packages below %s: %w", root, err)
	}
	return imports, nil
}

// eachFile reads every file below root that is no test. It opens the files
// itself, whatever their build constraints: what a child process reads, the
// test cache does not know of.
func eachFile(root string, do func(folder, name string, text []byte) error) error {
	tree := os.DirFS(root)
	return fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			return enter(tree, name)
		case !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		text, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		return do(path.Dir(name), name, text)
	})
}

// enter skips folders that hold no package of this module.
func enter(tree fs.FS, name string) error {
	base := path.Base(name)
	if name == "." {
		return nil
	}
	if strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "testdata" {
		return fs.SkipDir
	}
	if _, err := fs.Stat(tree, path.Join(name, "go.mod")); err == nil {
		return fs.SkipDir
	}
	return nil
}

// imported lists what a file imports of this module.
func imported(name string, text []byte) ([]string, error) {
	file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ImportsOnly)
	if err != nil {
		return nil, fmt.Errorf("parse %s: %w", name, err)
	}
	var list []string
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, fmt.Errorf("parse an import of %s: %w", name, err)
		}
		if folder, ours := strings.CutPrefix(imported, module); ours {
			list = append(list, folder)
		}
	}
	return list, nil
}

func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}
