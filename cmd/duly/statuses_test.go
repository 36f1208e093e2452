package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/gateway/simulator"
	"duly/internal/payment"
	"duly/internal/session"
	"duly/internal/test/golden"
	"duly/internal/test/worktest"
)

// attempt adds a subscription with an invoice and an attempt on it, made 30 days ago, as they stand in the tables, and
// says how the payment stands at the gateway: empty, it never arrived. It returns the ids of the attempt, which is also
// the invoice's, and of the gateway's payment.
func (s *shop) attempt(t *testing.T, status, invoice string, there payment.Status) (id uint64, known string) {
	t.Helper()
	sub := s.enrol(t, "ok", 500)
	due := payment.DateOf(time.Now().UTC()) - 1
	key, reference := billing.Key(sub, due, 1), billing.Reference(sub, due)
	s.exec(t, "UPDATE subscriptions SET next_billing_date = UTC_DATE() + INTERVAL 20 DAY WHERE id = ?", sub)
	s.exec(t, `INSERT INTO invoices (id, subscription_id, due_date, amount, currency, status, issued_date, next_attempt_date, attempts)
VALUES (?, ?, ?, 500, 'KRW', ?, ?, ?, 1)`, sub, sub, due, invoice, due, due)
	s.exec(t, `INSERT INTO payment_attempts (id, invoice_id, subscription_id, attempt_no, stage, idempotency_key, reference, customer_id, amount, currency,
gateway, payment_method, body_version, status, run_id, created_at, next_check_at)
VALUES (?, ?, ?, 1, 0, ?, ?, 'cus_1', 500, 'KRW', 'main', ?, 1, ?, 1, UTC_TIMESTAMP(6) - INTERVAL 30 DAY, IF(? = 'in_doubt', UTC_TIMESTAMP(6), NULL))`,
		sub, sub, sub, key, reference, "pm_ok:"+secretMethod, status, status)
	if there == "" {
		return sub, ""
	}
	e := simulator.Entry{
		Key: key, Reference: reference, CustomerID: "cus_1", Method: "pm_ok:" + secretMethod, Amount: 500, Currency: "KRW", Status: there,
		CreatedAt: time.Now().Add(-30 * 24 * time.Hour),
	}
	if there == payment.Declined {
		e.DeclineCode = "insufficient_funds"
	}
	known, err := s.sim.Inject(e)
	require.NoError(t, err)
	return sub, known
}

// ended adds a run that is over, the one that the rows above are of.
func (s *shop) past(t *testing.T) {
	t.Helper()
	s.live(t, 1)
	s.exec(t, "UPDATE job_runs SET status = 'failed', exit_code = 1, finished_at = UTC_TIMESTAMP(6) WHERE id = 1")
}

// after runs the job that follows, again and again, and requires that nobody was charged twice and that what was refused is as it
// was: rows that were unsettled are settled by the run as the gateway says.
func (s *shop) after(t *testing.T, job string) {
	t.Helper()
	for range 3 {
		for _, table := range []string{"orders", "payments"} { // they have been left alone for long enough
			s.exec(t, "UPDATE "+table+" SET updated_at = UTC_TIMESTAMP(6) - INTERVAL 2 HOUR")
		}
		s.exec(t, "UPDATE order_checks SET next_check_at = UTC_TIMESTAMP(6) WHERE next_check_at IS NOT NULL")
		args := []string{"run", job}
		if job == "billing" { // without the last recovery, which waits for checks that come due
			args = append(args, "--step", "recover", "--step", "issue", "--step", "collect")
		}
		got := s.duly(t, args...)
		require.Contains(t, []int{batch.ExitDone, batch.ExitReview, batch.ExitUnfinished}, got.code, got.out+got.err)
	}
	took := map[string]int{}
	for _, e := range s.sim.Ledger() {
		if e.TookMoney() {
			took[e.Reference]++
		}
	}
	for reference, n := range took {
		require.Equal(t, 1, n, "%s was charged %d times", reference, n)
	}
}

// refusals runs a command line that must be refused, and requires that nothing changed.
func (s *shop) refuses(t *testing.T, line string, args ...string) {
	t.Helper()
	before := s.tables(t)
	got := s.duly(t, append(strings.Fields(line), args...)...)
	require.Equal(t, batch.ExitUsage, got.code, "%s: %s%s", line, got.out, got.err)
	require.Equal(t, 1, strings.Count(got.err, "\n"), got.err)
	require.Equal(t, before, s.tables(t), line)
}

func (s *shop) does(t *testing.T, line string, args ...string) {
	t.Helper()
	got := s.duly(t, append(strings.Fields(line), args...)...)
	require.Equal(t, batch.ExitDone, got.code, "%s: %s", line, got.err)
}

// `duly resolve attempt` against each status of an attempt, in each way, whether the gateway has the payment or not.
func TestResolveAttemptsOfEachStatus(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.past(t)
	ways := []payment.Resolution{payment.AsPaid, payment.AsNotExecuted, payment.AsRefunded, payment.AsIgnored}
	expected := map[uint64]string{}
	type row struct {
		attempt, invoice string
		there            payment.Status
		done             map[payment.Resolution]string // the ways that are right, and the invoice after it and the next runs
		left             string                        // the invoice after the next runs, where it was refused
	}
	for _, c := range []row{
		{"in_flight", "charging", payment.Succeeded, nil, "paid"},
		{"in_flight", "charging", "", nil, "charging"}, // no payment of ours from before it bears the absence out
		{"in_doubt", "charging", payment.Succeeded, nil, "paid"},
		{"in_doubt", "charging", "", nil, "charging"}, // no payment of ours from before it bears the absence out
		{"in_doubt", "charging", payment.Declined, nil, "open"},
		{"succeeded", "paid", payment.Succeeded, nil, "paid"},
		{"declined", "uncollectible", payment.Declined, nil, "uncollectible"},
		{"released", "open", "", nil, "paid"},
		{"rejected", "review", "", map[payment.Resolution]string{payment.AsNotExecuted: "paid", payment.AsIgnored: "void"}, "review"},
		{"rejected", "review", payment.Succeeded, map[payment.Resolution]string{payment.AsPaid: "paid", payment.AsIgnored: "void"}, "review"},
		{"rejected", "paid", "", nil, "paid"},
		{"review", "review", payment.Succeeded, map[payment.Resolution]string{payment.AsPaid: "paid", payment.AsIgnored: "void"}, "review"},
		{"review", "review", payment.Declined, map[payment.Resolution]string{payment.AsNotExecuted: "paid", payment.AsIgnored: "void"}, "review"},
		{"review", "review", payment.Pending, map[payment.Resolution]string{payment.AsIgnored: "void"}, "review"},
		{"review", "review", payment.Canceled, map[payment.Resolution]string{payment.AsNotExecuted: "paid", payment.AsRefunded: "void", payment.AsIgnored: "void"}, "review"},
		{"review", "review", "", map[payment.Resolution]string{payment.AsNotExecuted: "paid", payment.AsIgnored: "void"}, "review"},
		{"review", "paid", payment.Succeeded, map[payment.Resolution]string{payment.AsPaid: "paid", payment.AsIgnored: "paid"}, "paid"},
	} {
		for _, as := range ways {
			id, known := s.attempt(t, c.attempt, c.invoice, c.there)
			line := fmt.Sprintf("resolve attempt %d", id)
			if as == payment.AsPaid {
				if known == "" {
					known = "pay_of_nobody"
				}
				line += " " + known
			}
			line += fmt.Sprintf(" --as %s --reason why", as)
			want, right := c.done[as]
			if right {
				s.does(t, line)
			} else {
				want = c.left
				s.refuses(t, line)
			}
			expected[id] = fmt.Sprintf("%s %s %q as %s: %s", c.attempt, c.invoice, c.there, as, want)
		}
	}
	s.after(t, "billing")
	for id, want := range expected {
		var status string
		require.NoError(t, s.db.GetContext(t.Context(), &status, "SELECT status FROM invoices WHERE id = ?", id))
		require.Equal(t, want, want[:strings.LastIndex(want, " ")+1]+status)
	}
}

// `duly requeue invoice` against each status of an invoice, with each kind of attempt on it.
func TestRequeueInvoicesOfEachStatus(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.past(t)
	expected := map[uint64]string{}
	for _, c := range []struct {
		attempt, invoice string
		there            payment.Status
		done             bool
		left             string // the invoice after the next runs
	}{
		{"released", "open", "", false, "paid"},
		{"in_flight", "charging", payment.Succeeded, false, "paid"},
		{"in_flight", "charging", "", false, "charging"}, // no payment of ours from before it bears the absence out
		{"in_doubt", "charging", payment.Succeeded, false, "paid"},
		{"in_doubt", "charging", "", false, "charging"}, // no payment of ours from before it bears the absence out
		{"succeeded", "paid", payment.Succeeded, false, "paid"},
		{"declined", "uncollectible", payment.Declined, false, "uncollectible"},
		{"declined", "void", payment.Declined, false, "void"},
		{"rejected", "review", "", false, "review"}, // nothing proves that it took no money
		{"rejected", "review", payment.Succeeded, false, "review"},
		{"rejected", "review", payment.Declined, true, "paid"},
		{"declined", "review", payment.Declined, true, "paid"},
		{"released", "review", "", true, "paid"},
		{"review", "review", payment.Succeeded, false, "review"},
		{"succeeded", "review", payment.Succeeded, false, "review"},
		// An attempt that is unsettled although its invoice is not being charged: it is not overtaken.
		{"in_flight", "review", payment.Succeeded, false, "review"},
		{"in_doubt", "review", payment.Succeeded, false, "review"},
	} {
		id, _ := s.attempt(t, c.attempt, c.invoice, c.there)
		line := fmt.Sprintf("requeue invoice %d", id)
		if c.done {
			s.does(t, line)
			s.refuses(t, line) // it is open already
		} else {
			s.refuses(t, line)
		}
		expected[id] = fmt.Sprintf("%s %s %q: %s", c.attempt, c.invoice, c.there, c.left)
	}
	s.refuses(t, "requeue invoice 4711")
	s.after(t, "billing")
	for id, want := range expected {
		var status string
		require.NoError(t, s.db.GetContext(t.Context(), &status, "SELECT status FROM invoices WHERE id = ?", id))
		require.Equal(t, want, want[:strings.LastIndex(want, " ")+1]+status)
	}
}

// settles adds an order and a payment on it, two hours old, as they stand in the tables, and at the gateway: empty, it
// never arrived there.
func (s *shop) settles(t *testing.T, order, pay string, there payment.Status) (id, paymentID uint64, known string) {
	t.Helper()
	injected := there
	if there == payment.Canceled || there == payment.Pending {
		injected = payment.Succeeded
	}
	id = s.order(t, order, injected)
	paymentID = uint64(s.number(t, "SELECT id FROM payments WHERE order_id = ?", id))
	s.exec(t, "UPDATE products SET stock = 1000")
	s.exec(t, `UPDATE payments SET status = ?, created_at = UTC_TIMESTAMP(6) - INTERVAL 30 DAY, updated_at = UTC_TIMESTAMP(6) - INTERVAL 2 HOUR,
transaction_key = IF(? IN ('succeeded', 'refund_due', 'refunded'), 'pay_of_the_shop', NULL), failure_code = IF(? IN ('failed', 'cancelled'), 'declined', NULL) WHERE id = ?`, pay, pay, pay, paymentID)
	for _, e := range s.sim.Ledger() {
		if e.Reference != fmt.Sprintf("ord_%d", id) {
			continue
		}
		known = e.ID
		if there != injected {
			require.NoError(t, s.sim.Amend(known, func(e *simulator.Entry) { e.Status = there }))
		}
		s.exec(t, "UPDATE payments SET transaction_key = ? WHERE id = ? AND transaction_key IS NOT NULL", known, paymentID)
	}
	return id, paymentID, known
}

// `duly resolve payment` and `duly requeue order` against each status of a payment and of its order, in each way; and
// what two runs of reconcile make of it. Nobody keeps money for nothing or gives it back twice; what is refused
// changes nothing.
func TestSettlePaymentsOfEachStatus(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.past(t)
	// The gateway shows a payment from before all of these, whichever of them are settled first.
	worktest.Charged(t, s.db, s.sim, "main", time.Now().Add(-31*24*time.Hour))
	theres := []payment.Status{payment.Succeeded, payment.Declined, payment.Canceled, payment.Pending, ""}
	type told struct {
		line string
		id   uint64
	}
	var all []told
	for _, order := range []string{"payment_in_progress", "completed", "failed", "cancelled"} {
		for _, pay := range []string{"pending", "succeeded", "failed", "cancelled", "refund_due", "refunded", "review"} {
			for _, there := range theres {
				commands := []string{"requeue"}
				if pay == "review" {
					commands = append(commands, "paid", "not_executed", "refunded", "ignored")
				} else if there == payment.Succeeded {
					commands = append(commands, "paid", "ignored")
				} else if there != "" {
					continue
				}
				for _, command := range commands {
					id, paymentID, known := s.settles(t, order, pay, there)
					args := fmt.Sprintf("requeue order %d", id)
					if command != "requeue" {
						if known == "" {
							known = "pay_of_nobody"
						}
						if command != "paid" {
							known = ""
						}
						args = fmt.Sprintf("resolve payment %d %s --as %s --reason why", paymentID, known, command)
					}
					before := s.tables(t)
					got := s.duly(t, strings.Fields(args)...)
					require.Contains(t, []int{batch.ExitDone, batch.ExitUsage}, got.code, got.err)
					result := "done"
					if got.code == batch.ExitUsage {
						result = "refused"
						require.Equal(t, before, s.tables(t), args)
					}
					all = append(all, told{fmt.Sprintf("%s, payment %s, at the gateway %s: %s %s", order, pay, otherwise(string(there), "unknown"), command, result), id})
				}
			}
		}
	}
	s.after(t, "reconcile")
	var text strings.Builder
	ledger := map[string]simulator.Entry{}
	for _, e := range s.sim.Ledger() {
		require.NotContains(t, ledger, e.Reference)
		ledger[e.Reference] = e
		require.LessOrEqual(t, e.Refunds, 1)
		require.LessOrEqual(t, e.Refunded, e.Amount)
	}
	for _, c := range all {
		e := ledger[fmt.Sprintf("ord_%d", c.id)]
		is := s.status(t, c.id)
		money := "nothing taken"
		switch {
		case e.TookMoney():
			money = "taken"
		case e.Refunded > 0:
			money = "refunded"
		}
		if is == "completed succeeded" && strings.Contains(c.line, "in_progress") {
			require.Equal(t, "taken", money, c.line)
		}
		if strings.HasSuffix(is, "refunded") && !strings.Contains(c.line, "payment refunded") {
			require.NotEqual(t, "taken", money, c.line)
		}
		fmt.Fprintf(&text, "%s; then %s, %s\n", c.line, is, money)
	}
	golden.Equal(t, "settle-payments.golden", text.String())
}

func otherwise(s, instead string) string {
	if s == "" {
		return instead
	}
	return s
}

// `duly requeue event` against each status of its deliveries, and `duly resolve finding` against each of a finding.
func TestSettleEventsAndFindingsOfEachStatus(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for i, status := range []string{"pending", "delivered", "dead", ""} {
		s.exec(t, `INSERT INTO events (id, type, subject, payload) VALUES (?, 'shop.greeting', 'customer:1', '{}')`, i+1)
		if status != "" {
			s.exec(t, `INSERT INTO event_deliveries (event_id, sink, subject, status, tries) VALUES (?, 'webhook', 'customer:1', ?, 3)`, i+1, status)
		}
	}
	for _, id := range []int{1, 2, 4, 5} {
		s.refuses(t, fmt.Sprintf("requeue event %d", id))
	}
	s.does(t, "requeue event 3 --reason again")
	s.refuses(t, "requeue event 3")

	s.exec(t, `INSERT INTO audit_findings (id, kind, reference, detail) VALUES (1, 'unknown_here', 'a', '{}'), (2, 'unknown_here', 'b', '{}')`)
	s.exec(t, `UPDATE audit_findings SET resolved_at = UTC_TIMESTAMP(6), resolution = 'ignored: a test' WHERE id = 2`)
	s.refuses(t, "resolve finding 2 --as ignored --reason why")
	s.refuses(t, "resolve finding 3 --as ignored --reason why")
	s.refuses(t, "resolve finding 1 --as ignored")
	s.does(t, "resolve finding 1 --as ignored --reason why")
	s.refuses(t, "resolve finding 1 --as ignored --reason why")
	require.Equal(t, int64(2), s.number(t, "SELECT COUNT(*) FROM operator_actions WHERE who = ? AND host <> '' AND reason IN ('again', 'why')", session.OperatorName()))
}
