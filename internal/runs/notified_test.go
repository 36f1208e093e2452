package runs_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/runs"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
)

// died adds a run that died so many days ago.
func died(t *testing.T, plain *testdb.DB, days int, status string) {
	t.Helper()
	worktest.Exec(t, plain, `INSERT INTO job_runs (job, business_date, params, status, lease, lease_ms, host, pid, version, heartbeat_at)
VALUES ('billing', '2026-01-31', '{}', ?, '1234567890123456', 60000, 'vm', 1, 'v', UTC_TIMESTAMP(6) - INTERVAL ? DAY)`, status, days)
}

// A run that died is reported once, by the first command that sees it, or by the next if that one could not.
func TestTheDeadAreToldOfOnce(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	db := worktest.Open(t, plain.DSN)
	for _, days := range []int{3, 2, 9, 1} {
		died(t, plain, days, "abandoned")
	}
	died(t, plain, 0, "completed")
	died(t, plain, 0, "running")
	take := func(limit int) []uint64 {
		dead, err := runs.TakeDead(t.Context(), db, 7*24*time.Hour, limit)
		require.NoError(t, err)
		var ids []uint64
		for _, d := range dead {
			require.Equal(t, "billing 2026-01-31 vm", d.Job+" "+d.BusinessDate+" "+d.Host)
			ids = append(ids, d.ID)
		}
		return ids
	}
	require.Equal(t, []uint64{4, 2}, take(2))
	require.Equal(t, []uint64{1}, take(2))
	require.Empty(t, take(2))
	require.NoError(t, runs.UnmarkNotified(t.Context(), db, []uint64{1, 2}))
	require.Equal(t, []uint64{2, 1}, take(5))
	require.NoError(t, runs.UnmarkNotified(t.Context(), db, nil))
	require.Empty(t, take(5))
	require.NoError(t, runs.UnmarkNotified(t.Context(), db, []uint64{1, 2}))
	require.NoError(t, runs.MarkNotified(t.Context(), db, []uint64{2, 1}))
	require.Empty(t, take(5))

	require.NoError(t, runs.UnmarkNotified(t.Context(), db, []uint64{1, 2, 4}))
	var work sync.WaitGroup
	found := make([]int, 4)
	for i := range found {
		work.Go(func() {
			dead, err := runs.TakeDead(t.Context(), db, 7*24*time.Hour, 5)
			if err == nil {
				found[i] = len(dead)
			}
		})
	}
	work.Wait()
	require.Equal(t, 3, found[0]+found[1]+found[2]+found[3])
}
