package runs_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/runs"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
)

func TestLastRunsAndSuccesses(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	r := repository(t, plain)
	// ends starts a run and ends it so many hours ago.
	ends := func(job, params string, hours int, result batch.Result) uint64 {
		spec := worktest.Spec()
		spec.Job, spec.Params = job, []byte(params)
		run, err := r.Start(t.Context(), spec)
		require.NoError(t, err)
		if result.Status != "" {
			require.NoError(t, r.Finish(t.Context(), run, nil, result))
		}
		worktest.Exec(t, plain, `UPDATE job_runs SET started_at = UTC_TIMESTAMP(6) - INTERVAL ? HOUR,
finished_at = IF(finished_at IS NULL, NULL, UTC_TIMESTAMP(6) - INTERVAL ? HOUR) WHERE id = ?`, hours+1, hours, run.ID)
		return run.ID
	}
	done := batch.Result{Status: batch.Completed, Exit: batch.ExitDone}
	ends("billing", `{}`, 50, done)
	ends("billing", `{"date": "2026-01-31", "limit": 5}`, 26, done)
	ends("billing", `{"subscriptions": [42]}`, 20, done)
	ends("billing", `{"steps": ["issue"]}`, 19, done)
	ends("billing", `{}`, 10, batch.Result{Status: batch.Completed, Exit: batch.ExitReview})
	ends("billing", `{}`, 9, batch.Result{Status: batch.Completed, Exit: batch.ExitUnfinished})
	failed := ends("billing", `{}`, 2, batch.Result{Status: batch.Failed, Exit: batch.ExitFailed})
	ends("billing", `{}`, 0, batch.Result{}) // it is running
	ends("reconcile", `{"orders": [1]}`, 1, done)
	dead := ends("outbox", `{}`, 5, batch.Result{})
	worktest.Exec(t, plain, `UPDATE job_runs SET status = 'abandoned', heartbeat_at = UTC_TIMESTAMP(6) - INTERVAL 3 HOUR WHERE id = ?`, dead)

	successes, err := runs.LastSuccesses(t.Context(), r.DB)
	require.NoError(t, err)
	require.Len(t, successes, 1, "of some rows or steps alone is none")
	require.WithinDuration(t, time.Now().Add(-26*time.Hour), successes["billing"], time.Minute)

	last, err := runs.LastRuns(t.Context(), r.DB)
	require.NoError(t, err)
	require.Len(t, last, 3)
	require.Equal(t, failed, last[0].ID)
	require.Equal(t, "failed", last[0].Status)
	require.Equal(t, 1, *last[0].ExitCode)
	require.InDelta(t, time.Hour, last[0].Ended.Sub(last[0].Started), float64(time.Second))
	require.Equal(t, "outbox", last[1].Job)
	require.Equal(t, dead, last[1].ID)
	require.Nil(t, last[1].ExitCode)
	require.WithinDuration(t, time.Now().Add(-3*time.Hour), last[1].Ended, time.Minute, "its last heartbeat")
	require.Equal(t, "reconcile", last[2].Job)
}
