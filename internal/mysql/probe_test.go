package mysql_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/mysql"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
)

func TestProbe(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	db := worktest.Open(t, plain.DSN)
	require.NoError(t, mysql.Probe(t.Context(), db))
	require.Equal(t, 2, worktest.Get[int](t, plain, `SELECT COUNT(DISTINCT claimed_by) FROM claim_probe`), "each connection had a row of its own")
}

func TestProbeToleratesOtherProbers(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	var work sync.WaitGroup
	errs := make([]error, 6)
	for i := range errs {
		db := worktest.Open(t, plain.DSN)
		work.Go(func() { errs[i] = mysql.Probe(t.Context(), db) })
	}
	work.Wait()
	require.NoError(t, errors.Join(errs...))
}

// An engine that parses SKIP LOCKED and ignores it is stood for by a proxy that takes the words out on the way.
func TestProbeRefusesAnEngineThatIgnoresSkipLocked(t *testing.T) {
	t.Parallel()
	t.Run("and waits for the lock", func(t *testing.T) {
		proxy := testdb.NewProxy(t, testdb.New(t).DSN)
		proxy.Rewrite(t, "SKIP LOCKED", "           ")
		db, err := mysql.Open(proxy.DSN, mysql.Options{LockWait: time.Hour})
		require.NoError(t, err)
		defer func() { require.NoError(t, db.Close()) }()
		require.ErrorIs(t, mysql.Probe(t.Context(), db), mysql.ErrNoSkipLocked)
	})
	t.Run("and gives both the same row", func(t *testing.T) {
		proxy := testdb.NewProxy(t, testdb.New(t).DSN)
		proxy.Rewrite(t, "FOR UPDATE SKIP LOCKED", "                      ")
		proxy.Rewrite(t, "WHERE id = ", "WHERE id=7+") // nor does the write meet its rival
		require.ErrorIs(t, mysql.Probe(t.Context(), worktest.Open(t, proxy.DSN)), mysql.ErrNoSkipLocked)
	})
}

// Rows that stay locked prove nothing either way.
func TestProbeOfLockedRows(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	holder, err := plain.BeginTxx(t.Context(), nil)
	require.NoError(t, err)
	_, err = holder.ExecContext(t.Context(), `SELECT id FROM claim_probe FOR UPDATE`)
	require.NoError(t, err)
	err = mysql.Probe(t.Context(), worktest.Open(t, plain.DSN))
	require.ErrorIs(t, err, batch.ErrUnavailable)
	require.NotErrorIs(t, err, mysql.ErrNoSkipLocked)
	require.NoError(t, holder.Rollback())
	require.NoError(t, mysql.Probe(t.Context(), worktest.Open(t, plain.DSN)))
}
