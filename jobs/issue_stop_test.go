package jobs_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/test/worktest"
	"duly/jobs"
)

// A run that is stopped before it claims anything issues what is due within the drain, and sends nothing: a period of a day that is left to
// tomorrow is skipped.
func TestAStopBeforeClaimingLosesNoPeriod(t *testing.T) {
	t.Parallel()
	const n = 90
	at := func(step string) func(stop func(), r *batch.Runner) {
		return func(stop func(), r *batch.Runner) {
			r.OnStep = func(x *batch.StepExecution) {
				if x.Step == step {
					stop()
				}
			}
		}
	}
	for name, c := range map[string]struct {
		when  func(stop func(), r *batch.Runner)
		steps []string
	}{
		"before its first step": {when: func(stop func(), r *batch.Runner) { r.OnRun = func(*batch.Run, []*batch.StepExecution) { stop() } }},
		"in recover":            {when: at(jobs.StepRecover)},
		"in issue":              {when: at(jobs.StepIssue)},
		"in issue alone":        {when: at(jobs.StepIssue), steps: []string{jobs.StepIssue}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newTown(t)
			worktest.Enrol(t, w.plain, n, day0, func(_ int, s *worktest.Subscription) { s.Unit = "day" })
			w.noteBirths()
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			result := w.runOn(ctx, func(o *jobs.BillingOptions, r *batch.Runner) {
				small(o, r)
				o.Steps, r.Drain = c.steps, time.Minute
				c.when(stop, r)
			})
			require.Equal(t, batch.ExitUnfinished, result.Exit, "%v", result)
			require.Zero(t, w.sims["main"].Stats().Payments)
			require.NotContains(t, result.Left, "90 subscriptions due and not invoiced")
			require.Equal(t, []string{"open 90"}, w.births())
			require.Equal(t, n, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM subscriptions WHERE next_billing_date = '2026-02-01'`))

			result = w.on("2026-02-01").run(nil)
			require.Equal(t, []string{"90 subscriptions due and not invoiced"}, result.Left, "they waited for their older ones to be paid")
			require.Equal(t, batch.ExitDone, w.run(nil).Exit)
			require.Equal(t, 2*n, w.sims["main"].Stats().Payments)
		})
	}
}

// A drain that ends while a page is written leaves the rest to a later run, and is no failure of the run.
func TestADrainThatEndsWhileAPageIsIssued(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.enrol("pm_ok", "pm_ok")
	blocker, err := w.plain.BeginTx(t.Context(), nil) // the page waits for this invoice of another worker's, until the drain ends
	require.NoError(t, err)
	_, err = blocker.ExecContext(t.Context(), `INSERT INTO invoices (subscription_id, due_date, amount, currency, status, issued_date)
VALUES (1, ?, 1, 'KRW', 'open', ?)`, day0, day0)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	result := w.runOn(ctx, func(o *jobs.BillingOptions, r *batch.Runner) {
		o.Steps, r.Drain = []string{jobs.StepIssue, jobs.StepCollect}, 300*time.Millisecond
		r.OnStep = func(x *batch.StepExecution) {
			if x.Step == jobs.StepCollect {
				stop()
			}
		}
	})
	require.NoError(t, blocker.Rollback())
	require.Equal(t, batch.ExitUnfinished, result.Exit, "%v", result)
	require.NoError(t, result.Err)
	require.Equal(t, batch.ExitDone, w.run(nil).Exit)
	require.Equal(t, 2, w.attempts("succeeded"))
}
