package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The number of a key is counted in one place: only mint decides what is charged next, and nothing that writes rows makes
// keys of its own.
func TestKeysAreMintedInOnePlace(t *testing.T) {
	root := filepath.Join("..", "..")
	var found []string
	require.NoError(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && strings.HasPrefix(entry.Name(), ".") && path != root, entry.IsDir() && entry.Name() == "testdata":
			return filepath.SkipDir
		case entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if name, _ := filepath.Rel(root, path); makesKey(file.Name.Name, n) {
				found = append(found, filepath.ToSlash(name))
			}
			return true
		})
		return nil
	}))
	require.Equal(t, []string{"internal/billing/mint.go"}, slices.Compact(found))
}

// makesKey reports whether n, in that package, is a decision to charge, or a call of billing.Key outside of its package.
func makesKey(pkg string, n ast.Node) bool {
	ours := func(e ast.Expr, name string) bool {
		far := selected(e)
		return pkg == "billing" && names(e, name) || far != nil && names(far.X, "billing") && far.Sel.Name == name
	}
	switch n := n.(type) {
	case *ast.CompositeLit:
		return ours(n.Type, "Claim") && slices.ContainsFunc(n.Elts, func(e ast.Expr) bool {
			pair, ok := e.(*ast.KeyValueExpr)
			return ok && names(pair.Key, "Action") && ours(pair.Value, "Charge")
		})
	case *ast.SelectorExpr:
		return names(n.X, "billing") && n.Sel.Name == "Key"
	}
	return false
}

func names(e ast.Expr, name string) bool {
	id, ok := e.(*ast.Ident)
	return ok && id.Name == name
}
