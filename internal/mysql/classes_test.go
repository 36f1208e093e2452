package mysql_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	driver "github.com/go-sql-driver/mysql"
	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/mysql"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
)

// What the server says of a statement blames a row, or the server, or neither. Only what is listed as an error of a row's values
// blames a row.
func TestWhatAnErrorBlames(t *testing.T) {
	t.Parallel()
	locked, away, row, statement := batch.ErrLocked, batch.ErrUnavailable, batch.ErrData, batch.ErrDatabase
	for number, want := range map[uint16]error{
		1205: locked, 1213: locked, 3572: locked, 3101: locked,
		1021: away, 1040: away, 1047: away, 1053: away, 1114: away, 1203: away, 1290: away, 1317: away, 1836: away, 1927: away, 2013: away,
		3032: away, 3100: away, 3169: away, 4031: away, 9001: away,
		1048: row, 1062: row, 1264: row, 1292: row, 1366: row, 1369: row, 1406: row, 1452: row, 1644: row, 1690: row, 3819: row, 4025: row,
		1044: statement, 1054: statement, 1105: statement, 1142: statement, 1146: statement, 1153: statement, 1226: statement, 1364: statement,
		1969: statement, 3024: statement, 1665: statement, 1197: statement, 9999: statement,
	} {
		for _, at := range []string{"%w", "a statement: %w"} {
			err := mysql.Classify(t.Context(), fmt.Errorf(at, &driver.MySQLError{Number: number, Message: "x"}))
			for _, class := range []error{locked, away, row, statement} {
				require.Equal(t, class == want, errors.Is(err, class), "%d: %v", number, err) //nolint:errorlint // which of them it is
			}
		}
	}
	for _, err := range []error{driver.ErrInvalidConn, driver.ErrMalformPkt, driver.ErrPktSync} {
		require.ErrorIs(t, mysql.Classify(t.Context(), err), away)
	}
	require.ErrorIs(t, mysql.Classify(t.Context(), driver.ErrPktTooLarge), statement)
	mistake := errors.New("a mistake of ours")
	require.Equal(t, mistake, mysql.Classify(t.Context(), mistake))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, mysql.Classify(ctx, &driver.MySQLError{Number: 1406}), context.Canceled)
}

// A value that a view shows and that no column of duly's can hold is the row's own.
func TestAValueThatCannotBeReadIsTheRows(t *testing.T) {
	t.Parallel()
	db := worktest.Open(t, testdb.New(t).DSN)
	var id uint64
	err := mysql.Classify(t.Context(), db.GetContext(t.Context(), &id, `SELECT NULL`))
	require.ErrorIs(t, err, batch.ErrData)
}

// A conflict on a cluster is met at COMMIT: the transaction was rolled back, and is run again. Any other error there leaves
// nobody certain.
func TestErrorsAtCommit(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		number  uint16
		message string
		times   int
		want    error
		tries   int
	}{
		"Galera, once":                   {1213, "Deadlock found", 1, nil, 2},
		"group replication, once":        {3101, "Plugin instructed the server to rollback the current transaction.", 1, nil, 2},
		"engine conflict, MySQL":         {1180, "Got error 149 - 'Lock deadlock; Retry transaction' during COMMIT", 1, nil, 2},
		"engine conflict, MariaDB":       {1180, `Got error 149 "Lock deadlock; Retry transaction" during COMMIT`, 1, nil, 2},
		"group replication, all along":   {3101, "Plugin instructed", -1, batch.ErrLocked, 5},
		"a CHECK at the end":             {4025, "CONSTRAINT failed", -1, batch.ErrData, 1},
		"the disk is full":               {1180, `Got error 28 "No space left on device" during COMMIT`, -1, mysql.ErrCommitUnknown, 1},
		"no majority":                    {3100, "Error on observer while running replication hook 'before_commit'.", -1, mysql.ErrCommitUnknown, 1},
		"something that nobody has seen": {1105, "Unknown error", -1, mysql.ErrCommitUnknown, 1},
	} {
		t.Run(name, func(t *testing.T) {
			plain := testdb.New(t)
			proxy := testdb.NewProxy(t, plain.DSN)
			db := worktest.Open(t, proxy.DSN)
			proxy.Fail("COMMIT", c.times, c.number, "HY000", c.message)
			tries := 0
			err := mysql.Tx(t.Context(), db, "test", func(tx *sqlx.Tx) error {
				tries++
				_, err := tx.ExecContext(t.Context(), mark, 1)
				return err
			})
			require.Equal(t, c.tries, tries)
			changed := worktest.Get[int](t, plain, `SELECT COUNT(*) FROM claim_probe WHERE claimed_at IS NOT NULL`)
			if c.want == nil {
				require.NoError(t, err)
				require.Equal(t, 1, changed)
				return
			}
			require.ErrorIs(t, err, c.want)
			require.Equal(t, errors.Is(c.want, batch.ErrUnavailable), errors.Is(err, batch.ErrUnavailable))
			require.Zero(t, changed)
		})
	}
}

// A server that is away for a moment is waited for, before a transaction and within one, and while something is read.
func TestABlipIsNoOutage(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	proxy := testdb.NewProxy(t, plain.DSN)
	db := worktest.Open(t, proxy.DSN)
	require.NoError(t, mysql.Ping(t.Context(), db))
	blip := func() {
		proxy.Refuse()
		time.AfterFunc(10*time.Millisecond, proxy.Admit)
	}
	tries := 0
	blip()
	require.NoError(t, mysql.Tx(t.Context(), db, "test", func(tx *sqlx.Tx) error {
		if tries++; tries == 1 {
			blip()
		}
		_, err := tx.ExecContext(t.Context(), mark, 1)
		return err
	}))
	require.Equal(t, 2, tries)
	for range 3 {
		blip()
		ids, n := []int{7}, 0
		require.NoError(t, db.SelectContext(t.Context(), &ids, `SELECT id FROM claim_probe ORDER BY id`))
		require.Equal(t, []int{1, 2}, ids)
		proxy.Cut()
		require.NoError(t, db.GetContext(t.Context(), &n, `SELECT COUNT(*) FROM claim_probe`))
		require.Equal(t, 2, n)
		proxy.Cut()
		ids = nil
		require.NoError(t, mysql.SelectIn(t.Context(), db, &ids, `SELECT id FROM claim_probe WHERE id IN (?)`, []int{2}))
		require.Equal(t, []int{2}, ids)
	}

	proxy.Refuse()
	err := mysql.Tx(t.Context(), db, "test", func(*sqlx.Tx) error { return nil })
	require.ErrorIs(t, err, batch.ErrUnavailable, "but not for ever")
}

// A read time-out shorter than the wait for a lock would cut the statement off before the server says that it gave up, again and again.
func TestAReadTimeoutLeavesTheLockWaitAlone(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	holder, err := plain.BeginTxx(t.Context(), nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, holder.Rollback()) }()
	_, err = holder.ExecContext(t.Context(), mark, 1)
	require.NoError(t, err)
	db := worktest.Open(t, with(plain.DSN, "readTimeout=300ms"))
	err = mysql.Tx(t.Context(), db, "test", func(tx *sqlx.Tx) error {
		_, err := tx.ExecContext(t.Context(), mark, 1)
		return err
	})
	require.ErrorIs(t, err, batch.ErrLocked)
}

// A server that takes no changes says so, and its connection is not used again: another may lead to the primary.
func TestAReadOnlyServerSaysSo(t *testing.T) {
	t.Parallel()
	server := testdb.NewServer(t)
	plain := server.New(t)
	user := unprivileged(t, server, plain)
	user.SetMaxOpenConns(1)
	worktest.Exec(t, plain, `SET GLOBAL read_only = 1`)
	var before, after int64
	require.NoError(t, user.GetContext(t.Context(), &before, `SELECT CONNECTION_ID()`))
	err := mysql.WriteProbe(t.Context(), user)
	require.ErrorIs(t, err, batch.ErrUnavailable)
	require.ErrorContains(t, err, "the server is read-only (a replica or a demoted primary); point database.dsn at the primary")
	require.False(t, mysql.IsMisconfigured(err))
	require.NoError(t, user.GetContext(t.Context(), &after, `SELECT CONNECTION_ID()`))
	require.NotEqual(t, before, after)
	worktest.Exec(t, plain, `SET GLOBAL read_only = 0`)
	require.NoError(t, mysql.WriteProbe(t.Context(), user))
}
