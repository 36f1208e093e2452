package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
)

// name is an identifier of a package, or a member of one of its types.
type name struct {
	of     string // the type; empty: the package
	text   string
	method bool
}

// alike lists the names of a package, and of the members of a type, that differ in the case of letters alone: who reads one aloud has
// said the other. A method that gives what is in an unexported field is the custom of the language, and may have its name.
func alike(root string) ([]string, error) {
	packages := map[string][]name{}
	err := eachFile(root, func(folder, path string, text []byte) error {
		file, err := parser.ParseFile(token.NewFileSet(), path, text, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		packages[folder] = append(packages[folder], declared(file)...)
		return nil
	})
	var out []string
	for folder, names := range packages {
		for i, a := range names {
			for _, b := range names[:i] {
				if a.of == b.of && a.text != b.text && strings.EqualFold(a.text, b.text) && !getter(a, b) && !getter(b, a) {
					first, second := min(a.text, b.text), max(a.text, b.text)
					out = append(out, strings.TrimSuffix(fmt.Sprintf("%s has %s and %s in %s", folder, first, second, a.of), " in "))
				}
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out), err
}

func getter(method, field name) bool {
	return method.method && !field.method && field.of != "" && ast.IsExported(method.text) && !ast.IsExported(field.text)
}

// declared lists what a file declares.
func declared(file *ast.File) []name {
	var out []name
	for _, decl := range file.Decls {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			if decl.Recv == nil {
				out = append(out, name{text: decl.Name.Name})
			} else if of := base(decl.Recv.List[0].Type); of != "" {
				out = append(out, name{of: of, text: decl.Name.Name, method: true})
			}
		case *ast.GenDecl:
			for _, spec := range decl.Specs {
				switch spec := spec.(type) {
				case *ast.ValueSpec:
					for _, id := range spec.Names {
						out = append(out, name{text: id.Name})
					}
				case *ast.TypeSpec:
					out = append(append(out, name{text: spec.Name.Name}), fields(spec)...)
				}
			}
		}
	}
	return out
}

func fields(spec *ast.TypeSpec) []name {
	of, ok := spec.Type.(*ast.StructType)
	if !ok {
		return nil
	}
	var out []name
	for _, field := range of.Fields.List {
		for _, id := range field.Names {
			out = append(out, name{of: spec.Name.Name, text: id.Name})
		}
	}
	return out
}

// base is the name of the package's own type that t is, points to or is an instance of; empty: it is none.
func base(t ast.Expr) string {
	switch t := t.(type) {
	case *ast.Ident:
		return t.Name
	case *ast.StarExpr:
		return base(t.X)
	case *ast.IndexExpr:
		return base(t.X)
	case *ast.IndexListExpr:
		return base(t.X)
	}
	return ""
}
