package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
)

// otherwise are the names of steps that other things have as well: jobs, flags, tables, transactions. Elsewhere such a word counts only
// where something is compared with it or looked up by it.
func otherwise() []string {
	return []string{"issue", "reconcile", "refund", "report", "runs", "events"}
}

// stepLiterals lists where the name of a step stands as a literal beside its constant, which is called Step… in the package jobs.
func stepLiterals(root string) ([]string, error) {
	files := map[string]*ast.File{}
	positions := token.NewFileSet()
	err := eachFile(root, func(_, path string, text []byte) error {
		file, err := parser.ParseFile(positions, path, text, parser.SkipObjectResolution)
		files[path] = file
		return err
	})
	steps := map[string]token.Pos{}
	for path, file := range files {
		if strings.HasPrefix(path, "jobs/") {
			stepConstants(file, steps)
		}
	}
	var out []string
	for _, file := range files {
		compared := comparedWith(file)
		ast.Inspect(file, func(n ast.Node) bool {
			literal, ok := n.(*ast.BasicLit)
			if !ok || literal.Kind != token.STRING {
				return true
			}
			text, err := strconv.Unquote(literal.Value)
			if at, is := steps[text]; err == nil && is && at != literal.Pos() && (compared[literal] || !slices.Contains(otherwise(), text)) {
				p := positions.Position(literal.Pos())
				out = append(out, fmt.Sprintf("%s:%d says %q: the step has a constant", p.Filename, p.Line, text))
			}
			return true
		})
	}
	slices.Sort(out)
	return out, err
}

// stepConstants notes where the names of steps are.
func stepConstants(file *ast.File, steps map[string]token.Pos) {
	for _, decl := range file.Decls {
		group, ok := decl.(*ast.GenDecl)
		if !ok || group.Tok != token.CONST {
			continue
		}
		for _, spec := range group.Specs {
			value, ok := spec.(*ast.ValueSpec)
			if !ok || !strings.HasPrefix(value.Names[0].Name, "Step") || len(value.Values) == 0 {
				continue
			}
			if literal, ok := value.Values[0].(*ast.BasicLit); ok {
				text, _ := strconv.Unquote(literal.Value)
				steps[text] = literal.Pos()
			}
		}
	}
}

// comparedWith are the literals of a file that something is compared with, looked up by, or, in the package jobs, listed as.
func comparedWith(file *ast.File) map[ast.Expr]bool {
	found := map[ast.Expr]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BinaryExpr:
			found[n.X], found[n.Y] = true, true
		case *ast.CaseClause:
			for _, e := range n.List {
				found[e] = true
			}
		case *ast.IndexExpr:
			found[n.Index] = true
		case *ast.CompositeLit:
			for _, e := range n.Elts {
				found[e] = found[e] || file.Name.Name == "jobs"
			}
		}
		return true
	})
	return found
}
