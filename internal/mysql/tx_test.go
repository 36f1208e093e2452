package mysql_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/mysql"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
)

const mark = `UPDATE claim_probe SET claimed_at = UTC_TIMESTAMP(6) WHERE id = ?`

// Two transactions lock two rows in opposite orders, each after the other has its first: one of them is a
// deadlock's victim, and both succeed in the end.
func TestTxRepeatsAfterADeadlock(t *testing.T) {
	t.Parallel()
	db := worktest.Open(t, testdb.New(t).DSN)
	var work, both sync.WaitGroup
	both.Add(2)
	tries := make([]int, 2)
	errs := make([]error, 2)
	for i := range 2 {
		work.Go(func() {
			errs[i] = mysql.Tx(t.Context(), db, "test", func(tx *sqlx.Tx) error {
				tries[i]++
				if _, err := tx.ExecContext(t.Context(), mark, 1+i); err != nil {
					return err
				}
				if tries[i] == 1 {
					both.Done()
					both.Wait()
				}
				_, err := tx.ExecContext(t.Context(), mark, 2-i)
				return err
			})
		})
	}
	work.Wait()
	require.NoError(t, errors.Join(errs...))
	require.Equal(t, 3, tries[0]+tries[1])
}

// A lock that lasts is waited for twice, not for ever, and nothing of the transaction stays.
func TestTxGivesUpOnALastingLock(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	db := worktest.Open(t, plain.DSN)
	holder, err := plain.BeginTxx(t.Context(), nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, holder.Rollback()) }()
	_, err = holder.ExecContext(t.Context(), mark, 2)
	require.NoError(t, err)
	tries := 0
	err = mysql.Tx(t.Context(), db, "test", func(tx *sqlx.Tx) error {
		tries++
		if _, err := tx.ExecContext(t.Context(), mark, 1); err != nil {
			return err
		}
		_, err := tx.ExecContext(t.Context(), mark, 2)
		return err
	})
	require.ErrorIs(t, err, batch.ErrLocked)
	require.NotErrorIs(t, err, batch.ErrUnavailable)
	require.Equal(t, 2, tries)
	require.Zero(t, worktest.Get[int](t, plain, `SELECT COUNT(*) FROM claim_probe WHERE claimed_at IS NOT NULL`), "rolled back")
}

// Deadlocks one after another are not repeated for ever either. The server says so of a transaction that is
// told to.
func TestTxRepeatsADeadlockFiveTimesAtMost(t *testing.T) {
	t.Parallel()
	db := worktest.Open(t, testdb.New(t).DSN)
	tries := 0
	err := mysql.Tx(t.Context(), db, "test", func(tx *sqlx.Tx) error {
		tries++
		_, err := tx.ExecContext(t.Context(), `SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213, MESSAGE_TEXT = 'Deadlock found'`)
		return err
	})
	require.ErrorIs(t, err, batch.ErrLocked)
	require.Equal(t, 5, tries)
}

func TestTxDoesNotRepeatOtherErrors(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	db := worktest.Open(t, plain.DSN)
	tries := 0
	err := mysql.Tx(t.Context(), db, "test", func(tx *sqlx.Tx) error {
		tries++
		if _, err := tx.ExecContext(t.Context(), mark, 1); err != nil {
			return err
		}
		_, err := tx.ExecContext(t.Context(), `INSERT INTO claim_probe (id) VALUES (1)`)
		return err
	})
	require.True(t, mysql.IsDuplicate(err), "%v", err)
	require.NotErrorIs(t, err, batch.ErrLocked)
	require.NotErrorIs(t, err, batch.ErrUnavailable)
	require.Equal(t, 1, tries)
	require.Zero(t, worktest.Get[int](t, plain, `SELECT COUNT(*) FROM claim_probe WHERE claimed_at IS NOT NULL`), "rolled back")
}

func TestTxAndALostCommit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		lose    func(*testdb.Proxy) <-chan struct{}
		changed int
	}{
		{"its answer", (*testdb.Proxy).LoseCommitAnswer, 1},
		{"on the way there", (*testdb.Proxy).LoseCommit, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			plain := testdb.New(t)
			proxy := testdb.NewProxy(t, plain.DSN)
			db := worktest.Open(t, proxy.DSN)
			lost := c.lose(proxy)
			tries := 0
			err := mysql.Tx(t.Context(), db, "test", func(tx *sqlx.Tx) error {
				tries++
				_, err := tx.ExecContext(t.Context(), mark, 1)
				return err
			})
			<-lost
			require.ErrorIs(t, err, mysql.ErrCommitUnknown)
			require.ErrorIs(t, err, batch.ErrUnavailable)
			require.Equal(t, 1, tries, "it is not repeated blindly")
			require.Eventually(t, func() bool {
				return c.changed == worktest.Get[int](t, plain, `SELECT COUNT(*) FROM claim_probe WHERE claimed_at IS NOT NULL`)
			}, eventually, soon)
		})
	}
}

func TestTxWithoutAConnection(t *testing.T) {
	t.Parallel()
	db, err := mysql.Open(testdb.New(t).DSN, mysql.Options{MaxOpen: 1, Acquire: soon})
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	err = mysql.Tx(t.Context(), db, "outer", func(*sqlx.Tx) error {
		return mysql.Tx(t.Context(), db, "inner", func(*sqlx.Tx) error { return nil })
	})
	require.ErrorIs(t, err, batch.ErrUnavailable)
	require.ErrorContains(t, err, "no connection within")
}

func TestTxEndsWithItsContext(t *testing.T) {
	t.Parallel()
	db := worktest.Open(t, testdb.New(t).DSN)
	ctx, cancel := context.WithCancel(t.Context())
	err := mysql.Tx(ctx, db, "test", func(tx *sqlx.Tx) error {
		cancel()
		_, err := tx.ExecContext(ctx, mark, 1)
		return err
	})
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, batch.ErrLocked)
}
