package migrations_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/test/testdb"
	"duly/migrations"
)

// used calls do while a transaction of somebody else's uses a table.
func used(t *testing.T, db *testdb.DB, table string, do func()) {
	t.Helper()
	tx, err := db.BeginTxx(t.Context(), nil)
	require.NoError(t, err)
	_, err = tx.ExecContext(t.Context(), "SELECT 1 FROM "+table+" LIMIT 1")
	require.NoError(t, err)
	do()
	require.NoError(t, tx.Rollback())
}

// A migration that waits for a long query holds up every later statement on that table. It gives up after a second, changes nothing, and can be run
// again.
func TestATableThatIsInUseStopsNobodyElse(t *testing.T) {
	db := testdb.New(t)
	newest := schema(t, db)
	back(t, db, "00005_gateway_customer.sql")
	older := schema(t, db)
	used(t, db, "payment_attempts", func() {
		done := make(chan error, 1)
		go func() {
			_, err := migrations.Up(t.Context(), db.DB.DB)
			done <- err
		}()
		waits := "SELECT COUNT(*) FROM information_schema.processlist WHERE db = DATABASE() AND state LIKE 'Waiting for table metadata lock%'"
		require.Eventually(t, func() bool { return number(t, db, waits) > 0 || len(done) > 0 }, time.Minute, time.Millisecond)
		behind, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := db.ExecContext(behind, "SELECT 1 FROM payment_attempts LIMIT 1")
		require.NoError(t, err, "the shop's statement")
		err = <-done
		require.ErrorIs(t, err, migrations.ErrInUse)
		require.EqualError(t, err, "migrate up: 00005_gateway_customer.sql changes a table that is in use")
	})
	require.Equal(t, older, schema(t, db))

	used(t, db, "invoices", func() {
		names, err := migrations.Up(t.Context(), db.DB.DB)
		require.EqualError(t, err, "migrate up: 00007_network.sql changes a table that is in use")
		require.Equal(t, []string{"00005_gateway_customer.sql", "00006_all_answered.sql"}, names, "applied before the error")
	})
	names, err := migrations.Up(t.Context(), db.DB.DB)
	require.NoError(t, err)
	require.Equal(t, "00007_network.sql", names[0])
	require.Equal(t, newest, schema(t, db))

	used(t, db, "refunds", func() {
		_, err := migrations.Down(t.Context(), db.DB.DB)
		require.ErrorIs(t, err, migrations.ErrInUse)
		require.EqualError(t, err, "migrate down: 00014_refund_checks.sql changes a table that is in use")
	})
	require.Equal(t, newest, schema(t, db))
}

// Hosts that migrate at the same time take turns, and the later ones find nothing to do.
func TestMigrationsOfOneSchemaTakeTurns(t *testing.T) {
	db := testdb.Empty(t)
	type result struct {
		names []string
		err   error
	}
	results := make(chan result, 3)
	for range cap(results) {
		go func() {
			r := result{err: migrations.ErrInUse}
			for errors.Is(r.err, migrations.ErrInUse) {
				r.names, r.err = migrations.Up(t.Context(), db.DB.DB)
			}
			results <- r
		}()
	}
	var applied [][]string
	for range cap(results) {
		r := <-results
		require.NoError(t, r.err)
		if len(r.names) > 0 {
			applied = append(applied, r.names)
		}
	}
	require.Equal(t, [][]string{known(t, db)}, applied, "one has applied them all")

	conn, err := db.Conn(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	_, err = conn.ExecContext(t.Context(), "DO GET_LOCK(CONCAT('duly_migrate_', LEFT(SHA2(DATABASE(), 256), 32)), 0)")
	require.NoError(t, err)
	_, err = migrations.Down(t.Context(), db.DB.DB)
	require.EqualError(t, err, "migrate down: another `duly migrate` is running: the schema is in use")
	_, err = migrations.Up(t.Context(), testdb.Empty(t).DB.DB)
	require.NoError(t, err, "of another schema on the same server")
}

// The session variables that a migration sets are restored, for those who go on using the connection.
func TestAMigrationLeavesItsConnectionAsItWas(t *testing.T) {
	db := testdb.New(t)
	db.SetMaxOpenConns(1)
	_, err := db.ExecContext(t.Context(), "SET SESSION wait_timeout = 61")
	require.NoError(t, err)
	names, err := migrations.Up(t.Context(), db.DB.DB)
	require.NoError(t, err)
	require.Empty(t, names)
	require.Equal(t, 61, number(t, db, "SELECT @@SESSION.wait_timeout"))
	require.Equal(t, 1, number(t, db, "SELECT @@SESSION.lock_wait_timeout = @@GLOBAL.lock_wait_timeout"))
	require.Equal(t, 1, number(t, db, "SELECT IS_FREE_LOCK(CONCAT('duly_migrate_', LEFT(SHA2(DATABASE(), 256), 32)))"))
}
