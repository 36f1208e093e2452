package jobs_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
	"duly/jobs"
)

func small(o *jobs.BillingOptions, _ *batch.Runner) { o.ChunkSize = 7 }

func TestTwoRunsIssueEachInvoiceOnce(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	worktest.Enrol(t, w.plain, 120, day0, nil)
	other := *w
	var work sync.WaitGroup
	work.Go(func() { other.run(small) })
	w.run(small)
	work.Wait()
	require.Equal(t, batch.ExitDone, w.run(small).Exit)
	require.Equal(t, 120, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM invoices`))
	require.Equal(t, 120, w.sims["main"].Stats().Payments)
	w.reconcile()
}

func TestALockedSubscriptionHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	worktest.Enrol(t, w.plain, 30, day0, nil)
	tx, err := w.plain.BeginTxx(t.Context(), nil)
	require.NoError(t, err)
	defer func() { _ = tx.Rollback() }()
	_, err = tx.ExecContext(t.Context(), `UPDATE subscriptions SET description = 'x' WHERE id = 3`)
	require.NoError(t, err)
	result := w.run(small)
	require.Equal(t, batch.ExitUnfinished, result.Exit, "%v", result)
	require.Contains(t, result.Left, "a row stayed locked by another transaction")
	require.Equal(t, 29, w.sims["main"].Stats().Payments)
	require.NoError(t, tx.Rollback())
	require.Equal(t, batch.ExitDone, w.run(small).Exit)
	require.Equal(t, 30, w.sims["main"].Stats().Payments)
}

func TestIssuingWhoseCommitWasLost(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(*testdb.Proxy) <-chan struct{}{
		"its answer": (*testdb.Proxy).LoseCommitAnswer, "on the way there": (*testdb.Proxy).LoseCommit,
	} {
		t.Run(name, func(t *testing.T) {
			w := newTown(t)
			worktest.Enrol(t, w.plain, 30, day0, nil)
			proxy := testdb.NewProxy(t, w.plain.DSN)
			through := *w
			through.plain = &testdb.DB{DB: w.plain.DB, DSN: proxy.DSN}
			var lost <-chan struct{}
			result := through.run(func(o *jobs.BillingOptions, r *batch.Runner) {
				small(o, r)
				o.Steps = []string{jobs.StepIssue}
				r.OnRun = func(*batch.Run, []*batch.StepExecution) { lost = lose(proxy) }
			})
			<-lost
			require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
			require.Equal(t, batch.ExitDone, w.run(small).Exit)
			require.Equal(t, 30, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM invoices WHERE status = 'paid'`))
			require.Equal(t, []string{"2026-01-31", "next 2026-02-28"}, w.dues(1))
			w.reconcile()
		})
	}
}
