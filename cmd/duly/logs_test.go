package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// logLine is what the code says of a log line, or docs/logs.md.
type logLine struct {
	level      string
	attributes []string
}

// logLines reads every log line of the program out of its code, by message. Attributes that every line may have are
// left out.
func logLines(t *testing.T) map[string]logLine {
	t.Helper()
	lines, constants := map[string]logLine{}, map[string]string{}
	var calls []*ast.CallExpr
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains([]string{"testdata", "tools", "bench", "gatewaysim", "test", "docs", "deploy", "bin", ".git"}, d.Name()):
			return filepath.SkipDir
		case !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				calls = append(calls, n)
			case *ast.ValueSpec:
				for i, name := range n.Names {
					if i < len(n.Values) {
						constants[name.Name] = literal(n.Values[i], nil)
					}
				}
			}
			return true
		})
		return nil
	})
	require.NoError(t, err)
	for _, call := range calls {
		if level, args := logCall(call); level != "" && len(args) > 0 {
			if message := literal(args[0], constants); message != "" {
				lines[message] = logLine{level, attributesIn(args[1:])}
			}
		}
	}
	return lines
}

// logCall is the level and what follows it in a call that writes a log line; empty for another call.
func logCall(call *ast.CallExpr) (level string, args []ast.Expr) {
	f, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return "", nil
	}
	switch f.Sel.Name {
	case "DebugContext", "InfoContext", "WarnContext", "ErrorContext":
		return strings.ToLower(strings.TrimSuffix(f.Sel.Name, "Context")), call.Args[1:]
	case "Debug", "Info", "Warn", "Error":
		return strings.ToLower(f.Sel.Name), call.Args
	case "Log":
		if len(call.Args) > 2 {
			return anyLevel, call.Args[2:]
		}
	case "warn": // of an observation
		return "warn", append(call.Args[:1:1], ast.NewIdent("err"))
	case "LogAttrs":
		if of, ok := call.Args[1].(*ast.SelectorExpr); ok {
			return strings.ToLower(strings.TrimPrefix(of.Sel.Name, "Level")), call.Args[2:]
		}
	}
	return "", nil
}

// anyLevel is that of a line whose level depends.
const anyLevel = "any"

func literal(e ast.Expr, constants map[string]string) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		if text, err := strconv.Unquote(e.Value); err == nil && e.Kind == token.STRING {
			return text
		}
	case *ast.BinaryExpr:
		return literal(e.X, constants) + literal(e.Y, constants)
	case *ast.Ident:
		return constants[e.Name]
	case *ast.SelectorExpr:
		return constants[e.Sel.Name]
	}
	return ""
}

func attributesIn(args []ast.Expr) []string {
	var names []string
	for _, arg := range args {
		call, ok := arg.(*ast.CallExpr)
		if !ok {
			if id, ok := arg.(*ast.Ident); ok && id.Name == "err" {
				names = append(names, "error")
			}
			continue
		}
		name := ""
		switch f := call.Fun.(type) {
		case *ast.SelectorExpr:
			if name = literal(call.Args[0], nil); f.Sel.Name == "Problem" {
				name = "error"
			}
		case *ast.Ident:
			if f.Name == "Problem" {
				name = "error"
			}
		}
		if name != "" && !slices.Contains([]string{"run_id", "step", "job"}, name) {
			names = append(names, name)
		}
	}
	return names
}

var logRow = regexp.MustCompile("(?m)^\\| (\\w+) \\| `([^`]+)` \\|([^|]*)\\|")

// Every log line is documented with its level and what it holds, and none that there is not.
func TestLogLinesAreDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/logs.md")
	require.NoError(t, err)
	documented := map[string]logLine{}
	for _, row := range logRow.FindAllStringSubmatch(string(page), -1) {
		documented[row[2]] = logLine{row[1], regexp.MustCompile("[a-z_]+").FindAllString(strings.ReplaceAll(row[3], "`", ""), -1)}
	}
	lines := logLines(t)
	require.Greater(t, len(lines), 20)
	var missing []string
	for message, line := range lines {
		doc, ok := documented[message]
		if !ok {
			missing = append(missing, fmt.Sprintf("| %s | `%s` | %v |", line.level, message, line.attributes))
			continue
		}
		if doc.level != anyLevel {
			require.Contains(t, []string{doc.level, anyLevel}, line.level, message)
		}
		require.Subset(t, doc.attributes, line.attributes, message)
	}
	require.Empty(t, missing, "docs/logs.md has no row for them")
	for message := range documented {
		require.Contains(t, lines, message, "docs/logs.md describes a line that nothing writes")
	}
}
