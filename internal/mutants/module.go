package main

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// module is what mutants name: the declarations, tests and files of this module.
type module struct {
	root    string
	name    string              // that import paths begin with
	decls   map[string][]string // files by the declarations in them
	tests   map[string][]string // folders by the test functions in them
	folders map[string][]string // folders of packages by their last name
	others  map[string][]string // files that are not Go by their last name
	texts   map[string][]byte   // Go files that are no tests
}

// span is the lines of a declaration, from 0; last is its last line.
type span struct{ first, last int }

// readModule reads the module whose top folder is root.
func readModule(root string) (*module, error) {
	mod, err := os.ReadFile(filepath.Join(root, "go.mod")) //nolint:gosec // G304: a file of this module
	if err != nil {
		return nil, err
	}
	head, _, _ := strings.Cut(string(mod), "\n")
	m := &module{
		root: root, name: strings.TrimSpace(strings.TrimPrefix(head, "module ")),
		decls: map[string][]string{}, tests: map[string][]string{}, folders: map[string][]string{}, others: map[string][]string{},
		texts: map[string][]byte{},
	}
	tree := os.DirFS(root)
	err = fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			return enter(tree, name)
		case path.Ext(name) != ".go":
			m.others[path.Base(name)] = append(m.others[path.Base(name)], name)
			return nil
		}
		text, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		return m.add(name, text)
	})
	return m, err
}

// enter skips folders that hold no code of the module: hidden ones, built programs, test data and other modules.
func enter(tree fs.FS, name string) error {
	if name == "." {
		return nil
	}
	switch base := path.Base(name); {
	case strings.HasPrefix(base, "."), strings.HasPrefix(base, "_"), base == "testdata", name == "bin", name == "dist":
		return fs.SkipDir
	}
	if _, err := fs.Stat(tree, path.Join(name, "go.mod")); err == nil {
		return fs.SkipDir
	}
	return nil
}

func (m *module) add(name string, text []byte) error {
	if strings.HasSuffix(name, "_test.go") {
		return m.addTests(name, text)
	}
	found, err := declarations(name, text)
	if err != nil {
		return err
	}
	for decl := range found {
		m.decls[decl] = append(m.decls[decl], name)
	}
	m.texts[name] = text
	folder := path.Dir(name)
	if base := path.Base(folder); !slices.Contains(m.folders[base], folder) {
		m.folders[base] = append(m.folders[base], folder)
	}
	return nil
}

func (m *module) addTests(name string, text []byte) error {
	file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	for _, decl := range file.Decls {
		if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && strings.HasPrefix(fn.Name.Name, "Test") {
			m.tests[fn.Name.Name] = append(m.tests[fn.Name.Name], path.Dir(name))
		}
	}
	return nil
}

// declarations finds what a file declares. A constant, variable or type has the whole declaration that it is in, with the others of it.
func declarations(name string, text []byte) (map[string][]span, error) {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, name, text, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	out := map[string][]span{}
	for _, decl := range file.Decls {
		at := span{files.Position(decl.Pos()).Line - 1, files.Position(decl.End()).Line - 1}
		for _, name := range names(decl) {
			if !slices.Contains(out[name], at) {
				out[name] = append(out[name], at)
			}
		}
	}
	return out, nil
}

// names are the names that a declaration can be found by.
func names(decl ast.Decl) []string {
	switch decl := decl.(type) {
	case *ast.FuncDecl:
		if decl.Recv != nil && len(decl.Recv.List) == 1 {
			return []string{receiver(decl.Recv.List[0].Type) + "." + decl.Name.Name}
		}
		return []string{decl.Name.Name}
	case *ast.GenDecl:
		var out []string
		for _, spec := range decl.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				out = append(out, spec.Name.Name)
			case *ast.ValueSpec:
				for _, name := range spec.Names {
					out = append(out, name.Name)
				}
			}
		}
		return out
	}
	return nil
}

// receiver is the name of a receiver's type, without its pointer and type parameters.
func receiver(of ast.Expr) string {
	switch of := of.(type) {
	case *ast.StarExpr:
		return receiver(of.X)
	case *ast.IndexExpr:
		return receiver(of.X)
	case *ast.IndexListExpr:
		return receiver(of.X)
	case *ast.Ident:
		return of.Name
	}
	return ""
}

// declared lists the files that may hold a declaration of this name, and the name that it has there.
func (m *module) declared(name string) (files []string, inFile string) {
	if files = m.decls[name]; len(files) > 0 {
		return files, name
	}
	pkg, rest, _ := strings.Cut(name, ".")
	for _, file := range m.decls[rest] {
		if path.Base(path.Dir(file)) == pkg {
			files = append(files, file)
		}
	}
	return files, rest
}

// only returns the single element of list; what says what it is, by name.
func only(what, name string, list []string) (string, error) {
	switch len(list) {
	case 0:
		return "", fmt.Errorf("there is no %s %s", what, name)
	case 1:
		return list[0], nil
	}
	return "", fmt.Errorf("%s %s is not unique: %s", what, name, strings.Join(list, ", "))
}

// text is a file of the module, as an earlier edit of the same mutant left it.
func (m *module) text(name string, changed map[string][]byte) ([]byte, error) {
	if text, ok := changed[name]; ok {
		return text, nil
	}
	if text, ok := m.texts[name]; ok {
		return text, nil
	}
	return os.ReadFile(filepath.Join(m.root, filepath.FromSlash(name)))
}

// test is a test function in the folder of its package, with the subtests behind a slash.
type test struct{ folder, function, subtests string }

// run is the expression that go test runs it by.
func (t test) run() string { return "^" + t.function + "$" + t.subtests }

var errNoTest = errors.New("a test begins with Test, or with its package and Test")

// find locates a test by its name.
func (m *module) find(name string) (test, error) {
	head, subtests, _ := strings.Cut(name, "/")
	if subtests != "" {
		subtests = "/" + subtests
	}
	pkg, function, qualified := strings.Cut(head, ".")
	if !qualified {
		pkg, function = "", head
	}
	if !strings.HasPrefix(function, "Test") {
		return test{}, fmt.Errorf("%w: %s", errNoTest, name)
	}
	var folders []string
	for _, folder := range m.tests[function] {
		if pkg == "" || path.Base(folder) == pkg {
			folders = append(folders, folder)
		}
	}
	folder, err := only("test", head, folders)
	return test{folder, function, subtests}, err
}

// importPath is how a package of the module is imported, by its last name.
func (m *module) importPath(name string) (string, error) {
	folder, err := only("package", name, m.folders[name])
	return m.name + "/" + folder, err
}

// lines splits a text, which may end without a newline.
func lines(text []byte) []string {
	return strings.Split(string(bytes.TrimSuffix(text, []byte("\n"))), "\n")
}
