package testdb_test

import (
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/testdb"
	"duly/migrations"
)

func TestMain(m *testing.M) { os.Exit(testdb.Main(m)) }

// schemaOf is every table's definition, but for the counters in it.
func schemaOf(t *testing.T, db *testdb.DB) map[string]string {
	t.Helper()
	var tables []string
	require.NoError(t, db.SelectContext(t.Context(), &tables, "SHOW TABLES"))
	schema := map[string]string{}
	for _, table := range tables {
		var name, definition string
		require.NoError(t, db.QueryRowContext(t.Context(), "SHOW CREATE TABLE "+table).Scan(&name, &definition))
		schema[table] = definition
	}
	return schema
}

// A copy is what the migrations would have made: the same tables with the same
// rows, so that the program finds its own version.
func TestNewIsWhatTheMigrationsMake(t *testing.T) {
	db := testdb.New(t)
	require.NoError(t, migrations.Check(t.Context(), db.DB.DB))
	var probes int
	require.NoError(t, db.GetContext(t.Context(), &probes, "SELECT COUNT(*) FROM claim_probe"))
	require.Equal(t, 2, probes)

	migrated := testdb.Empty(t)
	_, err := migrations.Up(t.Context(), migrated.DB.DB)
	require.NoError(t, err)
	require.Equal(t, schemaOf(t, migrated), schemaOf(t, db))
}

func TestNewIsOnesOwn(t *testing.T) {
	one, two := testdb.New(t), testdb.New(t)
	_, err := one.ExecContext(t.Context(), "INSERT INTO products (name, stock) VALUES ('tea', 3)")
	require.NoError(t, err)
	var rows int
	require.NoError(t, two.GetContext(t.Context(), &rows, "SELECT COUNT(*) FROM products"))
	require.Zero(t, rows)
}

func TestNewIsDropped(t *testing.T) {
	var name string
	t.Run("a test", func(t *testing.T) {
		require.NoError(t, testdb.New(t).GetContext(t.Context(), &name, "SELECT DATABASE()"))
	})
	var left int
	require.NoError(t, testdb.New(t).GetContext(t.Context(), &left, "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = ?", name))
	require.Zero(t, left)
}

func TestNewAtOnce(t *testing.T) {
	var all sync.WaitGroup
	names := make([]string, 4)
	for i := range names {
		all.Go(func() {
			if err := testdb.New(t).GetContext(t.Context(), &names[i], "SELECT DATABASE()"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	require.Len(t, map[string]bool{names[0]: true, names[1]: true, names[2]: true, names[3]: true}, len(names))
}

// The server is the engine that was asked for.
func TestEngine(t *testing.T) {
	var version string
	require.NoError(t, testdb.New(t).GetContext(t.Context(), &version, "SELECT VERSION()"))
	require.Equal(t, testdb.Engine() == "mariadb", strings.Contains(version, "MariaDB"), version)
}

func TestServerKilledAndRestarted(t *testing.T) {
	server := testdb.NewServer(t)
	db := server.New(t)
	_, err := db.ExecContext(t.Context(), "INSERT INTO products (name, stock) VALUES ('tea', 3)")
	require.NoError(t, err)

	server.Kill(t)
	_, err = db.ExecContext(t.Context(), "DELETE FROM products")
	require.Error(t, err)

	server.Restart(t)
	var rows int
	require.NoError(t, db.GetContext(t.Context(), &rows, "SELECT COUNT(*) FROM products"))
	require.Equal(t, 1, rows)
}
