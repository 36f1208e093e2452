package main

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/decide"
	"duly/internal/payment"
	"duly/internal/test/golden"
	"duly/internal/test/worktest"
)

// `duly reopen invoice` against each status of an invoice, with each kind of attempt on it. What is refused changes nothing, and says in a line
// what is right; what is reopened is charged by the next run, once.
func TestReopenInvoicesOfEachStatus(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.past(t)
	_, known := s.attempt(t, "succeeded", "paid", payment.Succeeded) // what gateways are checked by
	s.exec(t, "UPDATE payment_attempts SET proof = 'answer', gateway_payment_id = ?", known)
	var text strings.Builder
	reopened := map[uint64]bool{}
	for _, c := range []struct {
		attempt, invoice string
		there            payment.Status
		subscription     string
		also             string
	}{
		{"released", "open", "", "active", ""},
		{"in_flight", "charging", payment.Succeeded, "active", ""},
		{"in_doubt", "charging", "", "active", ""},
		{"declined", "void", payment.Declined, "cancelled", ""},
		{"rejected", "review", "", "active", ""},
		{"declined", "uncollectible", payment.Declined, "past_due", ""},
		{"declined", "uncollectible", payment.Declined, "paused", ""},
		{"declined", "uncollectible", payment.Declined, "trialing", ""},
		{"declined", "uncollectible", payment.Declined, "cancelled", "UPDATE subscriptions SET cancel_reason = 'unpaid after the last retry: no money' WHERE id = ?"},
		{"declined", "uncollectible", payment.Declined, "cancelled", "UPDATE subscriptions SET cancel_reason = 'moved away' WHERE id = ?"},
		{"declined", "uncollectible", payment.Declined, "past_due", "UPDATE payment_attempts a JOIN subscriptions s ON s.id = a.id SET a.decline_class = 'hard', a.payment_method = s.payment_method WHERE a.id = ?"},
		{"declined", "uncollectible", payment.Declined, "past_due", "UPDATE subscriptions SET payment_method = '' WHERE id = ?"},
		{"declined", "uncollectible", payment.Declined, "past_due", "DELETE FROM subscriptions WHERE id = ?"},
		{"declined", "uncollectible", payment.Declined, "past_due", "INSERT INTO operator_actions (action, subject, who, host) VALUES ('resolve', CONCAT('invoice:', ?), 'kim', 'h')"},
		{"declined", "uncollectible", payment.Declined, "past_due", `INSERT INTO operator_actions (action, subject, who, host, detail) VALUES ('resolve', CONCAT('invoice:', ?), 'kim', 'h', '{"as": "approved", "payment": ""}')`},
		{"in_doubt", "uncollectible", payment.Succeeded, "past_due", ""},
		{"in_flight", "uncollectible", payment.Succeeded, "past_due", ""},
		{"review", "uncollectible", payment.Succeeded, "past_due", ""},
		{"rejected", "uncollectible", "", "past_due", ""},
		{"succeeded", "paid", payment.Succeeded, "active", ""},
		{"succeeded", "paid", payment.Canceled, "active", ""},
		{"succeeded", "paid", "", "active", ""},
		{"released", "paid", "", "active", ""},
		{"succeeded", "paid", payment.Declined, "active", ""},
		{"succeeded", "paid", payment.Declined, "active", "UPDATE payment_attempts SET proof = 'operator' WHERE id = ?"},
		{"succeeded", "paid", payment.Declined, "active", "UPDATE payment_attempts SET gateway_payment_id = 'pay_other' WHERE id = ?"},
		{"succeeded", "paid", payment.Declined, "active", "DELETE FROM subscriptions WHERE id = ?"},
	} {
		id, _ := s.attempt(t, c.attempt, c.invoice, c.there)
		s.exec(t, "UPDATE subscriptions SET status = ? WHERE id = ?", c.subscription, id)
		s.exec(t, "UPDATE invoices SET stage = IF(status = 'uncollectible', 3, 0), paid_at = IF(status = 'paid', UTC_TIMESTAMP(6), NULL) WHERE id = ?", id)
		if c.also != "" {
			s.exec(t, c.also, id)
		}
		before := s.tables(t)
		shown := s.duly(t, "reopen", "invoice", fmt.Sprint(id))
		require.Equal(t, before, s.tables(t), "it only shows")
		got := s.duly(t, "reopen", "invoice", fmt.Sprint(id), "--reason", "why")
		fmt.Fprintf(&text, "%s, %s, subscription %s", c.invoice, c.attempt, c.subscription)
		if c.there != "" {
			fmt.Fprintf(&text, ", %s at the gateway", c.there)
		}
		if c.also != "" {
			fmt.Fprintf(&text, " (%s)", c.also)
		}
		if got.code == batch.ExitDone {
			require.Equal(t, batch.ExitDone, shown.code)
			reopened[id] = true
			fmt.Fprintf(&text, "\n  %s", strings.ReplaceAll(strings.TrimSpace(got.out), "\n", "\n  "))
		} else {
			require.Equal(t, batch.ExitUsage, got.code, got.err)
			require.Equal(t, before, s.tables(t))
			require.Equal(t, 1, strings.Count(got.err, "\n"), got.err)
			fmt.Fprintf(&text, "\n  refused: %s", strings.TrimPrefix(strings.TrimSpace(got.err), "duly: "))
		}
		text.WriteString("\n")
	}
	require.Len(t, reopened, 5, text.String())
	golden.Equal(t, "reopen-invoices.golden", steadyDays(text.String()))
	require.Equal(t, int64(5), s.number(t, "SELECT COUNT(*) FROM operator_actions WHERE action = 'reopen' AND subject LIKE 'invoice:%' AND reason = 'why'"))
	require.Equal(t, int64(5), s.number(t, "SELECT COUNT(*) FROM events WHERE type = 'invoice.reopened'"))
	s.exec(t, "UPDATE payment_attempts SET status = 'declined' WHERE status IN ('in_flight', 'in_doubt', 'review')")
	s.duly(t, "run", "billing")
	took := map[string]int{}
	for _, e := range s.sim.Ledger() {
		if e.TookMoney() {
			took[e.Reference]++
		}
	}
	for id := range reopened {
		require.Equal(t, int64(1), s.number(t, "SELECT COUNT(*) FROM invoices WHERE id = ? AND status = 'paid'", id))
		require.Equal(t, int64(1), s.number(t, "SELECT COUNT(*) FROM payment_attempts WHERE invoice_id = ? AND status = 'succeeded' AND idempotency_key LIKE '%-2'", id))
	}
	for reference, n := range took {
		require.Equal(t, 1, n, reference)
	}
	worktest.NewSchemas(t).Events(t, s.db)
}

// steadyDays replaces days.
func steadyDays(text string) string {
	return regexp.MustCompile(`\d{4}-\d\d-\d\d`).ReplaceAllString(text, "DAY")
}

// An invoice whose dunning has ended is charged once more, by a new card; its subscription goes on. It ends again by the next decline, and can
// be reopened again.
func TestReopenInvoiceAfterTheEnd(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.enrol(t, "soft", 100)
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	s.endDunning(t)
	s.exec(t, "UPDATE subscriptions SET next_billing_date = UTC_DATE() - INTERVAL 40 DAY, anchor_day = NULL, updated_at = updated_at")
	require.Equal(t, []string{"cancelled uncollectible 3 2"}, s.states(t))
	require.Contains(t, s.duly(t, "show", "invoice", "1").out, `duly reopen invoice 1 --reason "…"`)

	for n := range 2 {
		s.does(t, "reopen invoice 1 --reason asked")
		require.Equal(t, []string{fmt.Sprintf("past_due open 3 %d", 2+n)}, s.states(t))
		require.Equal(t, int64(1), s.number(t, "SELECT COUNT(*) FROM subscriptions WHERE cancelled_at IS NULL AND cancel_reason IS NULL AND next_billing_date > UTC_DATE()"))
		require.Equal(t, int64(1+n), s.number(t, "SELECT COUNT(*) FROM events WHERE type = 'invoice.reopened' AND JSON_VALUE(payload, '$.subscription_status') = 'past_due'"))
		s.refuses(t, "reopen invoice 1 --reason asked")
		require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
		require.Equal(t, []string{fmt.Sprintf("cancelled uncollectible 3 %d", 3+n)}, s.states(t), "it is still declined")
	}
	s.exec(t, "UPDATE subscriptions SET payment_method = 'pm_ok:new'")
	got := s.duly(t, "reopen", "invoice", "1", "7", "--reason", "a new card", "--json")
	require.Equal(t, batch.ExitUsage, got.code)
	doc := document[decide.ReopenInvoicesView](t, got)
	require.Equal(t, []int{1, 1}, []int{doc.Reopened, doc.Refused})
	require.Equal(t, []string{"duly run billing --subscription 1"}, doc.Next)
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	require.Equal(t, []string{"active paid 3 5"}, s.states(t))
	s.refuses(t, "reopen invoice 1 --reason again")
}

// A payment that was booked by a success, and that the gateway's record shows as declined: the audit finds it, and the finding names the way
// out. The invoice is charged again, once, and the finding can be closed by what both sides say.
func TestReopenInvoiceThatNobodyPaid(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.past(t)
	s.attempt(t, "succeeded", "paid", payment.Declined)
	s.attempt(t, "succeeded", "paid", payment.Succeeded)
	s.exec(t, "UPDATE payment_attempts SET proof = 'answer', gateway_payment_id = ?, settled_at = created_at", "")
	for i, e := range s.sim.Ledger() {
		s.exec(t, "UPDATE payment_attempts SET gateway_payment_id = ? WHERE id = ?", e.ID, i+1)
	}
	from := payment.DateOf(s.today(t)) - 32
	require.Equal(t, batch.ExitReview, s.duly(t, "run", "audit", "--from", from.String(), "--to", (from+5).String()).code)
	shown := s.duly(t, "show", "invoice", "1").out
	require.Contains(t, shown, "paid here, declined there")
	require.Contains(t, shown, "duly reopen invoice")
	s.refuses(t, "resolve finding 1 --as not_executed --reason why")
	s.does(t, "reopen invoice 1 --reason found")
	require.Equal(t, []string{"active open 0 1", "active paid 0 1"}, s.states(t))
	require.Equal(t, int64(1), s.number(t, "SELECT COUNT(*) FROM payment_attempts WHERE id = 1 AND status = 'declined' AND proof = 'look_up' AND decline_code = 'insufficient_funds'"))
	s.does(t, "resolve finding 1 --as not_executed --reason both")
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	require.Equal(t, []string{"active paid 0 2", "active paid 0 1"}, s.states(t))
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "audit", "--from", from.String(), "--to", (from+5).String()).code)
}

// A customer who calls with a new card: `duly show` says that the next run charges it, a dry run counts it, and it is charged. With the old card
// somebody types --now, which is recorded; a card that was declined for good is refused by name.
func TestChargedBeforeItsDate(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.enrol(t, "soft", 100)
	s.enrol(t, "soft_1_then_ok", 100)
	s.enrol(t, "hard", 100)
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	require.NotContains(t, s.duly(t, "show", "subscription", "1").out, "changed since")
	s.exec(t, "UPDATE subscriptions SET payment_method = 'pm_ok:new' WHERE id = 1")
	require.Contains(t, s.duly(t, "show", "subscription", "1").out, "he payment method was changed since, and the next run charges it: duly run billing --subscription 1; retry 1 of 3 is on")
	require.Contains(t, s.duly(t, "run", "billing", "--dry-run").out, "1 · 100 KRW")
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing", "--subscription", "1").code)

	require.Contains(t, s.duly(t, "run", "billing", "--subscription", "2", "--now", "--dry-run").out, "1 · 100 KRW")
	got := s.duly(t, "run", "billing", "--subscription", "2,3", "--now", "--reason", "she called")
	require.Equal(t, batch.ExitUnfinished, got.code, got.out+got.err)
	require.Contains(t, got.out, "invoice 3 is not charged at once: its payment method was declined for good")
	require.Contains(t, got.err, "an invoice is not charged at once")
	require.Contains(t, got.err, "was declined for good")
	require.Equal(t, []string{"active paid 1 2", "active paid 1 2", "past_due open 1 1"}, s.states(t))
	require.Equal(t, int64(1), s.number(t, "SELECT COUNT(*) FROM operator_actions WHERE action = 'charge_now' AND subject = 'invoice:2' AND reason = 'she called'"))

	now := s.number(t, "SELECT MAX(id) FROM job_runs")
	got = s.duly(t, "run", "billing", "--rerun", fmt.Sprint(now))
	require.Equal(t, batch.ExitDone, got.code, got.out+got.err)
	require.Contains(t, got.err, fmt.Sprintf("run %d was typed with --now, which is not repeated: duly run billing --rerun %d --now charges at once again", now, now))
	got = s.duly(t, "run", "billing", "--rerun", fmt.Sprint(now), "--now")
	require.Equal(t, batch.ExitUnfinished, got.code, got.out+got.err)
	got = s.duly(t, "run", "billing", "--rerun", "1", "--now")
	require.Equal(t, batch.ExitUsage, got.code, got.out+got.err)
	require.Contains(t, got.err, "--now: run 1 was of all subscriptions; say of which: --subscription 42 --now")
	s.does(t, "pause gateway main --reason down")
	got = s.duly(t, "run", "billing", "--subscription", "3", "--now")
	require.Equal(t, batch.ExitUnfinished, got.code, got.out+got.err)
	require.Contains(t, got.out, "invoice 3 is not charged at once: gateway main")
	s.does(t, "resume gateway main")
	s.exec(t, "UPDATE subscriptions SET payment_method = 'pm_ok:other' WHERE id = 3")
	s.env = append(s.env, "DULY_BILLING_RETRY_ON_NEW_METHOD=false")
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	require.Equal(t, "past_due open 1 1", s.states(t)[2])
	require.NotContains(t, s.duly(t, "show", "subscription", "3").out, "changed since")
	for line, want := range map[string]string{
		"run billing --now":   "duly: --now: say of which subscriptions: --subscription 42 --now\n",
		"run reconcile --now": "--now: reconcile has no use for it",
		"run nightly --now":   "--now: nightly has no use for it",
	} {
		got := s.duly(t, strings.Fields(line)...)
		require.Equal(t, batch.ExitUsage, got.code, line)
		require.Contains(t, got.err, want, line)
	}
}

func TestMistakesOfReopenInvoice(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for line, want := range map[string]string{
		"reopen invoice":             "duly: say which invoices, by their ids: duly reopen invoice 7 8\n",
		"reopen invoice x":           "duly: \"x\" is not an id such as 42\n",
		"reopen invoice 7":           "duly: no invoice 7; see duly show subscription ID\n",
		"reopen invoice 7 --reason=": "duly: --reason: say why, for those who ask later\n",
	} {
		got := s.duly(t, strings.Fields(line)...)
		require.Equal(t, batch.ExitUsage, got.code, line)
		require.Equal(t, want, got.err, line)
	}
}
