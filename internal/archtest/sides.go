package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
)

// side is what a package of readers or writers declares.
type side struct {
	structs map[string]*ast.StructType
	methods map[string]map[string]*ast.FuncType // by type
}

// strangers lists the exported structs of a package whose types all read, or all write, that neither do so themselves nor belong to one
// that does: as what it is given, gives or is configured with. Whether one fits batch.Reader or batch.Writer the compiler says where a
// chunk is made of it; those of a tasklet, which reads and writes in one transaction, have a signature of their own.
func strangers(root, folder, verb string) ([]string, error) {
	s := side{map[string]*ast.StructType{}, map[string]map[string]*ast.FuncType{}}
	err := eachFile(root, func(in, path string, text []byte) error {
		if in != folder {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, text, parser.SkipObjectResolution)
		if err == nil {
			s.add(file)
		}
		return err
	})
	known := map[string]bool{}
	for of := range s.structs {
		if does := s.methods[of][verb]; does != nil && takesContext(does) {
			s.reach(of, known)
		}
	}
	var out []string
	for of := range s.structs {
		if ast.IsExported(of) && !known[of] {
			out = append(out, fmt.Sprintf("%s.%s has no %s, and is neither an item nor an option of a type that has", folder, of, verb))
		}
	}
	slices.Sort(out)
	return out, err
}

func (s side) add(file *ast.File) {
	for _, decl := range file.Decls {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			if decl.Recv == nil {
				continue
			}
			of := base(decl.Recv.List[0].Type)
			if s.methods[of] == nil {
				s.methods[of] = map[string]*ast.FuncType{}
			}
			s.methods[of][decl.Name.Name] = decl.Type
		case *ast.GenDecl:
			for _, spec := range decl.Specs {
				if t, ok := spec.(*ast.TypeSpec); ok {
					if of, ok := t.Type.(*ast.StructType); ok {
						s.structs[t.Name.Name] = of
					}
				}
			}
		}
	}
}

// reach notes a struct, and those that its exported fields and methods name.
func (s side) reach(of string, known map[string]bool) {
	if s.structs[of] == nil || known[of] {
		return
	}
	known[of] = true
	note := func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			s.reach(id.Name, known)
		}
		return true
	}
	for _, field := range s.structs[of].Fields.List {
		if len(field.Names) == 0 || ast.IsExported(field.Names[0].Name) {
			ast.Inspect(field.Type, note)
		}
	}
	for method, signature := range s.methods[of] {
		if ast.IsExported(method) {
			ast.Inspect(signature, note)
		}
	}
}

// takesContext reports whether a method works: one that merely gives what it holds takes no context.
func takesContext(f *ast.FuncType) bool {
	if len(f.Params.List) == 0 {
		return false
	}
	t := selected(f.Params.List[0].Type)
	return t != nil && t.Sel.Name == "Context" && strings.HasPrefix(base(t.X), "context")
}
