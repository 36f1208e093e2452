package archtest

import (
	"fmt"
	"go/ast"
	"slices"
)

// deep lists the structs that embed a struct of this module which embeds another one of this module: where a field comes from is then
// two searches away.
func deep(packages map[string]source) []string {
	var out []string
	for folder, s := range packages {
		for typeName, t := range s.types {
			for _, middle := range embedded(packages, folder, t) {
				for _, inner := range embedded(packages, middle.folder, packages[middle.folder].types[middle.name]) {
					out = append(out, fmt.Sprintf("%s.%s embeds %s, which embeds %s", folder, typeName, middle.name, inner.name))
				}
			}
		}
	}
	slices.Sort(out)
	return out
}

// place is where a type is declared.
type place struct{ folder, name string }

// embedded lists the structs of this module that t embeds.
func embedded(packages map[string]source, folder string, t typeIn) []place {
	if t.spec == nil {
		return nil
	}
	of, ok := t.spec.Type.(*ast.StructType)
	if !ok {
		return nil
	}
	var out []place
	for _, field := range of.Fields.List {
		if len(field.Names) > 0 {
			continue
		}
		in := place{folder, base(field.Type)}
		if far := selected(field.Type); far != nil {
			if x, ok := far.X.(*ast.Ident); ok {
				in = place{t.imports[x.Name], far.Sel.Name}
			}
		}
		if spec := packages[in.folder].types[in.name].spec; spec != nil {
			if _, is := spec.Type.(*ast.StructType); is {
				out = append(out, in)
			}
		}
	}
	return out
}

// selected is the name of another package that t is, points to or is an instance of; nil: it is none.
func selected(t ast.Expr) *ast.SelectorExpr {
	switch t := t.(type) {
	case *ast.SelectorExpr:
		return t
	case *ast.StarExpr:
		return selected(t.X)
	case *ast.IndexExpr:
		return selected(t.X)
	case *ast.IndexListExpr:
		return selected(t.X)
	}
	return nil
}
