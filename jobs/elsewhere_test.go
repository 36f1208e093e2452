package jobs_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
	"duly/jobs"
)

// without does it on a host that lacks a gateway.
func (w *town) without(gateway string, do func()) {
	url := w.urls[gateway]
	delete(w.urls, gateway)
	do()
	w.urls[gateway] = url
}

// A host whose configuration lacks a gateway leaves what is there, says so by id, and sends nothing to review. One that knows the gateway
// charges it.
func TestAnotherHostsGatewayIsLeftToIt(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	worktest.Enrol(t, w.plain, 10, day0, func(i int, s *worktest.Subscription) {
		s.Gateway = []string{"main", "other"}[i%2]
		if i == 4 || i == 6 {
			s.Method = "pm_soft_1_then_ok:1"
		}
	})
	w.run(func(o *jobs.BillingOptions, _ *batch.Runner) {
		o.Steps = []string{jobs.StepIssue}
		o.Selection.Subscriptions = []uint64{1, 2, 3, 4, 5, 6}
	})
	w.without("other", func() {
		result := w.run(nil)
		require.NoError(t, result.Err)
		require.Equal(t, batch.ExitUnfinished, result.Exit)
		for _, want := range []string{
			"2 subscriptions of gateway other are not invoiced here: gateways.other is not configured: ",
			"3 invoices of gateway other are not charged here: gateways.other is not configured: ",
		} {
			require.Contains(t, strings.Join(result.Left, "\n"), want)
		}
		require.Zero(t, result.Tally.Review)
		require.Zero(t, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM invoices WHERE status = 'review'`))
		require.Zero(t, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM subscriptions WHERE review_reason IS NOT NULL`))
		require.Zero(t, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM events WHERE type = 'review.needed'`))
	})
	result := w.run(nil)
	require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
	w.on("2026-02-01").run(nil)
	require.Equal(t, 10, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM invoices WHERE status = 'paid'`))
	w.reconcile()
}

// What is in doubt at another host's gateway is left to it as well.
func TestADoubtAtAnotherHostsGatewayIsLeftToIt(t *testing.T) {
	t.Parallel()
	w := doubted(t, 1, "pm_pending:%d")
	w.without("main", func() {
		result := w.on("2026-02-20").look()
		require.Equal(t, batch.ExitUnfinished, result.Exit)
		require.Contains(t, strings.Join(result.Left, "\n"), "1 attempt of gateway main is not looked up here: gateways.main is not configured: 2")
		require.Equal(t, 1, w.attempts("in_doubt"))
	})
}

func TestOrdersAndRefundsOfAnotherHostsGatewayAreLeftToIt(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	m.options.Steps = nil
	ids := m.sell(
		worktest.Order{Age: 100 * time.Hour, Payments: []worktest.Payment{{}}},
		worktest.Order{Age: 100 * time.Hour, Status: "failed", Payments: []worktest.Payment{{Status: "refund_due"}}},
	)
	m.took(ids[0], 1, nil)
	m.took(ids[1], 1, nil)
	m.proven()
	m.without("main", func() {
		result := m.run()
		require.Equal(t, batch.ExitUnfinished, result.Exit)
		left := strings.Join(result.Left, "\n")
		require.Contains(t, left, "1 order of gateway main is not checked here: gateways.main is not configured: 1")
		require.Contains(t, left, "1 payment of gateway main is not refunded here: gateways.main is not configured: 2")
		require.NotContains(t, left, "due and not settled")
		require.NotContains(t, left, "due to be refunded")
		require.Equal(t, "payment_in_progress | pending", m.order(ids[0]))
		require.Equal(t, "failed | refund_due", m.order(ids[1]))
		require.Empty(t, m.events("order:1"))
	})
	m.run()
	require.Equal(t, "completed | succeeded", m.order(ids[0]))
	require.Equal(t, "failed | refunded", m.order(ids[1]))
}

// A status that duly does not know is never billed, so that somebody has to decide: it is named, and the run ends with 3. So is a trial
// that nothing says the end of, or that is over and goes on.
func TestSubscriptionsThatNobodyBillsAreNamed(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	worktest.Enrol(t, w.plain, 12, day0, nil)
	worktest.Exec(t, w.plain, `UPDATE subscriptions SET status = 'grace' WHERE id <= 7`)
	worktest.Exec(t, w.plain, `UPDATE subscriptions SET next_billing_date = '2026-02-01' WHERE id = 7`)
	worktest.Exec(t, w.plain, `UPDATE subscriptions SET status = 'trialing' WHERE id IN (8, 9, 10)`)
	worktest.Exec(t, w.plain, `UPDATE subscriptions SET next_billing_date = '1970-01-01' WHERE id = 8`)
	worktest.Exec(t, w.plain, `UPDATE subscriptions SET next_billing_date = '2026-01-30' WHERE id = 9`)
	result := w.run(nil)
	require.Equal(t, batch.ExitReview, result.Exit, "%v", result)
	require.Equal(t, []string{
		`6 subscriptions due and not billed with the status "grace": 1, 2, 3, 4, 5 and 1 more; duly show subscription 1 says what to do`,
		`2 subscriptions due and not billed with the status "trialing": 8, 9; duly show subscription 8 says what to do`,
	}, result.Left)
	require.Equal(t, 2, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM invoices WHERE status = 'paid'`))

	worktest.Exec(t, w.plain, `UPDATE subscriptions SET status = 'active' WHERE status = 'grace'`)
	worktest.Exec(t, w.plain, `UPDATE subscriptions SET status = 'cancelled', next_billing_date = '2026-02-28' WHERE id IN (8, 9)`)
	result = w.run(nil)
	require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
	require.Equal(t, 8, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM invoices WHERE status = 'paid'`))
	require.Equal(t, "trialing", worktest.Get[string](t, w.plain, `SELECT status FROM subscriptions WHERE id = 10`), "it ends today, which the shop decides")
}

// The database finds a status in any letter case and with blanks behind it, so that the rules read it so: no row is met by one of them
// alone, and forgotten.
func TestStatusesInAnyLetterCaseAreBilledAlike(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	worktest.Enrol(t, w.plain, 5, day0, func(i int, s *worktest.Subscription) {
		if i == 4 {
			s.Method = "pm_soft:1"
		}
	})
	blank := blankBehind()
	for i, status := range []string{"Paused", "CANCELLED", "Past_Due" + blank, "ACTIVE" + blank, "Active"} {
		worktest.Exec(t, w.plain, `UPDATE subscriptions SET status = ? WHERE id = ?`, status, i+1)
	}
	for range 2 {
		result := w.run(nil)
		require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
		require.Zero(t, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM subscriptions WHERE review_reason IS NOT NULL OR next_billing_date <= ?`, day0))
	}
	require.Equal(t, "3 4 5", worktest.Get[string](t, w.plain, `SELECT GROUP_CONCAT(subscription_id ORDER BY subscription_id SEPARATOR ' ') FROM invoices`))
	require.Equal(t, "Paused,CANCELLED,active,past_due,Active", worktest.Get[string](t, w.plain, `SELECT GROUP_CONCAT(status ORDER BY id) FROM subscriptions`))
}

// blankBehind is a blank where the database of the tests takes a word with it for the same.
func blankBehind() string {
	if testdb.Engine() == "mysql" {
		return ""
	}
	return " "
}

// So are orders and their payments: what a customer has paid is found, kept or refunded, whatever the shop's letters.
func TestStatusesOfOrdersInAnyLetterCase(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	m.options.Steps = nil
	ids := m.sell(
		worktest.Order{Age: 100 * time.Hour, Status: "PAYMENT_IN_PROGRESS", Payments: []worktest.Payment{{Status: "PENDING"}}},
		worktest.Order{Age: 100 * time.Hour, Status: "Pending" + blankBehind(), Payments: []worktest.Payment{{Status: "pending" + blankBehind()}}},
		worktest.Order{Age: 100 * time.Hour, Status: "Failed", Payments: []worktest.Payment{{Status: "Refund_Due"}}},
		worktest.Order{Age: 100 * time.Hour, Status: "COMPLETED", Payments: []worktest.Payment{{Status: "SUCCEEDED"}, {Status: "Pending"}}},
	)
	for i, n := range []int{1, 1, 1, 2} {
		m.took(ids[i], n, nil)
	}
	m.took(ids[3], 1, nil)
	m.proven()
	for range 2 {
		result := m.run()
		require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
		require.Equal(t, "completed | succeeded", m.order(ids[0]))
		require.Equal(t, "completed | succeeded", m.order(ids[1]))
		require.Equal(t, "Failed | refunded", m.order(ids[2]))
		require.Equal(t, "COMPLETED | SUCCEEDED | refunded", m.order(ids[3]))
	}

	// Where the database tells letter cases apart, an order that it finds brings a payment whose status it would not.
	worktest.Exec(t, m.plain, `ALTER TABLE payments MODIFY status VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL`)
	id := m.sell(worktest.Order{Age: 100 * time.Hour, Payments: []worktest.Payment{{Status: "Pending"}}})[0]
	m.took(id, 1, nil)
	result := m.run()
	require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
	require.Equal(t, "completed | succeeded", m.order(id))
}

// The database finds a gateway in any letter case, and a name is that of a gateway only as it is written: what is at MAIN is named as of a
// gateway that is not configured, by id, and nothing is charged or refunded for it.
func TestAGatewayInAnotherLetterCaseIsAnother(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	worktest.Enrol(t, w.plain, 4, day0, func(i int, s *worktest.Subscription) {
		s.Gateway = []string{"main", "MAIN", "Main", "main "}[i-1]
	})
	result := w.run(nil)
	require.Equal(t, batch.ExitUnfinished, result.Exit, "%v", result)
	require.Equal(t, []string{
		"1 subscription of gateway MAIN is not invoiced here: gateways.MAIN is not configured: 2",
		"1 subscription of gateway Main is not invoiced here: gateways.Main is not configured: 3",
		`1 subscription of gateway "main " is not invoiced here: gateways."main " is not configured: 4`,
	}, result.Left)
	require.Equal(t, 1, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM invoices`))

	worktest.Exec(t, w.plain, `UPDATE subscriptions SET gateway = 'main' WHERE id = 2`)
	w.run(func(o *jobs.BillingOptions, _ *batch.Runner) { o.Steps = []string{jobs.StepIssue} })
	worktest.Exec(t, w.plain, `UPDATE subscriptions SET gateway = 'MAIN' WHERE id = 2`)
	result = w.run(nil)
	require.Contains(t, result.Left, fmt.Sprintf("1 invoice of gateway MAIN is not charged here: gateways.MAIN is not configured: %d",
		worktest.Get[uint64](t, w.plain, `SELECT id FROM invoices WHERE subscription_id = 2`)))

	m := newMarket(t)
	m.options.Steps = nil
	ids := m.sell(worktest.Order{Age: 100 * time.Hour, Status: "failed", Payments: []worktest.Payment{{Status: "refund_due", Gateway: "MAIN"}}})
	result = m.run()
	require.Equal(t, batch.ExitUnfinished, result.Exit)
	require.Equal(t, []string{"1 payment of gateway MAIN is not refunded here: gateways.MAIN is not configured: 1"}, result.Left)
	require.Equal(t, "failed | refund_due", m.order(ids[0]))
}

// A subscription that is deleted while its invoice is charged: what its gateway took is kept, and what is still open names the command
// that ends it.
func TestAnInvoiceWhoseSubscriptionIsGone(t *testing.T) {
	t.Parallel()
	w := doubted(t, 1, "pm_pending_1_then_ok:%d")
	worktest.Enrol(t, w.plain, 1, day0, nil)
	w.run(func(o *jobs.BillingOptions, _ *batch.Runner) { o.Steps = []string{jobs.StepIssue} })
	worktest.Exec(t, w.plain, `DELETE FROM subscriptions WHERE id IN (2, 4)`)
	result := w.run(nil)
	require.Equal(t, batch.ExitReview, result.Exit, "%v", result)
	require.Equal(t, "paid", worktest.Get[string](t, w.plain, `SELECT status FROM invoices WHERE subscription_id = 2`))
	id := worktest.Get[uint64](t, w.plain, `SELECT id FROM invoices WHERE subscription_id = 4`)
	require.Equal(t, "the subscription's row is gone: duly resolve invoice 4 --as void --reason … (or uncollectible, paid_outside)",
		worktest.Get[string](t, w.plain, `SELECT review_reason FROM invoices WHERE id = ? AND status = 'review'`, id))
}

// A list of days that is shortened while an invoice is dunned leaves nothing behind: its stages come as they would have.
func TestShortenedRetryDaysLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.enrol("pm_soft:1")
	shorter := func(o *jobs.BillingOptions, _ *batch.Runner) { o.Policy = billing.Policy{RetryDays: []int{1}} }
	require.Equal(t, batch.ExitDone, w.run(nil).Exit)
	require.Equal(t, "1,3,5", worktest.Get[string](t, w.plain, `SELECT retry_days FROM invoices`))
	w.on("2026-02-01").run(shorter)
	require.Equal(t, "open 2 2026-02-03", worktest.Get[string](t, w.plain, `SELECT CONCAT_WS(' ', status, stage, next_attempt_date) FROM invoices`))
	w.on("2026-02-03").run(shorter)
	require.Equal(t, "open 3 2026-02-05", worktest.Get[string](t, w.plain, `SELECT CONCAT_WS(' ', status, stage, next_attempt_date) FROM invoices`))
	w.on("2026-02-05").run(shorter)
	require.Equal(t, "uncollectible", worktest.Get[string](t, w.plain, `SELECT status FROM invoices`))
	require.Equal(t, 4, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM payment_attempts WHERE status = 'declined'`))
}
