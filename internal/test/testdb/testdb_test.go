package testdb_test

import (
	"database/sql"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/test/testdb"
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

// What a test leaves is nothing to the next one: not its rows, not the ids that they had, and no table that it has altered.
func TestNewAfterAnotherTest(t *testing.T) {
	server := testdb.NewServer(t)
	aside := server.Empty(t)
	// alone waits until the server knows that the connections of the test before were closed: a database that has one is
	// left for later. It names no database of a connection that is just being closed.
	alone := func() {
		require.Eventually(t, func() bool {
			var connected int
			err := aside.GetContext(t.Context(), &connected,
				"SELECT COUNT(*) FROM information_schema.processlist WHERE COALESCE(db, '') <> DATABASE() AND command <> 'Daemon'")
			return err == nil && connected == 0
		}, 2*time.Minute, time.Millisecond)
	}
	var first string
	for _, c := range []struct {
		name, does string
		again      bool // it is given to the next test
	}{
		{"nothing", "DO 1", true},
		{"a row", "INSERT INTO products (name, stock) VALUES ('tea', 3)", true},
		{"a row that is gone", "INSERT INTO products (name, stock) VALUES ('tea', 3); DELETE FROM products", true},
		{"a row that the migrations put there", "DELETE FROM claim_probe WHERE id = 2", false},
		{"a table", "CREATE TABLE extra (id INT)", false},
		{"a column", "ALTER TABLE products ADD extra INT", false},
		{"no table", "DROP TABLE products", false},
		{"another table", "RENAME TABLE products TO wares", false},
		{"a view", "CREATE VIEW extra AS SELECT 1 AS id", false},
		{"a trigger", "CREATE TRIGGER extra BEFORE INSERT ON products FOR EACH ROW SET NEW.name = ''", false},
		{"a function", "CREATE FUNCTION extra() RETURNS INT DETERMINISTIC RETURN 1", false},
		{"an event", "CREATE EVENT extra ON SCHEDULE EVERY 1 DAY DO DO 1", false},
		{"a right to everything", "CREATE USER all_of_it@localhost; SET @all = CONCAT('GRANT SELECT ON ', DATABASE(), '.* TO all_of_it@localhost'); PREPARE s FROM @all; EXECUTE s", false},
		{"a right to a table", "CREATE USER some_of_it@localhost; GRANT SELECT ON products TO some_of_it@localhost", false},
		{"a right to a column", "CREATE USER little_of_it@localhost; GRANT SELECT (stock) ON products TO little_of_it@localhost", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var then map[string]string
			alone()
			t.Run("before", func(t *testing.T) {
				db := server.New(t)
				then = schemaOf(t, db)
				require.NoError(t, db.GetContext(t.Context(), &first, "SELECT DATABASE()"))
				_, err := db.ExecContext(t.Context(), c.does)
				require.NoError(t, err)
			})
			alone()
			db := server.New(t)
			var name string
			require.NoError(t, db.GetContext(t.Context(), &name, "SELECT DATABASE()"))
			require.Equal(t, c.again, name == first, "whether it is used again")
			require.Equal(t, then, schemaOf(t, db), "with the next ids")
			require.Zero(t, rows(t, db))
			require.NoError(t, migrations.Check(t.Context(), db.DB.DB))
			var others int
			require.NoError(t, db.GetContext(t.Context(), &others, "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = ?", first))
			require.Equal(t, c.again, others == 1, "what was altered is dropped")
		})
	}
}

// A database that somebody of an earlier test is still connected to is nobody else's.
func TestNewWhileSomebodyIsConnected(t *testing.T) {
	server := testdb.NewServer(t)
	var late *sql.DB
	var first string
	t.Run("before", func(t *testing.T) {
		db := server.New(t)
		require.NoError(t, db.GetContext(t.Context(), &first, "SELECT DATABASE()"))
		var err error
		late, err = sql.Open("mysql", db.DSN)
		require.NoError(t, err)
		require.NoError(t, late.PingContext(t.Context()))
	})
	defer func() { require.NoError(t, late.Close()) }()
	var name string
	require.NoError(t, server.New(t).GetContext(t.Context(), &name, "SELECT DATABASE()"))
	require.NotEqual(t, first, name)
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
