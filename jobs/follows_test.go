package jobs_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/query"
	"duly/internal/test/worktest"
	"duly/jobs"
)

// An invoice that a run saw declined twice, ahead of its stage and before, has one retry to come, and the newest decline says whether it needs another card.
func TestAnInvoiceDeclinedTwiceHasOneRetryToCome(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.enrol("pm_soft:1", "pm_hard:2", "pm_soft:3")
	run := func() uint64 {
		require.Equal(t, batch.ExitDone, w.run(func(o *jobs.BillingOptions, r *batch.Runner) { newMethods(o, r) }).Exit)
		return worktest.Get[uint64](t, w.plain, `SELECT MAX(id) FROM job_runs`)
	}
	run()
	w.writes(1, "pm_soft:4")
	w.writes(2, "pm_soft:5")
	last := run()
	worktest.Exec(t, w.plain, `UPDATE payment_attempts SET run_id = ?`, last)
	follows, err := query.NextCharges(t.Context(), worktest.Open(t, w.plain.DSN), last, time.Time{}.AddDate(2000, 0, 0))
	require.NoError(t, err)
	require.Equal(t, []query.NextCharge{{Date: worktest.Day(t, "2026-02-01"), Count: 3}}, follows)
}
