package archtest

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestImportTable(t *testing.T) {
	imports, err := parse(filepath.Join("..", ".."))
	require.NoError(t, err)
	require.Contains(t, imports, "internal/payment", "the packages were not found")
	require.Empty(t, broken(imports, table(), unreachable()))
}

// What breaks the table is found, one breach at a time.
func TestBroken(t *testing.T) {
	for name, test := range map[string]struct {
		imports graph
		want    []string
	}{
		"nothing": {imports: graph{"internal/billing": {"internal/payment"}, "cmd/duly": {"jobs", "internal/demo"}}},
		"a pure package": {
			imports: graph{"internal/payment": {"internal/crash"}},
			want:    []string{"internal/payment must not import internal/crash"},
		},
		"a subfolder": {
			imports: graph{"internal/gateway/httpapi": {"internal/gateway", "internal/gateway/simulator"}},
			want:    []string{"internal/gateway/httpapi must not import internal/gateway/simulator"},
		},
		"an allowed package's subfolder": {
			imports: graph{"readers": {"internal/mysql", "internal/mysql/private"}},
			want:    []string{"readers must not import internal/mysql/private"},
		},
		"the test database": {
			imports: graph{"cmd/duly": {"internal/test/testdb"}, "internal/test/worktest": {"internal/test/testdb"}},
			want:    []string{"cmd/duly must not import internal/test/testdb"},
		},
		"a program": {
			imports: graph{"bench": {"cmd/duly"}},
			want:    []string{"bench must not import cmd/duly"},
		},
		"an unknown package": {
			imports: graph{"internal/util": {}},
			want:    []string{"internal/util is not in the import table"},
		},
		"through others": {
			imports: graph{"writers": {"internal/mysql"}, "internal/mysql": {"internal/batch"}, "internal/batch": {"internal/gateway/httpapi"}},
			want: []string{
				"internal/batch must not import internal/gateway/httpapi",
				"writers reaches internal/gateway: writers → internal/mysql → internal/batch → internal/gateway/httpapi",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.want, broken(test.imports, table(), unreachable()))
		})
	}
}

func TestParse(t *testing.T) {
	got, err := parse(filepath.Join("testdata", "tree"))
	require.NoError(t, err)
	require.Equal(t, graph{
		"a":   {"b", "b/c"},
		"b/c": nil,
	}, got, "both files of a count, whatever their tags; tests, testdata and other modules do not")
}
