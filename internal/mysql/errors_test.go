package mysql_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/mysql"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
)

// How long a test waits for another connection to see something, and how often it looks.
const (
	eventually = worktest.Patience
	soon       = 10 * time.Millisecond
)

// whoAmI is the number of a transaction's connection.
func whoAmI(t *testing.T, tx *sqlx.Tx) string {
	t.Helper()
	var id int64
	require.NoError(t, tx.GetContext(t.Context(), &id, `SELECT CONNECTION_ID()`))
	return strconv.FormatInt(id, 10)
}

func TestErrorsOfTheConnectionAreUnavailable(t *testing.T) {
	t.Parallel()
	server := testdb.NewServer(t)
	plain := server.New(t)
	db := worktest.Open(t, plain.DSN)
	for _, c := range []struct {
		name  string
		wreck func(tx *sqlx.Tx)
		mend  func()
	}{
		{"connection killed", func(tx *sqlx.Tx) { worktest.Exec(t, plain, `KILL `+whoAmI(t, tx)) }, nil},
		{"statement refused in read-only mode", func(*sqlx.Tx) {
			worktest.Exec(t, plain, `SET GLOBAL read_only = 1`)
			if testdb.Engine() == "mysql" {
				worktest.Exec(t, plain, `SET GLOBAL super_read_only = 1`)
			}
		}, func() { worktest.Exec(t, plain, `SET GLOBAL read_only = 0`) }},
		{"disk full", func(tx *sqlx.Tx) {
			_, err := tx.ExecContext(t.Context(), `SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1114, MESSAGE_TEXT = 'The table is full'`)
			require.ErrorIs(t, mysql.Classify(t.Context(), err), batch.ErrUnavailable)
			worktest.Exec(t, plain, `KILL `+whoAmI(t, tx))
		}, nil},
		{"server killed", func(*sqlx.Tx) { server.Kill(t) }, func() { server.Restart(t) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			user := db
			if c.mend != nil && c.name[0:9] == "statement" { // root may write anyway on MariaDB
				user = unprivileged(t, server, plain)
			}
			err := mysql.Tx(t.Context(), user, "test", func(tx *sqlx.Tx) error {
				c.wreck(tx)
				_, err := tx.ExecContext(t.Context(), mark, 1)
				return err
			})
			if c.mend != nil {
				c.mend()
			}
			require.ErrorIs(t, err, batch.ErrUnavailable)
			require.Eventually(t, func() bool { return mysql.Ping(t.Context(), db) == nil }, eventually, soon)
		})
	}
}

// unprivileged connects as a user who may only work with the tables.
func unprivileged(t *testing.T, _ *testdb.Server, plain *testdb.DB) *mysql.DB {
	t.Helper()
	worktest.Exec(t, plain, `CREATE USER 'duly'@'localhost' IDENTIFIED BY 'pw'`)
	worktest.Exec(t, plain, `GRANT SELECT, INSERT, UPDATE, DELETE ON *.* TO 'duly'@'localhost'`)
	return worktest.Open(t, asUser(t, plain.DSN, "duly", "pw"))
}

func TestAStatementThatIsInterruptedIsUnavailable(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	db := worktest.Open(t, plain.DSN)
	err := mysql.Tx(t.Context(), db, "test", func(tx *sqlx.Tx) error {
		_, err := tx.ExecContext(t.Context(), `SIGNAL SQLSTATE '70100' SET MYSQL_ERRNO = 1317, MESSAGE_TEXT = 'interrupted'`)
		return err
	})
	require.ErrorIs(t, err, batch.ErrUnavailable)
}

func TestReasonHoldsNoStatement(t *testing.T) {
	t.Parallel()
	db := worktest.Open(t, testdb.New(t).DSN)
	_, err := db.ExecContext(t.Context(), `INSERT INTO claim_probe (id) VALUES (?)`, 1)
	require.Equal(t, "error 1062 (23000)", mysql.Reason(err)[:18])
	require.NotContains(t, mysql.Reason(err), "INSERT")
}
