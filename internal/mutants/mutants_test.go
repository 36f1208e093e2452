package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every mutant fits the present tree: its edits apply, what they make parses, and its tests exist.
func TestEveryMutantApplies(t *testing.T) {
	root, err := filepath.Abs(filepath.Join("..", ".."))
	require.NoError(t, err)
	list, err := readMutants(filepath.Join(root, edits))
	require.NoError(t, err)
	m, err := readModule(root)
	require.NoError(t, err)
	for _, mu := range list {
		t.Run(mu.name, func(t *testing.T) {
			_, err := m.apply(mu)
			require.NoError(t, err)
			for _, name := range mu.tests {
				_, err := m.find(name)
				require.NoError(t, err)
			}
		})
	}
	patches, err := filepath.Glob("*.patch")
	require.NoError(t, err)
	require.Empty(t, patches, "a patch is not run: write an edit of internal/mutants/edits")
	entries, err := os.ReadDir(filepath.Join(root, edits))
	require.NoError(t, err)
	require.Len(t, list, len(entries), "a file of another kind is not run")
}

func TestParseMutant(t *testing.T) {
	got, err := parseMutant("m", `why: A sum is wrong.
test: TestSum
test: b.TestAll/one

in: Type.Sum
  x := a
- return x + b
+ return x

file: schema.sql
- a
+  b

in: Other
import: gateway
`)
	require.NoError(t, err)
	require.Equal(t, mutant{
		name: "m", why: "A sum is wrong.", tests: []string{"TestSum", "b.TestAll/one"},
		edits: []edit{
			{in: "Type.Sum", lines: []line{{' ', "x := a"}, {'-', "return x + b"}, {'+', "return x"}}},
			{file: "schema.sql", lines: []line{{'-', "a"}, {'+', " b"}}},
			{in: "Other", imports: "gateway", lines: []line{}},
		},
	}, got)

	const head = "why: w\ntest: TestA\n\n"
	for text, want := range map[string]string{
		"test: TestA\n\nin: F\n- a\n":        `has no "why"`,
		"why: w\n\nin: F\n- a\n":             `has no "test"`,
		head:                                 "changes nothing",
		head + "in: F\n  a\n":                "the edit of F changes nothing",
		head + "in: F\n+ a\n":                "names no line that is there",
		head + "in: F\nin: G\n- a\n":         "the edit of F changes nothing",
		head + "- a\n":                       "belongs to no edit",
		head + "inn: F\n- a\n":               "is not known here",
		head + "in: F\nreturn\n":             "m, line 5",
		head + "file: a\nimport: b\n- a\n":   "imports nothing",
		"tree: overlay\n" + head + "in: F\n": "is not known here",
	} {
		_, err := parseMutant("m", text)
		require.ErrorContains(t, err, want, text)
	}
}

// tree writes the files of a module, given one after the other as "-- name --" and their text.
func tree(t *testing.T, text string) string {
	t.Helper()
	root := t.TempDir()
	for _, part := range strings.Split(text, "\n-- ")[1:] {
		name, content, _ := strings.Cut(part, " --\n")
		require.NoError(t, write(filepath.Join(root, name), []byte(content+"\n")))
	}
	return root
}

const shop = `
-- go.mod --
module shop

go 1.26
-- price/price.go --
package price

const (
	low  = 1
	high = 9
)

type List[T any] struct{ all []T }

func (l *List[T]) Len() int {
	n := len(l.all)
	return n
}

func Sum(a, b int) int {
	return a + b
}
-- stock/stock.go --
package stock

// Sum counts.
func Sum(a int) int {
	if a > 0 {
		return a
	}
	return 0
}

func Same(a, b int) int {
	return a + b
}
-- stock/more/same.go --
package more

func Same(a, b int) int {
	return a + b
}
-- schema.sql --
CREATE TABLE a (
  id INT
);
CREATE TABLE b (
  id INT
);
-- stock/stock_test.go --
package stock

func TestSum() {}
-- price/price_test.go --
package price

func TestSum() {}

func TestLen() {}
-- other/go.mod --
module other
-- other/other.go --
package other

func Elsewhere() {}
`

func TestApply(t *testing.T) {
	m, err := readModule(tree(t, shop))
	require.NoError(t, err)
	for name, test := range map[string]struct {
		edit string
		file string
		want string // what the file holds then
		err  string
	}{
		"a function, by its lines where two have its name": {edit: "in: Sum\n-   return 0\n+ return 1", file: "stock/stock.go", want: "\n\treturn 1\n}"},
		"a method of a type with parameters":               {edit: "in: List.Len\n  n := len(l.all)\n+ n++", file: "price/price.go", want: "\tn++\n\treturn n"},
		"a constant of several":                            {edit: "in: high\n- low  = 1\n+ low  = 2", file: "price/price.go", want: "\tlow  = 2"},
		"a type":                                           {edit: "in: List\n- type List[T any] struct{ all []T }\n+ type List[T any] struct{ all, more []T }", file: "price/price.go", want: "all, more"},
		"a name with its package":                          {edit: "in: more.Same\n- return a + b\n+ return a", file: "stock/more/same.go", want: "return a\n"},
		"a file that is not Go":                            {edit: "file: schema.sql\n- CREATE TABLE b (\n+ CREATE TABLE c (", file: "schema.sql", want: "CREATE TABLE c (\n  id INT"},
		"lines that stay, with their white space":          {edit: "file: schema.sql\n  CREATE TABLE b (\n  id INT\n- );\n+ ) ENGINE=x;", file: "schema.sql", want: "\n  id INT\n) ENGINE=x;"},
		"an import":                                        {edit: "in: Sum\nimport: more\n- return 0\n+ return 1", file: "stock/stock.go", want: "import _ \"shop/stock/more\""},
		"two edits of one function": {
			edit: "in: stock.Sum\n- if a > 0 {\n+ for a > 0 {\n\nin: stock.Sum\n  for a > 0 {\n- return a\n+ a--", file: "stock/stock.go", want: "\tfor a > 0 {\n\t\ta--\n\t}",
		},
		"nothing of that name":        {edit: "in: Lost\n- a", err: "nothing is called Lost"},
		"another module":              {edit: "in: Elsewhere\n- a", err: "nothing is called Elsewhere"},
		"a test":                      {edit: "in: TestLen\n- a", err: "nothing is called TestLen"},
		"lines of another function":   {edit: "in: Len\n- n := len(l.all)", err: "nothing is called Len"},
		"lines that are not there":    {edit: "in: Sum\n- return 2", err: "does not have the line"},
		"a part of a line":            {edit: "in: Sum\n- return", err: "does not have the line"},
		"lines of two functions":      {edit: "in: Same\n- return a + b\n+ return a", err: "stock/more/same.go:4"},
		"lines that are twice there":  {edit: "file: schema.sql\n- id INT", err: "more than once"},
		"a file that is not there":    {edit: "file: lost.sql\n- id INT", err: "no file lost.sql"},
		"a package that is not there": {edit: "in: low\nimport: lost", err: "no package lost"},
		"what does not parse":         {edit: "in: Sum\n- if a > 0 {", err: "stock/stock.go"},
		"what is the same":            {edit: "in: Sum\n- return 0\n+   return 0", err: "is as it was"},
	} {
		t.Run(name, func(t *testing.T) {
			mu, err := parseMutant("m", "why: w\ntest: TestLen\n\n"+test.edit+"\n")
			require.NoError(t, err)
			changed, err := m.apply(mu)
			if test.err != "" {
				require.ErrorContains(t, err, test.err)
				return
			}
			require.NoError(t, err)
			require.Len(t, changed, 1)
			require.Contains(t, string(changed[test.file]), test.want)
		})
	}
}

func TestFind(t *testing.T) {
	m, err := readModule(tree(t, shop))
	require.NoError(t, err)
	got, err := m.find("TestLen/small/one")
	require.NoError(t, err)
	require.Equal(t, test{"price", "TestLen", "/small/one"}, got)
	require.Equal(t, "^TestLen$/small/one", got.run())
	got, err = m.find("stock.TestSum")
	require.NoError(t, err)
	require.Equal(t, test{"stock", "TestSum", ""}, got)
	_, err = m.find("TestSum")
	require.ErrorContains(t, err, "not unique")
	_, err = m.find("TestLost")
	require.ErrorContains(t, err, "no test TestLost")
	_, err = m.find("Sum")
	require.ErrorIs(t, err, errNoTest)
}

// The tests of this module check a function, the program that they build, and a file that they read.
const checked = `
-- go.mod --
module checked

go 1.26
-- main.go --
package main

import "fmt"

func sum(a, b int) int {
	return a + b
}

func main() { fmt.Print(sum(1, 2)) }
-- main_test.go --
package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

func TestSum(t *testing.T) {
	if sum(1, 2) != 3 {
		t.Fatal("wrong")
	}
}

func TestZero(t *testing.T) {
	if sum(0, 0) != 0 {
		t.Fatal("wrong")
	}
}

func TestProgram(t *testing.T) {
	if out, err := exec.Command("go", "run", ".").Output(); err != nil || string(out) != "3" {
		t.Fatal(string(out), err)
	}
}

func TestSource(t *testing.T) {
	if text, err := os.ReadFile("main.go"); err != nil || !strings.Contains(string(text), "return a + b") {
		t.Fatal(err)
	}
}
-- internal/mutants/edits/killed.mutant --
why: A sum is a difference.
test: TestSum
test: TestProgram

in: sum
- return a + b
+ return a - b
-- internal/mutants/edits/source.mutant --
why: The sources lack a sum.
test: TestSource
tree: copy

in: sum
- return a + b
+ return b + a
-- internal/mutants/edits/survives.mutant --
why: A sum is a difference.
test: TestZero

in: sum
- return a + b
+ return a - b
-- internal/mutants/edits/type.mutant --
why: A sum is a text.
test: TestSum

in: sum
- return a + b
+ return ""
`

func TestRun(t *testing.T) {
	root := tree(t, checked)
	before, err := os.ReadFile(filepath.Join(root, "main.go"))
	require.NoError(t, err)
	list, err := readMutants(filepath.Join(root, edits))
	require.NoError(t, err)
	var out bytes.Buffer
	require.Error(t, runAll(t.Context(), root, list, false, &out))
	require.Contains(t, out.String(), "ok    killed: A sum is a difference.\nok    source: The sources lack a sum.\n"+
		"FAIL  survives: survived: go test -count=1 -timeout=5m -run=^TestZero$ ./.\nFAIL  type: does not compile: ")
	require.Contains(t, out.String(), "2 passed, 2 failed\n")
	after, err := os.ReadFile(filepath.Join(root, "main.go"))
	require.NoError(t, err)
	require.Equal(t, before, after, "the tree stays as it is")

	survivor, err := choose(list, []string{"survives"})
	require.NoError(t, err)
	require.NoError(t, runAll(t.Context(), root, survivor, true, &out), "it compiles, and no test is run")
}

func TestChoose(t *testing.T) {
	list := []mutant{{name: "i1-a"}, {name: "i1-b"}, {name: "i2-a"}}
	got, err := choose(list, []string{"i1-b", "i2"})
	require.NoError(t, err)
	require.Equal(t, list[1:], got)
	got, err = choose(list, nil)
	require.NoError(t, err)
	require.Equal(t, list, got)
	_, err = choose(list, []string{"i1", "i3"})
	require.EqualError(t, err, "no mutant's name begins with i3")
}

func TestFailedIn(t *testing.T) {
	for out, want := range map[string]bool{
		"--- FAIL: TestSum (0.00s)\nFAIL\n":        true,
		"panic: oops\nFAIL\tduly/x\n":              true,
		"--- FAIL: TestSumOfAll (0.00s)\nFAIL\n":   false,
		"no server starts\nFAIL\tduly/x\t0.01s\n":  false,
		"    --- FAIL: TestSum (0.00s)\nFAIL\n":    false,
		"FAIL\tduly/x [build failed]\n":            false,
		"fatal error: all goroutines are asleep\n": true,
	} {
		require.Equal(t, want, failedIn([]byte(out), "TestSum"), out)
	}
}

func TestRename(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "a.mutant")
	require.NoError(t, write(path, []byte("why: Sum is wrong.\ntest: TestSum\n\nin: Sum.Add\n- Sum, Sums := 1\n")))
	require.NoError(t, write(filepath.Join(folder, "b.mutant"), []byte("why: Sum.\n")))
	var out bytes.Buffer
	require.NoError(t, rename(folder, "Sum", "Total", &out))
	require.Equal(t, "a.mutant\n", out.String())
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "why: Sum is wrong.\ntest: TestSum\n\nin: Total.Add\n- Total, Sums := 1\n", string(text))
}
