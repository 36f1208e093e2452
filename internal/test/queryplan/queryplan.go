// Package queryplan checks how statements read tables, by the plans of a real server. Only tests use it.
package queryplan

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/mysql"
	"duly/internal/test/testdb"
)

// Query is a statement whose plan is checked.
type Query struct {
	Name string
	Text string
	Args []any
	// Read: it locks nothing and lists no candidates, and its few rows may be sorted.
	Read bool
}

// Claim is a query that locks rows or lists candidates.
func Claim(name, text string, args ...any) Query { return Query{Name: name, Text: text, Args: args} }

// Read is a query that does neither.
func Read(name, text string, args ...any) Query {
	return Query{Name: name, Text: text, Args: args, Read: true}
}

// Plans checks the plans of queries, see [Plan], over tables of so many rows. Those of queries that lock rows or list candidates must
// be as a golden file in testdata says; update writes it.
func Plans(t testing.TB, update bool, rows int, queries []Query) {
	t.Helper()
	db := Filled(t, rows)
	var got strings.Builder
	for _, q := range queries {
		lines := Plan(t, db, q, rows > 5)
		if !q.Read {
			fmt.Fprintf(&got, "%s\n%s", q.Name, lines)
		}
	}
	golden := filepath.Join("testdata", fmt.Sprintf("explain-%s-%d.golden", testdb.Engine(), rows))
	if update {
		require.NoError(t, os.WriteFile(golden, []byte(got.String()), 0o600))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err, "go test -run Explain -update writes it")
	require.Equal(t, string(want), got.String())
}

// Plan is a line for each table of a query, without the numbers that are estimates. Claims must go by an
// index, and in its order; what only reads, by an index if the tables are large.
func Plan(t testing.TB, db *mysql.DB, q Query, large bool) string {
	t.Helper()
	query, args, err := mysql.In(q.Text, q.Args...)
	require.NoError(t, err, q.Name)
	how := "EXPLAIN "
	if testdb.Engine() == "mysql" {
		how = "EXPLAIN FORMAT=TRADITIONAL "
	}
	rows, err := db.QueryxContext(t.Context(), how+query, args...)
	require.NoError(t, err, q.Name)
	defer func() { require.NoError(t, rows.Close()) }()
	var to strings.Builder
	for rows.Next() {
		row := map[string]any{}
		require.NoError(t, rows.MapScan(row))
		text := func(column string) string {
			switch v := row[column].(type) {
			case []byte:
				return string(v)
			case nil:
				return "-"
			default:
				return fmt.Sprint(v)
			}
		}
		fmt.Fprintf(&to, "  %s: %s by %s, %s\n", text("table"), text("type"), text("key"), text("Extra"))
		if text("table") == "-" || q.Read && !large { // optimised away, or small
			continue
		}
		require.NotEqual(t, "-", text("key"), "%s: no index", q.Name)
		if !q.Read {
			require.NotContains(t, text("Extra"), "filesort", q.Name)
			require.NotContains(t, text("Extra"), "temporary", q.Name)
		}
	}
	require.NoError(t, rows.Err())
	return to.String()
}
