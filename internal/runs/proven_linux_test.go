package runs

import (
	"os"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/require"

	"duly/internal/mysql"
	"duly/internal/runlock"
	"duly/internal/test/testdb"
)

// A heartbeat that comes after the lock was looked at, as from a copy of the machine, keeps its run from being marked.
func TestAHeartbeatBetweenLookAndMark(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	db, err := mysql.Open(plain.DSN, mysql.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	dir, err := os.MkdirTemp("/dev/shm", "duly-test-") //nolint:usetesting // t.TempDir is on a disk
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	locks, err := runlock.Open(dir, "shop", os.Getenv, time.Now)
	require.NoError(t, err)
	token := []byte("0123456789abcdef")
	lock, err := locks.Take(token)
	require.NoError(t, err)
	proof, err := lock.Next()
	require.NoError(t, err)
	lock.Release(false)
	_, err = plain.ExecContext(t.Context(), `INSERT INTO job_runs (job, business_date, params, status, lease, lease_ms, host, pid, version, boot_id, lock_proof)
VALUES ('billing', '2026-01-31', '{}', 'running', ?, 60000, 'host', 1, 'v', ?, ?)`, token, locks.Boot(), proof)
	require.NoError(t, err)

	r := &Repository{DB: db, Now: time.Now, Locks: locks}
	proven, err := r.gone(t.Context(), Taker{})
	require.NoError(t, err)
	require.Len(t, proven, 1)
	defer proven[0].file.Close()
	_, err = plain.ExecContext(t.Context(), `UPDATE job_runs SET lock_proof = CONCAT(lock_proof, '0')`)
	require.NoError(t, err)
	require.NoError(t, mysql.Tx(t.Context(), db, "test", func(tx *sqlx.Tx) error {
		dead, err := proven[0].still(t.Context(), tx)
		require.Empty(t, dead)
		return err
	}))
	_, err = plain.ExecContext(t.Context(), `UPDATE job_runs SET lock_proof = ?`, proof)
	require.NoError(t, err)
	require.NoError(t, mysql.Tx(t.Context(), db, "test", func(tx *sqlx.Tx) error {
		dead, err := proven[0].still(t.Context(), tx)
		require.Len(t, dead, 1)
		return err
	}))
}
