package query_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/orders"
	"duly/internal/query"
	"duly/internal/store"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
)

// Who holds refunds that are asked for by rows is found, as long as that run has not ended and they are due.
func TestHoldersOfRequestedRefunds(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	db := worktest.Open(t, plain.DSN)
	worktest.Exec(t, plain, `INSERT INTO job_runs (id, job, business_date, params, status, lease, lease_ms, host, pid, version, heartbeat_at)
VALUES (7, 'reconcile', '2026-01-31', '{}', 'running', '1234567890123456', 60000, 'vm-1', 1, 'v', UTC_TIMESTAMP(6))`)
	worktest.Exec(t, plain, `INSERT INTO refunds (payment_id, amount, currency, reason, status, lease, run_id, next_try_at)
VALUES (1, 100, 'KRW', 'r', 'requested', '6543210987654321', 7, NULL), (2, 100, 'KRW', 'r', 'in_doubt', '6543210987654321', 7, UTC_TIMESTAMP(6) - INTERVAL 1 MINUTE),
(3, 100, 'KRW', 'r', 'in_doubt', '6543210987654321', 7, UTC_TIMESTAMP(6) + INTERVAL 1 HOUR), (4, 100, 'KRW', 'r', 'requested', NULL, NULL, NULL)`)
	held := func(run uint64) (n int64) {
		list, err := query.ReconcileHolders(t.Context(), db, query.ReconcileWork{
			Policy: orders.Policy{OlderThan: time.Minute, GiveUpAfter: time.Hour}, Orders: true, Refunds: true, Due: time.Now(), Now: time.Now(), Run: run,
		})
		require.NoError(t, err)
		for _, o := range list {
			require.EqualValues(t, 7, o.ID)
			n += o.Claimed
		}
		return n
	}
	require.EqualValues(t, 2, held(8))
	require.Zero(t, held(7), "itself")
	worktest.Exec(t, plain, `UPDATE job_runs SET status = 'completed'`)
	require.Zero(t, held(8), "it has ended")
	list, err := query.RequestedHolders(t.Context(), db, store.Selection{Orders: []uint64{9}}, time.Now(), 8)
	require.NoError(t, err)
	require.Empty(t, list)
}
