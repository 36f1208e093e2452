package testdb_test

import (
	"database/sql"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/test/testdb"
)

// through opens a pool that reaches the database by the proxy.
func through(t *testing.T, proxy *testdb.Proxy) *sql.DB {
	t.Helper()
	db, err := sql.Open("mysql", proxy.DSN)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// insert adds a row in a transaction and returns what COMMIT said.
func insert(t *testing.T, db *sql.DB) error {
	t.Helper()
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = tx.ExecContext(t.Context(), "INSERT INTO products (name, stock) VALUES ('tea', 3)")
	require.NoError(t, err)
	return tx.Commit()
}

func rows(t *testing.T, db *testdb.DB) int {
	t.Helper()
	var n int
	require.NoError(t, db.GetContext(t.Context(), &n, "SELECT COUNT(*) FROM products"))
	return n
}

func TestProxyLosesCommits(t *testing.T) {
	for name, test := range map[string]struct {
		lose func(*testdb.Proxy) <-chan struct{}
		rows int
	}{
		"its answer": {lose: (*testdb.Proxy).LoseCommitAnswer, rows: 1},
		"itself":     {lose: (*testdb.Proxy).LoseCommit, rows: 0},
	} {
		t.Run(name, func(t *testing.T) {
			db := testdb.New(t)
			proxy := testdb.NewProxy(t, db.DSN)
			pool := through(t, proxy)
			lost := test.lose(proxy)
			require.Error(t, insert(t, pool))
			<-lost
			require.Equal(t, test.rows, rows(t, db))

			require.NoError(t, insert(t, pool), "only one is lost")
			require.Equal(t, test.rows+1, rows(t, db))
		})
	}
}

func TestProxyCuts(t *testing.T) {
	db := testdb.New(t)
	proxy := testdb.NewProxy(t, db.DSN)
	pool := through(t, proxy)
	tx, err := pool.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = tx.ExecContext(t.Context(), "INSERT INTO products (name, stock) VALUES ('tea', 3)")
	require.NoError(t, err)
	proxy.Cut()
	require.Error(t, tx.Commit())
	require.Zero(t, rows(t, db))
	require.NoError(t, pool.PingContext(t.Context()))
}

func TestProxyRefuses(t *testing.T) {
	proxy := testdb.NewProxy(t, testdb.New(t).DSN)
	pool := through(t, proxy)
	require.NoError(t, pool.PingContext(t.Context()))
	proxy.Refuse()
	require.Error(t, pool.PingContext(t.Context()))
	proxy.Admit()
	require.NoError(t, pool.PingContext(t.Context()))
}
