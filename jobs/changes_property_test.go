package jobs_test

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/payment"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
	"duly/jobs"
)

// Whatever is planned, written late or missed, and whatever answer to a COMMIT is lost: each period is charged at most once, at the price in force on its due
// date, while the subscription was active by its plan on that day; and a change is applied once, with one event.
func TestPlansAndRunsInAnyOrder(t *testing.T) {
	t.Parallel()
	if checks := flag.Lookup("rapid.checks"); checks.Value.String() == checks.DefValue { // each is a shop with its runs; -rapid.checks=200 looks longer
		require.NoError(t, checks.Value.Set("3"))
	}
	const subscriptions, days = 12, 100
	rapid.Check(t, func(r *rapid.T) {
		w := newTown(t)
		first := worktest.Day(t, day0)
		method := rapid.SampledFrom([]string{"pm_ok", "pm_ok", "pm_soft_1_then_ok", "pm_soft"})
		worktest.Enrol(t, w.plain, subscriptions, day0, func(i int, s *worktest.Subscription) {
			s.Unit = rapid.SampledFrom([]string{"month", "month", "week"}).Draw(r, "unit")
			s.Method = fmt.Sprintf("%s:%d", method.Draw(r, "method"), i)
			s.Status = rapid.SampledFrom([]string{"active", "active", "active", "paused", "trialing"}).Draw(r, "status")
		})
		worktest.Exec(t, w.plain, `UPDATE subscriptions SET description = status`)
		kinds := rapid.SampledFrom([]string{"amount", "amount", "pause", "resume", "resume", "cancel", "one_off_amount", "method"})
		draw := func() {
			for range rapid.IntRange(0, 20).Draw(r, "changes") {
				kind := kinds.Draw(r, "kind")
				day := first + payment.Date(rapid.IntRange(0, days).Draw(r, "day"))
				if day <= w.today { // what is written late counts for what is issued later alone
					day = w.today + 1
				}
				text := fmt.Sprintf("%s %s", day, kind)
				switch kind {
				case "amount", "one_off_amount":
					text += fmt.Sprintf(" %d", rapid.IntRange(0, 9).Draw(r, "amount")*100)
				case "method":
					text += " pm_ok:new"
				}
				w.plan(rapid.IntRange(1, subscriptions).Draw(r, "of"), text)
			}
		}
		w.today = first - 1
		draw()
		for day := first; day < first+days; day += payment.Date(rapid.IntRange(1, 40).Draw(r, "days to the next run")) {
			town := *w.turn(day)
			change := small
			if rapid.IntRange(0, 3).Draw(r, "lost") == 0 {
				proxy := testdb.NewProxy(t, w.plain.DSN)
				town.plain = &testdb.DB{DB: w.plain.DB, DSN: proxy.DSN}
				lose := rapid.SampledFrom([]func(*testdb.Proxy) <-chan struct{}{(*testdb.Proxy).LoseCommitAnswer, (*testdb.Proxy).LoseCommit}).Draw(r, "how")
				change = func(o *jobs.BillingOptions, run *batch.Runner) {
					small(o, run)
					run.OnRun = func(*batch.Run, []*batch.StepExecution) { lose(proxy) }
				}
			}
			result := town.run(change)
			require.Contains(t, []int{batch.ExitDone, batch.ExitReview, batch.ExitUnfinished}, result.Exit, "%v", result)
			draw()
		}
		asPlanned(w, r)
	})
}

// asPlanned compares what was billed with the plans.
func asPlanned(w *town, r *rapid.T) {
	for _, statement := range []string{
		`SELECT COUNT(*) FROM (SELECT subscription_id, due_date FROM invoices GROUP BY 1, 2 HAVING COUNT(*) > 1) x`,
		`SELECT COUNT(*) FROM (SELECT invoice_id FROM payment_attempts WHERE status = 'succeeded' GROUP BY 1 HAVING COUNT(*) > 1) x`,
		`SELECT ABS((SELECT COUNT(*) FROM subscription_changes WHERE outcome LIKE 'applied%' OR outcome LIKE 'used%') - (SELECT COUNT(*) FROM events WHERE type = 'subscription.changed'))`,
		`SELECT COUNT(*) FROM subscription_changes WHERE applied_at IS NULL AND outcome IS NOT NULL`,
	} {
		require.Zero(r, worktest.Get[int](w.t, w.plain, statement), statement)
	}
	type change struct {
		Subscription int
		Day          payment.Date
		Kind         string
		Value        int64
		Outcome      string
	}
	rows := worktest.List[string](w.t, w.plain, `SELECT CONCAT_WS(',', subscription_id, effective_date, kind, IF(kind LIKE '%amount', value, '0'), COALESCE(REPLACE(outcome, 'used for the period of ', ''), ''))
FROM subscription_changes ORDER BY effective_date, id`)
	var changes []change
	for _, row := range rows {
		cells := strings.Split(row, ",")
		c := change{Kind: cells[2], Day: worktest.Day(w.t, cells[1]), Outcome: cells[4]}
		_, _ = fmt.Sscan(cells[0], &c.Subscription)
		_, _ = fmt.Sscan(cells[3], &c.Value)
		changes = append(changes, c)
	}
	statusOn := func(subscription int, began string, day payment.Date) (status string) {
		status = began
		for _, c := range changes {
			if c.Subscription != subscription || c.Day > day || status == "cancelled" {
				continue
			}
			switch c.Kind {
			case "pause", "cancel":
				status = map[string]string{"pause": "paused", "cancel": "cancelled"}[c.Kind]
			case "resume":
				status = "active"
			}
		}
		return status
	}
	began := worktest.List[string](w.t, w.plain, `SELECT description FROM subscriptions ORDER BY id`)
	require.NotEmpty(r, began)
	for _, row := range worktest.List[string](w.t, w.plain, `SELECT CONCAT_WS(',', i.subscription_id, i.due_date, i.amount) FROM invoices i ORDER BY i.id`) {
		cells := strings.Split(row, ",")
		var subscription int
		var amount int64
		_, _ = fmt.Sscan(cells[0], &subscription)
		_, _ = fmt.Sscan(cells[2], &amount)
		due, price, oneOff := worktest.Day(w.t, cells[1]), int64(9900), int64(-1)
		for _, c := range changes {
			if c.Subscription != subscription || c.Day > due {
				continue
			}
			switch c.Kind {
			case "amount":
				price = c.Value
			case "one_off_amount":
				if c.Outcome == due.String() {
					oneOff = c.Value
				}
			}
		}
		if oneOff >= 0 {
			price = oneOff
		}
		require.Equal(r, "active", statusOn(subscription, began[subscription-1], due), row)
		require.Equal(r, price, amount, row)
	}
	// No month before the next date lacks its invoice, unless the subscription was not active by its plan on that day. One that was cancelled owes nothing.
	for _, row := range worktest.List[string](w.t, w.plain, `SELECT CONCAT_WS(',', id, next_billing_date) FROM subscriptions WHERE interval_unit = 'month' AND status <> 'cancelled' ORDER BY id`) {
		id, next, _ := strings.Cut(row, ",")
		var subscription int
		_, _ = fmt.Sscan(id, &subscription)
		invoiced := worktest.List[string](w.t, w.plain, `SELECT CAST(due_date AS CHAR) FROM invoices WHERE subscription_id = ?`, subscription)
		for due := worktest.Day(w.t, day0); due < worktest.Day(w.t, next); due = billing.Following(due, 31, billing.Interval{Unit: "month", Count: 1}) {
			if statusOn(subscription, began[subscription-1], due) == "active" {
				require.Contains(r, invoiced, due.String(), "subscription %d was never billed for %s", subscription, due)
			}
		}
	}
	require.True(r, slices.IsSorted(worktest.List[string](w.t, w.plain, `SELECT CONCAT(LPAD(subscription_id, 4, '0'), due_date) FROM invoices ORDER BY subscription_id, id`)))
}
