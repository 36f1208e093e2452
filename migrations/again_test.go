package migrations_test

import (
	"context"
	"database/sql"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"

	"duly/internal/test/testdb"
	"duly/migrations"
)

// schema is every table as the server would make it again.
func schema(t *testing.T, db *testdb.DB) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, table := range list(t, db, "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = DATABASE()") {
		var name, definition string
		require.NoError(t, db.QueryRowContext(t.Context(), "SHOW CREATE TABLE "+table).Scan(&name, &definition))
		before, after, _ := strings.Cut(definition, " AUTO_INCREMENT=") // of the rows
		if _, after, found := strings.Cut(after, " "); found {
			before += " " + after
		}
		all[table] = before
	}
	return all
}

// known are the names of the migrations, in the order in which they are applied.
func known(t *testing.T, db *testdb.DB) []string {
	t.Helper()
	all, err := migrations.Status(t.Context(), db.DB.DB)
	require.NoError(t, err)
	names := make([]string, 0, len(all))
	for _, m := range all {
		names = append(names, m.Name)
	}
	return names
}

// through calls do with a pool that reaches the database by the proxy, without a log of what breaks.
func through(t *testing.T, proxy *testdb.Proxy, do func(pool *sql.DB) error) error {
	t.Helper()
	config, err := mysql.ParseDSN(proxy.DSN)
	require.NoError(t, err)
	config.ParseTime, config.InterpolateParams, config.Logger = true, true, &mysql.NopLogger{}
	connector, err := mysql.NewConnector(config)
	require.NoError(t, err)
	pool := sql.OpenDB(connector)
	defer func() { _ = pool.Close() }() // its connections may be broken
	return do(pool)
}

// quiet waits until the server has carried out what nobody waits for any more. db has one connection.
func quiet(t *testing.T, db *testdb.DB) {
	t.Helper()
	require.Eventually(t, func() bool {
		return number(t, db, "SELECT COUNT(*) FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()") == 0
	}, 2*time.Minute, 2*time.Millisecond)
}

// It is killed after its first statement, run again and killed after its second, and so on, for each migration: it is never stuck, and
// what comes of it is what comes of one that was not killed.
func TestAKilledMigrationCanBeRunAgain(t *testing.T) {
	db := testdb.Empty(t)
	db.SetMaxOpenConns(1) // see quiet
	proxy := testdb.NewProxy(t, db.DSN)
	applied := func() int {
		if number(t, db, "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'duly_migrations'") == 0 {
			return 0
		}
		return number(t, db, "SELECT COUNT(DISTINCT version_id) FROM duly_migrations WHERE version_id > 0")
	}
	kills, versions := 0, 0
	for statement := 1; ; statement++ {
		require.Less(t, statement, 1000)
		proxy.DieAt(statement)
		err := through(t, proxy, func(pool *sql.DB) error {
			_, err := migrations.Up(t.Context(), pool)
			return err
		})
		quiet(t, db)
		if err == nil {
			break
		}
		kills++
		if n := applied(); n > versions {
			versions, statement = n, 0
			if n == 2 { // something to book
				attempt(t, db, 1, "main", "succeeded", "pay_1", nil)
				payment(t, db, 1, "main", "succeeded", "pay_1")
			}
		}
	}
	require.Len(t, known(t, db), versions)
	require.Greater(t, kills, 50)
	require.NoError(t, migrations.Check(t.Context(), db.DB.DB))
	clean := testdb.Empty(t)
	up(t, clean)
	require.Equal(t, schema(t, clean), schema(t, db))
	require.Equal(t, 2, number(t, db, "SELECT COUNT(*) FROM claim_probe"))
	require.Equal(t, []string{"main  pay_1 attempt 1"}, list(t, db, booked))
	require.Equal(t, []string{"booked_twice ord_1 pay_1 payment:1 pay_1 is booked for attempt 1 too"}, list(t, db, found))
}

// The way back can be run again as well.
func TestAKilledWayBackCanBeRunAgain(t *testing.T) {
	db := testdb.Empty(t)
	all := len(up(t, db))
	db.SetMaxOpenConns(1) // see quiet
	proxy := testdb.NewProxy(t, db.DSN)
	down := 0
	for statement := 1; down < all; statement++ {
		require.Less(t, statement, 1000)
		proxy.DieAt(statement)
		err := through(t, proxy, func(pool *sql.DB) error {
			_, err := migrations.Down(t.Context(), pool)
			return err
		})
		quiet(t, db)
		if err == nil {
			down, statement = down+1, 0
		} else if n := number(t, db, "SELECT COUNT(DISTINCT version_id) FROM duly_migrations WHERE version_id > 0"); all-n > down {
			down, statement = all-n, 0
		}
	}
	require.Equal(t, []string{"duly_migrations"}, list(t, db, "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = DATABASE()"))
	db.SetMaxOpenConns(0)
	require.Len(t, up(t, db), all)
}

// A server's default row format may be one whose index keys are too short.
func TestMigrationsOnAServerWithAnotherRowFormat(t *testing.T) {
	db := testdb.NewServer(t, "--innodb-default-row-format=COMPACT").Empty(t)
	names := up(t, db)
	require.Equal(t, known(t, db), names)
	require.Empty(t, list(t, db, `SELECT table_name AS name FROM information_schema.tables
WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE' AND row_format <> 'Dynamic'`))
}

// A stop before the first statement leaves nothing.
func TestAMigrationThatIsStopped(t *testing.T) {
	db := testdb.Empty(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := migrations.Up(ctx, db.DB.DB)
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, list(t, db, "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = DATABASE()"))
	names := up(t, db)
	require.Equal(t, known(t, db), names)
}
