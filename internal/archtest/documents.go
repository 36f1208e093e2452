package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"slices"
	"strings"
)

// source is what a package declares that matters for documents: files that other versions and other programs read.
type source struct {
	types   map[string]typeIn
	numbers map[string]bool            // types that have constants
	methods map[string]map[string]bool // by type
}

type typeIn struct {
	spec    *ast.TypeSpec
	imports map[string]string // folders of this module by the name that the file gives them
}

// sources parses every package below root.
func sources(root string) (map[string]source, error) {
	out := map[string]source{}
	err := eachFile(root, func(folder, name string, text []byte) error {
		file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		if _, ok := out[folder]; !ok {
			out[folder] = source{map[string]typeIn{}, map[string]bool{}, map[string]map[string]bool{}}
		}
		out[folder].add(file)
		return nil
	})
	return out, err
}

func (s source) add(file *ast.File) {
	imports := map[string]string{}
	for _, spec := range file.Imports {
		if folder, ours := strings.CutPrefix(strings.Trim(spec.Path.Value, `"`), module); ours {
			name := path.Base(folder)
			if spec.Name != nil {
				name = spec.Name.Name
			}
			imports[name] = folder
		}
	}
	for _, decl := range file.Decls {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			if decl.Recv != nil {
				s.method(decl)
			}
		case *ast.GenDecl:
			for _, spec := range decl.Specs {
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					s.types[spec.Name.Name] = typeIn{spec, imports}
				case *ast.ValueSpec:
					if of, ok := spec.Type.(*ast.Ident); ok && decl.Tok == token.CONST {
						s.numbers[of.Name] = true
					}
				}
			}
		}
	}
}

func (s source) method(decl *ast.FuncDecl) {
	of := decl.Recv.List[0].Type
	if pointer, ok := of.(*ast.StarExpr); ok {
		of = pointer.X
	}
	if name, ok := of.(*ast.Ident); ok {
		if s.methods[name.Name] == nil {
			s.methods[name.Name] = map[string]bool{}
		}
		s.methods[name.Name][decl.Name.Name] = true
	}
}

// unnamed lists what documents would hold by a name or a number of Go's own, which change with the code: fields of
// tagged structs that have no tag, constants that are numbers, and structs without tags.
func unnamed(packages map[string]source) []string {
	var out []string
	for folder, s := range packages {
		for name, t := range s.types {
			ast.Inspect(t.spec, func(n ast.Node) bool {
				if document, ok := n.(*ast.StructType); ok && tagged(document) {
					for _, field := range document.Fields.List {
						out = append(out, s.field(packages, folder, name, t, field)...)
					}
				}
				return true
			})
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (s source) field(packages map[string]source, folder, name string, t typeIn, field *ast.Field) []string {
	if len(field.Names) == 0 || !field.Names[0].IsExported() || field.Tag != nil && strings.Contains(field.Tag.Value, `json:"-"`) {
		return nil
	}
	at := fmt.Sprintf("%s.%s.%s", folder, name, field.Names[0].Name)
	if field.Tag == nil || !strings.Contains(field.Tag.Value, `json:"`) {
		return []string{at + " has no name in JSON"}
	}
	var out []string
	for _, of := range named(field.Type) {
		in, local := folder, of
		if before, after, ok := strings.Cut(of, "."); ok {
			if in, local = t.imports[before], after; in == "" {
				continue
			}
		}
		if why := packages[in].unfit(local); why != "" {
			out = append(out, fmt.Sprintf("%s is a %s, %s", at, of, why))
		}
	}
	return out
}

// unfit says why values of a type have no stable form in JSON; empty if they have.
func (s source) unfit(name string) string {
	t, ok := s.types[name]
	if !ok || s.methods[name]["MarshalText"] || s.methods[name]["MarshalJSON"] {
		return ""
	}
	switch of := t.spec.Type.(type) {
	case *ast.StructType:
		if !tagged(of) && len(of.Fields.List) > 0 {
			return "whose fields have no names in JSON"
		}
	case *ast.Ident:
		if s.numbers[name] && (strings.HasPrefix(of.Name, "int") || strings.HasPrefix(of.Name, "uint")) {
			return "whose constants are numbers"
		}
	}
	return ""
}

// named lists the named types that t is made of.
func named(t ast.Expr) []string {
	switch t := t.(type) {
	case *ast.Ident:
		return []string{t.Name}
	case *ast.SelectorExpr:
		if in, ok := t.X.(*ast.Ident); ok {
			return []string{in.Name + "." + t.Sel.Name}
		}
	case *ast.StarExpr:
		return named(t.X)
	case *ast.ArrayType:
		return named(t.Elt)
	case *ast.MapType:
		return append(named(t.Key), named(t.Value)...)
	}
	return nil
}

func tagged(s *ast.StructType) bool {
	return slices.ContainsFunc(s.Fields.List, func(f *ast.Field) bool { return f.Tag != nil && strings.Contains(f.Tag.Value, `json:"`) })
}
