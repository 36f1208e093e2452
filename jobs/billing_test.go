package jobs_test

import (
	"context"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/gateway"
	"duly/internal/gateway/simulator"
	"duly/internal/test/worktest"
	"duly/jobs"
)

func TestBillingOnTheDueDate(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.enrol("pm_ok:1", "pm_soft:2", "pm_hard:3", "pm_action:4", "pm_try_later:5", "pm_canceled:6", "pm_wrong_amount:7", "pm_reject:8")
	worktest.Exec(t, w.plain, `INSERT INTO subscriptions (customer_id, gateway, payment_method, amount, currency, interval_unit, next_billing_date)
VALUES ('free', 'main', '', 0, 'KRW', 'month', '2026-01-31')`)
	result := w.run(nil)
	require.Equal(t, batch.ExitUnfinished, result.Exit, "the gateway wants one tried later: %v", result)
	require.Equal(t, []string{
		"active paid 0 1", "past_due open 1 1", "past_due open 1 1", "past_due open 1 1", "active open 0 1",
		"active review 0 1", "active review 0 1", "active review 0 1", "active paid 0 0",
	}, w.states())
	require.Equal(t, []string{"2026-01-31", "next 2026-02-28"}, w.dues(1))
	require.Equal(t, []uint8{31}, worktest.List[uint8](t, w.plain, `SELECT DISTINCT anchor_day FROM subscriptions`))
	require.Equal(t, []string{"invoice.paid", "invoice.paid"}, worktest.List[string](t, w.plain, `SELECT type FROM events WHERE type = 'invoice.paid'`))

	// The same day again: nothing but what the gateway wanted tried later.
	before := w.sims["main"].Stats().Payments
	w.run(nil)
	require.Equal(t, before+1, w.sims["main"].Stats().Payments)
	require.Equal(t, "active open 0 2", w.states()[4], "the next key, the same stage")
}

func TestDunningOverDays(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.enrol("pm_soft:1", "pm_soft_1_then_ok:2", "pm_soft_3_then_ok:3", "pm_hard:4", "pm_action:5")
	for _, day := range []struct {
		date string
		want []string
	}{
		{"2026-01-31", []string{"past_due open 1 1", "past_due open 1 1", "past_due open 1 1", "past_due open 1 1", "past_due open 1 1"}},
		{"2026-02-01", []string{"past_due open 2 2", "active paid 1 2", "past_due open 2 2", "past_due open 2 1", "past_due open 2 1"}},
		{"2026-02-02", []string{"past_due open 2 2", "active paid 1 2", "past_due open 2 2", "past_due open 2 1", "past_due open 2 1"}},
		{"2026-02-03", []string{"past_due open 3 3", "active paid 1 2", "past_due open 3 3", "past_due open 3 1", "past_due open 3 1"}},
		{"2026-02-05", []string{"cancelled uncollectible 3 4", "active paid 1 2", "active paid 3 4", "cancelled uncollectible 3 1", "cancelled uncollectible 3 1"}},
		{"2026-02-28", []string{"cancelled uncollectible 3 4", "past_due open 1 1", "past_due open 1 1", "cancelled uncollectible 3 1", "cancelled uncollectible 3 1"}},
	} {
		for again := range 2 { // a second run of the day changes nothing
			result := w.on(day.date).run(nil)
			require.Equal(t, batch.ExitDone, result.Exit, "%s: %v", day.date, result)
			require.Equal(t, day.want, w.states(), "%s, run %d", day.date, again+1)
		}
		w.reconcile()
	}
	require.Equal(t, 3, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM events WHERE type = 'subscription.cancelled'`))
}

func TestAChangedCardIsChargedAtTheNextStage(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]string{
		"method":  `payment_method = 'pm_ok:new'`,
		"gateway": `gateway = 'other', payment_method = 'pm_ok:new'`,
	} {
		t.Run(name, func(t *testing.T) {
			w := newTown(t)
			w.enrol("pm_hard:1", "pm_hard:2")
			w.run(nil)
			worktest.Exec(t, w.plain, `UPDATE subscriptions SET `+change+` WHERE id = 1`)
			require.Equal(t, batch.ExitDone, w.run(nil).Exit, "not before its stage")
			require.Equal(t, []string{"past_due open 1 1", "past_due open 1 1"}, w.states())
			w.on("2026-02-01").run(nil)
			require.Equal(t, []string{"active paid 1 2", "past_due open 2 1"}, w.states())
			w.reconcile()
		})
	}
}

// However late runs come, two stages of an invoice never fall on one day.
func TestMissedRuns(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.enrol("pm_soft:1")
	for _, day := range []struct{ date, want string }{
		{"2026-02-10", "past_due open 1 1"},
		{"2026-02-11", "past_due open 2 2"},
		{"2026-02-27", "past_due open 3 3"},
		{"2026-02-28", "cancelled uncollectible 3 4"},
	} {
		for range 2 {
			w.on(day.date).run(nil)
			require.Equal(t, []string{day.want}, w.states(), day.date)
		}
	}
}

// A run for a past date counts first declines and stages from today.
func TestADateInThePast(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.enrol("pm_soft:1")
	past := func(date string) func(*jobs.BillingOptions, *batch.Runner) {
		return func(o *jobs.BillingOptions, _ *batch.Runner) { o.Selection.Business = worktest.Day(t, date) }
	}
	w.on("2026-02-10")
	require.Equal(t, batch.ExitDone, w.run(past("2026-01-30")).Exit)
	require.Empty(t, w.states(), "not due by then")
	for range 3 {
		require.Equal(t, batch.ExitDone, w.run(past(day0)).Exit)
	}
	w.run(nil)
	require.Equal(t, []string{"past_due open 1 1"}, w.states())
	require.Equal(t, []string{"2026-02-10 2026-02-10 2026-02-11"}, worktest.List[string](t, w.plain,
		`SELECT CONCAT_WS(' ', issued_date, first_declined_date, next_attempt_date) FROM invoices`))
}

func TestFewerStagesThanBefore(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.enrol("pm_soft:1", "pm_soft_2_then_ok:2")
	for _, day := range []string{day0, "2026-02-01"} {
		w.on(day).run(nil)
	}
	require.Equal(t, []string{"past_due open 2 2", "past_due open 2 2"}, w.states())
	shorter := func(o *jobs.BillingOptions, _ *batch.Runner) { o.Policy = billing.Policy{RetryDays: []int{1}} }
	result := w.on("2026-02-03").run(shorter)
	require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
	require.Equal(t, []string{"past_due open 3 3", "active paid 2 3"}, w.states(), "they go by the days of their first decline")
	worktest.Exec(t, w.plain, `UPDATE invoices SET retry_days = NULL`) // as of one that was declined before the days were stored
	result = w.on("2026-02-05").run(shorter)
	require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
	require.Equal(t, []string{"cancelled uncollectible 3 4", "active paid 2 3"}, w.states())
}

func TestCatchUp(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, unit, next string
		how              billing.CatchUp
		runs             []string
		want             []string
	}{
		{"months, one a day", "month", "2025-11-30", billing.CatchUpDefault, []string{day0, day0, "2026-02-01", "2026-02-02"}, []string{"2025-11-30", "2025-12-30", "2026-01-30", "next 2026-02-28"}},
		{"months, skipped", "month", "2025-11-30", billing.CatchUpSkip, []string{day0, "2026-02-01"}, []string{"2026-01-30", "next 2026-02-28"}},
		{"days, skipped", "day", "2026-01-28", billing.CatchUpDefault, []string{day0, day0}, []string{"2026-01-31", "next 2026-02-01"}},
		{"days, one a day", "day", "2026-01-29", billing.CatchUpOne, []string{day0, "2026-02-01"}, []string{"2026-01-29", "2026-01-30", "next 2026-01-31"}},
		{"weeks", "week", "2026-01-01", billing.CatchUpDefault, []string{day0}, []string{"2026-01-29", "next 2026-02-05"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newTown(t)
			worktest.Enrol(t, w.plain, 1, c.next, func(_ int, s *worktest.Subscription) { s.Unit = c.unit })
			for _, day := range c.runs {
				require.Equal(t, batch.ExitDone, w.on(day).run(func(o *jobs.BillingOptions, _ *batch.Runner) { o.CatchUp = c.how }).Exit)
			}
			require.Equal(t, c.want, w.dues(1))
		})
	}
}

// Paused and cancelled subscriptions move on, and those periods are never charged.
func TestPausedAndCancelledMoveOn(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	worktest.Enrol(t, w.plain, 2, "2025-10-31", func(i int, s *worktest.Subscription) { s.Status = []string{"", "paused", "cancelled"}[i] })
	require.Equal(t, batch.ExitDone, w.run(nil).Exit)
	require.Equal(t, []string{"next 2026-02-28"}, w.dues(1))
	require.Equal(t, []string{"next 2026-02-28"}, w.dues(2))
	worktest.Exec(t, w.plain, `UPDATE subscriptions SET status = 'active'`)
	require.Equal(t, batch.ExitDone, w.run(nil).Exit)
	require.Zero(t, w.sims["main"].Stats().Payments)
}

func TestADateMovedBackIsNotInvoicedTwice(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.enrol("pm_ok:1")
	w.run(nil)
	worktest.Exec(t, w.plain, `UPDATE subscriptions SET next_billing_date = '2026-01-31'`)
	require.Equal(t, batch.ExitDone, w.on("2026-02-01").run(nil).Exit)
	require.Equal(t, []string{"2026-01-31", "next 2026-02-28"}, w.dues(1))
	require.Equal(t, 1, w.sims["main"].Stats().Payments)
}

func TestAnUnpaidInvoiceHoldsUpTheNext(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.enrol("pm_canceled:1", "pm_ok:2")
	require.Equal(t, batch.ExitReview, w.run(nil).Exit)
	require.Equal(t, batch.ExitDone, w.on("2026-02-28").run(nil).Exit)
	require.Equal(t, []string{"2026-01-31", "next 2026-02-28"}, w.dues(1))
	require.Equal(t, []string{"2026-01-31", "2026-02-28", "next 2026-03-31"}, w.dues(2))
}

func TestSelection(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.enrol("pm_ok:1", "pm_ok:2", "pm_ok:3")
	only := func(o *jobs.BillingOptions, _ *batch.Runner) { o.Selection.Subscriptions = []uint64{2} }
	require.Equal(t, batch.ExitDone, w.run(only).Exit, "what was not selected is not missed")
	require.Equal(t, []string{"sub_2_20260131-1"}, worktest.List[string](t, w.plain, `SELECT idempotency_key FROM payment_attempts`))
	issue := func(o *jobs.BillingOptions, _ *batch.Runner) { o.Steps = []string{jobs.StepIssue} }
	require.Equal(t, batch.ExitDone, w.run(issue).Exit)
	require.Equal(t, 3, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM invoices`))
	require.Equal(t, 1, w.sims["main"].Stats().Payments)
}

func TestLimit(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	worktest.Enrol(t, w.plain, 30, day0, nil)
	limit := func(o *jobs.BillingOptions, r *batch.Runner) { o.ChunkSize, r.Limit = 4, 10 }
	for i, want := range []int{batch.ExitUnfinished, batch.ExitUnfinished, batch.ExitDone} {
		result := w.run(limit)
		require.Equal(t, want, result.Exit, "run %d: %v", i+1, result.Left)
		require.Equal(t, 10*(i+1), w.sims["main"].Stats().Payments)
		require.Equal(t, want == batch.ExitUnfinished, contains(result.Left, "--limit"))
	}
	w.reconcile()
}

// Rows that are recovered count, too.
func TestLimitCountsWhatIsRecovered(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	worktest.Enrol(t, w.plain, 20, day0, nil)
	w.leave(4)
	result := w.run(func(_ *jobs.BillingOptions, r *batch.Runner) { r.Limit = 10 })
	require.Equal(t, batch.ExitUnfinished, result.Exit)
	require.Equal(t, 10, w.sims["main"].Stats().Payments)
	require.Zero(t, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM payment_attempts WHERE status IN ('in_flight', 'in_doubt')`))
}

// leave leaves the attempts of a dead run, of which nobody knows whether they were sent.
func (w *town) leave(n int) {
	w.t.Helper()
	w.run(func(o *jobs.BillingOptions, _ *batch.Runner) { o.Steps = []string{jobs.StepIssue} })
	worktest.Exec(w.t, w.plain, `INSERT INTO job_runs (job, business_date, params, status, lease, lease_ms, host, pid, version, heartbeat_at)
VALUES ('billing', '2026-01-31', '{}', 'running', REPEAT('d', 16), 60000, 'dead', 1, 'v', UTC_TIMESTAMP(6) - INTERVAL 61 SECOND)`)
	worktest.Exec(w.t, w.plain, `INSERT INTO payment_attempts (invoice_id, subscription_id, attempt_no, stage, idempotency_key, reference,
customer_id, amount, currency, gateway, payment_method, body_version, status, run_id, lease, created_at)
SELECT i.id, s.id, 1, 0, CONCAT('sub_', s.id, '_20260131-1'), CONCAT('sub_', s.id, '_20260131'), s.customer_id, i.amount, i.currency,
s.gateway, s.payment_method, 1, 'in_flight', (SELECT MAX(id) FROM job_runs), REPEAT('d', 16), ?
FROM invoices i JOIN subscriptions s ON s.id = i.subscription_id WHERE i.status = 'open' AND s.id <= ?`, w.today.Time().Add(12*time.Hour), n)
	worktest.Exec(w.t, w.plain, `UPDATE invoices SET status = 'charging', attempts = 1 WHERE status = 'open' AND subscription_id <= ?`, n)
}

func contains(list []string, piece string) bool {
	for _, s := range list {
		if len(s) >= len(piece) && s[:len(piece)] == piece {
			return true
		}
	}
	return false
}

// half sends every second subscription to the other gateway.
func (w *town) half(n int) {
	w.t.Helper()
	worktest.Enrol(w.t, w.plain, n, day0, func(i int, s *worktest.Subscription) {
		if i%2 == 0 {
			s.Gateway = "other"
		}
	})
}

// byGateway counts invoices in words.
func (w *town) byGateway() []string {
	w.t.Helper()
	return worktest.List[string](w.t, w.plain, `SELECT CONCAT_WS(' ', s.gateway, i.status, COUNT(*)) AS n FROM invoices i
JOIN subscriptions s ON s.id = i.subscription_id GROUP BY s.gateway, i.status ORDER BY n`)
}

func TestAMisconfiguredGatewayHoldsUpItsOwnRowsAlone(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.half(60)
	w.sims["other"].Update(func(c *simulator.Config) { c.Forbidden = true })
	result := w.run(func(o *jobs.BillingOptions, _ *batch.Runner) { o.ChunkSize = 10 })
	require.Equal(t, batch.ExitFailed, result.Exit)
	require.ErrorContains(t, result.Err, "gateway other")
	require.ErrorContains(t, result.Err, "gateways.other.token")
	require.Equal(t, []string{"main paid 30", "other open 30"}, w.byGateway())
	require.Zero(t, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM payment_attempts WHERE status NOT IN ('succeeded', 'released')`))
	w.sims["other"].Update(func(c *simulator.Config) { c.Forbidden = false })
	require.Equal(t, batch.ExitDone, w.run(nil).Exit)
	w.reconcile()
}

func TestBothGatewaysMisconfigured(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.half(8)
	for _, sim := range w.sims {
		sim.Update(func(c *simulator.Config) { c.Forbidden = true })
	}
	result := w.run(nil)
	require.ErrorContains(t, result.Err, "gateways.main.token")
	require.ErrorContains(t, result.Err, "gateways.other.token")
}

func TestAGatewayThatIsDownHoldsUpItsOwnRowsAlone(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.half(60)
	gone := httptest.NewServer(nil)
	up := w.urls["other"]
	w.urls["other"] = gone.URL
	gone.Close()
	w.limits.MaxOutage = 300 * time.Millisecond
	w.limits.Circuit = gateway.CircuitLimits{Window: 10, Minimum: 5, FailurePercent: 50, OpenFor: 50 * time.Millisecond, HalfOpen: 2}
	result := w.run(func(o *jobs.BillingOptions, _ *batch.Runner) { o.ChunkSize = 10 })
	require.Equal(t, batch.ExitUnfinished, result.Exit, "%v", result)
	require.True(t, contains(result.Left, "gateway other was left alone"), "%v", result.Left)
	require.Equal(t, []string{"main paid 30", "other open 30"}, w.byGateway())
	require.Zero(t, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM invoices WHERE first_declined_date IS NOT NULL`), "an outage uses no stage (I6)")
	w.urls["other"] = up
	require.Equal(t, batch.ExitDone, w.run(nil).Exit)
	w.reconcile()
}

// The last recovery waits to see whether other runs with charges in flight are alive.
func TestRecoverLastAndOtherRuns(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		alive bool
		want  int
	}{{"one that lives", true, batch.ExitUnfinished}, {"one that dies", false, batch.ExitDone}} {
		t.Run(c.name, func(t *testing.T) {
			w := newTown(t)
			worktest.Enrol(t, w.plain, 6, day0, nil)
			w.leave(2)
			worktest.Exec(t, w.plain, `UPDATE job_runs SET heartbeat_at = UTC_TIMESTAMP(6), lease_ms = 1500 WHERE host = 'dead'`)
			if c.alive {
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				go func() {
					ticker := time.NewTicker(100 * time.Millisecond)
					defer ticker.Stop()
					for ctx.Err() == nil {
						_, _ = w.plain.ExecContext(ctx, `UPDATE job_runs SET heartbeat_at = UTC_TIMESTAMP(6) WHERE host = 'dead' AND status = 'running'`)
						<-ticker.C
					}
				}()
			}
			result := w.run(nil)
			require.Equal(t, c.want, result.Exit, "%v", result)
			if c.alive {
				require.Equal(t, 4, w.sims["main"].Stats().Payments)
				require.Equal(t, 2, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM payment_attempts WHERE status = 'in_flight'`), "they are its own")
				return
			}
			require.Equal(t, 6, w.sims["main"].Stats().Payments)
			require.Equal(t, "abandoned", worktest.Get[string](t, w.plain, `SELECT status FROM job_runs WHERE host = 'dead'`))
			w.reconcile()
		})
	}
}

// A check that is due and cannot be taken up, since its gateway is left alone or its row is locked, is left at
// the latest when the wait for other runs ends.
func TestRecoverLastEndsThoughAChecksIsDue(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"gateway left alone", "row locked"} {
		t.Run(name, func(t *testing.T) {
			w := newTown(t)
			w.lease = 3 * time.Second
			worktest.Enrol(t, w.plain, 2, day0, func(_ int, s *worktest.Subscription) { s.Gateway = "other" })
			w.leave(2)
			worktest.Exec(t, w.plain, `UPDATE payment_attempts SET status = 'in_doubt', doubted = 1, next_check_at = '2020-01-01'`)
			want := batch.ExitUnfinished
			if name == "row locked" {
				tx, err := w.plain.BeginTxx(t.Context(), nil)
				require.NoError(t, err)
				defer func() { _ = tx.Rollback() }()
				_, err = tx.ExecContext(t.Context(), `UPDATE payment_attempts SET message = 'x' WHERE id = 1`)
				require.NoError(t, err)
			} else {
				w.sims["other"].Update(func(c *simulator.Config) { c.Forbidden = true })
				want = batch.ExitFailed
			}
			result := w.run(nil) // it ends
			require.Equal(t, want, result.Exit, "%v", result)
		})
	}
}

func TestAStoppedRunLeavesNothingInFlight(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	worktest.Enrol(t, w.plain, 200, day0, nil)
	w.sims["main"].Update(func(c *simulator.Config) { c.Latency = simulator.Latency{Fixed: 50 * time.Millisecond} })
	ctx, stop := context.WithCancel(t.Context())
	go func() {
		defer stop()
		look := time.NewTicker(time.Millisecond)
		defer look.Stop()
		for range look.C {
			if w.sims["main"].Stats().Payments >= 20 {
				return
			}
		}
	}()
	result := w.runOn(ctx, nil)
	require.Equal(t, batch.ExitUnfinished, result.Exit, "%v", result)
	require.Equal(t, batch.Stopped, result.Status)
	require.Equal(t, []string{"released", "succeeded"}, worktest.List[string](t, w.plain, `SELECT DISTINCT status FROM payment_attempts ORDER BY status`))
	require.Equal(t, batch.ExitDone, w.run(nil).Exit)
	w.reconcile()
}
