package jobs_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/test/worktest"
	"duly/jobs"
)

// fired adds a firing and returns its id.
func (k *keeper) fired(job, at string, finished any) uint64 {
	k.t.Helper()
	worktest.Exec(k.t, k.plain, `INSERT INTO schedule_firings (job, fires_at, host, lease, lease_ms, started_at, finished_at)
VALUES (?, ?, 'host', '1234567890123456', 60000, ?, ?)`, job, at, at, finished)
	return worktest.Get[uint64](k.t, k.plain, `SELECT MAX(id) FROM schedule_firings`)
}

// Firings are kept as long as runs are, the newest of each job for ever.
func TestPruneFirings(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, pruneNow)
	k.fired("billing", "2026-01-01", longAgo)
	k.fired("billing", "2026-01-02", "2026-04-01 11:59:59.999999")
	unmarked := k.fired("billing", "2026-01-03", nil)
	edge := k.fired("billing", "2026-04-01", edgeRuns)
	k.fired("audit", "2026-01-01", longAgo)
	newest := k.fired("audit", "2026-01-02", longAgo)
	k.fired("nightly", "2026-01-01", longAgo)
	young := k.fired("nightly", "2026-06-29", "2026-06-29 03:00:00")
	run := k.ran("billing", "completed", 0, longAgo)
	k.ran("billing", "completed", 0, "2026-06-29")

	result := k.prune(func(o *jobs.PruneOptions) { o.Runs = 0 })
	require.Equal(t, batch.ExitDone, result.Exit)
	require.Len(t, k.ids("schedule_firings"), 8, "0: for ever")

	result = k.prune(func(o *jobs.PruneOptions) { o.Steps = []string{jobs.StepFirings} })
	require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
	require.Equal(t, int64(4), result.Tally.Succeeded)
	require.Equal(t, []uint64{unmarked, edge, newest, young}, k.ids("schedule_firings"))
	require.Contains(t, k.ids("job_runs"), run, "the other steps did not run")
}
