package jobs_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/test/worktest"
	"duly/jobs"
)

// A run for an earlier day, made today, holds up no period of today that would be skipped tomorrow; where periods are caught up, the next
// one waits for tomorrow and is invoiced then.
func TestAnInvoiceOfAnOlderPeriodLosesNone(t *testing.T) {
	t.Parallel()
	asOf := func(day string) func(*jobs.BillingOptions, *batch.Runner) {
		return func(o *jobs.BillingOptions, _ *batch.Runner) { o.Selection.Business = worktest.Day(t, day) }
	}
	byHand := func(w *town) {
		worktest.Exec(t, w.plain, `INSERT INTO invoices (subscription_id, due_date, amount, currency, status, next_attempt_date, issued_date)
VALUES (1, '2026-01-29', 9900, 'KRW', 'paid', '2026-01-29', '2026-01-31')`)
	}
	for name, c := range map[string]struct {
		unit, next string
		catchUp    billing.CatchUp
		method     string
		earlier    func(w *town) // what issues for an earlier period on 31 January
		today      []string      // the dates once a run of today has ended
		tomorrow   []string
	}{
		"a run for yesterday": {
			unit: "day", next: "2026-01-30", earlier: func(w *town) { require.Equal(t, batch.ExitDone, w.run(asOf("2026-01-30")).Exit) },
			today:    []string{"2026-01-30", "2026-01-31", "next 2026-02-01"},
			tomorrow: []string{"2026-01-30", "2026-01-31", "2026-02-01", "next 2026-02-02"},
		},
		"one of the last day of a week": {
			unit: "week", next: "2026-01-24", earlier: func(w *town) { require.Equal(t, batch.ExitDone, w.run(asOf("2026-01-30")).Exit) },
			today:    []string{"2026-01-24", "2026-01-31", "next 2026-02-07"},
			tomorrow: []string{"2026-01-24", "2026-01-31", "next 2026-02-07"},
		},
		"one that began before midnight and issued after it": {
			unit: "day", next: "2026-01-30", earlier: func(w *town) {
				w.business = func() time.Time { return worktest.Day(t, day0).Time().Add(30*time.Second + time.Since(w.began)) }
				require.Equal(t, batch.ExitDone, w.run(asOf("2026-01-30")).Exit)
				w.business = nil
			},
			today:    []string{"2026-01-30", "2026-01-31", "next 2026-02-01"},
			tomorrow: []string{"2026-01-30", "2026-01-31", "2026-02-01", "next 2026-02-02"},
		},
		"one that issues alone": {
			unit: "day", next: "2026-01-30", earlier: func(w *town) {
				require.Equal(t, batch.ExitDone, w.run(func(o *jobs.BillingOptions, r *batch.Runner) {
					asOf("2026-01-30")(o, r)
					o.Steps = []string{jobs.StepIssue}
				}).Exit)
				require.Equal(t, batch.ExitDone, w.run(func(o *jobs.BillingOptions, r *batch.Runner) { o.Steps = []string{jobs.StepCollect} }).Exit)
			},
			today:    []string{"2026-01-30", "2026-01-31", "next 2026-02-01"},
			tomorrow: []string{"2026-01-30", "2026-01-31", "2026-02-01", "next 2026-02-02"},
		},
		"an invoice that the shop inserted": {
			unit: "day", next: "2026-01-31", earlier: byHand,
			today:    []string{"2026-01-29", "2026-01-31", "next 2026-02-01"},
			tomorrow: []string{"2026-01-29", "2026-01-31", "2026-02-01", "next 2026-02-02"},
		},
		"a subscription that was paused between": {
			unit: "day", next: "2026-01-30", earlier: func(w *town) {
				require.Equal(t, batch.ExitDone, w.run(asOf("2026-01-30")).Exit)
				worktest.Exec(t, w.plain, `UPDATE subscriptions SET status = 'paused'`)
				require.Equal(t, batch.ExitDone, w.run(asOf("2026-01-30")).Exit)
				worktest.Exec(t, w.plain, `UPDATE subscriptions SET status = 'active'`)
			},
			today:    []string{"2026-01-30", "2026-01-31", "next 2026-02-01"},
			tomorrow: []string{"2026-01-30", "2026-01-31", "2026-02-01", "next 2026-02-02"},
		},
		"months that are skipped": {
			unit: "month", next: "2025-12-31", catchUp: billing.CatchUpSkip,
			earlier:  func(w *town) { require.Equal(t, batch.ExitDone, w.run(asOf("2026-01-30")).Exit) },
			today:    []string{"2025-12-31", "2026-01-31", "next 2026-02-28"},
			tomorrow: []string{"2025-12-31", "2026-01-31", "next 2026-02-28"},
		},
		"days that are caught up": {
			unit: "day", next: "2026-01-30", catchUp: billing.CatchUpOne,
			earlier:  func(w *town) { require.Equal(t, batch.ExitDone, w.run(asOf("2026-01-30")).Exit) },
			today:    []string{"2026-01-30", "next 2026-01-31"},
			tomorrow: []string{"2026-01-30", "2026-01-31", "next 2026-02-01"},
		},
		"an earlier period that is declined": { // an unpaid invoice holds up whatever comes after it
			unit: "day", next: "2026-01-30", method: "pm_soft:1", earlier: func(w *town) { require.Equal(t, batch.ExitDone, w.run(asOf("2026-01-30")).Exit) },
			today:    []string{"2026-01-30", "next 2026-01-31"},
			tomorrow: []string{"2026-01-30", "next 2026-01-31"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newTown(t)
			worktest.Enrol(t, w.plain, 1, c.next, func(_ int, s *worktest.Subscription) {
				s.Unit = c.unit
				if c.method != "" {
					s.Method = c.method
				}
			})
			catchUp := func(o *jobs.BillingOptions, _ *batch.Runner) { o.CatchUp = c.catchUp }
			c.earlier(w)
			for range 2 { // a second run of the day adds nothing
				result := w.run(catchUp)
				require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
				require.Equal(t, c.today, w.dues(1))
			}
			result := w.on("2026-02-01").run(catchUp)
			require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
			require.Equal(t, c.tomorrow, w.dues(1))
			require.Equal(t, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM payment_attempts`), w.sims["main"].Stats().Payments)
		})
	}
}
