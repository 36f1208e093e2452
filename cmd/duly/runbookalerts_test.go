package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/gateway/simulator"
	"duly/internal/payment"
)

// walksOfAlerts are the chapters on what Prometheus calls for.
func walksOfAlerts() map[string]func(*walk) {
	return map[string]func(*walk){
		"DulyNoSuccess": func(w *walk) {
			s := newShop(w.T)
			s.enrol(w.T, "ok", 100)
			w.types(s, "runs")
			w.types(s, "run nightly")
			require.EqualValues(w, 1, s.number(w.T, "SELECT COUNT(*) FROM invoices WHERE status = 'paid'"))
		},
		"DulyErrorLogged": func(w *walk) {
			s := newShop(w.T)
			require.Equal(w, batch.ExitDone, s.duly(w.T, "run", "billing").code)
			require.Contains(w, w.types(s, "show run 17", "17", "1").out, "billing")
		},
		"DulyInReview": walkInReview,
		"DulyCircuitOpen": func(w *walk) {
			s := newShop(w.T)
			s.enrol(w.T, "ok", 100)
			require.Equal(w, "duly status --watch", w.next("--watch").command)
			code, _, _ := s.watching(w.T, syscall.SIGINT, same, func(out string) bool { return strings.Contains(out, "times in ") })
			require.Equal(w, batch.ExitDone, code)
			w.types(s, "pause gateway")
			require.Equal(w, batch.ExitUnfinished, s.duly(w.T, "run", "billing").code)
			require.Empty(w, s.sim.Ledger())
			w.types(s, "resume gateway")
			require.Equal(w, batch.ExitDone, s.duly(w.T, "run", "billing").code)
			s.live(w.T, 17)
			w.types(s, "throttle 17")
			require.EqualValues(w, 1, s.number(w.T, "SELECT COUNT(*) FROM job_runs WHERE id = 17 AND JSON_VALUE(control, '$.throttle.parallelism') = 5"))
			w.types(s, "throttle 17")
			require.Zero(w, s.number(w.T, "SELECT COUNT(*) FROM job_runs WHERE id = 17 AND JSON_VALUE(control, '$.throttle.parallelism') = 5"))
		},
		"DulyInDoubt": func(w *walk) {
			s := newShop(w.T)
			s.past(w.T)
			paid := func(id uint64) {
				w.Helper()
				require.EqualValues(w, 1, s.number(w.T, "SELECT COUNT(*) FROM invoices WHERE id = ? AND status = 'paid'", id))
			}
			id, _ := s.attempt(w.T, "in_doubt", "charging", payment.Succeeded)
			require.Contains(w, w.types(s, "list doubt").out, "1 attempt  in doubt at gateway main · since ")
			w.types(s, "run billing")
			paid(id)
			id, _ = s.attempt(w.T, "in_doubt", "charging", payment.Succeeded)
			w.types(s, "--step recover")
			paid(id)

			id, _ = s.attempt(w.T, "in_doubt", "charging", "")
			s.exec(w.T, "UPDATE payment_attempts SET sent_by = created_at WHERE id = ?", id)
			w.types(s, "show invoice", "invoice 7", fmt.Sprintf("invoice %d", id))
			w.types(s, "show invoice", "invoice 7", fmt.Sprintf("invoice %d", id))
			w.types(s, "--control", "pay_8f3", s.proven(w.T, "before", time.Now().Add(-60*24*time.Hour)))
			w.again(s, "pay_8f3", s.proven(w.T, "after", time.Now().Add(-time.Hour)))
			w.types(s, "run billing")
			paid(id)

			s = newShop(w.T)
			s.past(w.T)
			id, _ = s.attempt(w.T, "in_doubt", "charging", "")
			s.exec(w.T, "UPDATE payment_attempts SET sent_by = created_at")
			w.types(s, "--as not_executed", "attempt 7", fmt.Sprintf("attempt %d", id))
			require.Equal(w, batch.ExitDone, s.duly(w.T, "run", "billing").code)
			paid(id)
			w.mentions("show invoice")
		},
		"DulyDeadEvents": func(w *walk) {
			s := newShop(w.T)
			receiver := &hook{status: http.StatusTeapot}
			server := httptest.NewServer(receiver)
			w.Cleanup(server.Close)
			s.env = append(s.env, "DULY_OUTBOX_URL="+server.URL, "DULY_OUTBOX_SECRET=whsec_"+strings.Repeat("QUJD", 8), "DULY_OUTBOX_TRIES=1")
			s.exec(w.T, `INSERT INTO events (id, type, subject, payload) VALUES (4711, 'shop.greeting', 'customer:1', '{}'), (4712, 'shop.greeting', 'customer:2', '{}')`)
			require.Equal(w, batch.ExitReview, s.duly(w.T, "run", "outbox").code)
			require.Contains(w, w.types(s, "list dead-events").out, "\n  4711, 4712 · duly doctor --webhook, then duly requeue event --dead")
			receiver.status = http.StatusNoContent
			w.types(s, "--dry-run")
			w.types(s, "requeue event 4711")
			w.types(s, "--dead --yes")
			w.types(s, "run outbox")
			w.mentions("--dead --sink webhook --yes")
			require.EqualValues(w, 2, s.number(w.T, "SELECT COUNT(*) FROM event_deliveries WHERE status = 'delivered'"))
		},
		"DulyFindings": walkFindings,
		"DulyLeaseLost": func(w *walk) {
			s := newShop(w.T)
			s.live(w.T, 17)
			s.exec(w.T, "UPDATE job_runs SET heartbeat_at = UTC_TIMESTAMP(6) - INTERVAL 1 HOUR")
			require.Equal(w, batch.ExitDone, s.duly(w.T, "run", "billing").code)
			require.Contains(w, w.types(s, "runs").out, "abandoned")
		},
	}
}

// refund walks what is said of a refund in review.
func (w *walk) refund(s *shop) {
	w.Helper()
	paid, known := s.attempt(w.T, "succeeded", "paid", payment.Succeeded)
	for _, back := range []int64{0, 100} {
		s.exec(w.T, `REPLACE INTO refunds (id, invoice_id, amount, currency, reason, status, unsettled, refunded_before, sent_amount, sent_at, gateway)
VALUES (3, ?, 100, 'KRW', 'asked for', 'review', 1, ?, 100, UTC_TIMESTAMP(6) - INTERVAL 1 HOUR, 'main')`, paid, back)
		require.NoError(w, s.sim.Amend(known, func(e *simulator.Entry) { e.Refunded = 100 }))
		w.types(s, map[int64]string{0: "resolve refund 3 --as refunded", 100: "resolve refund 3 --as not_executed"}[back])
	}
	w.mentions("duly refund")
}

func walkInReview(w *walk) {
	s := newShop(w.T)
	s.past(w.T)
	attempt := func(id uint64) []string {
		return []string{"attempt 7", fmt.Sprintf("attempt %d", id), "invoice 7", fmt.Sprintf("invoice %d", id), "subscription 42", fmt.Sprintf("subscription %d", id)}
	}
	order := func(id, pay any) []string {
		return []string{"order 9", fmt.Sprintf("order %v", id), "payment 12", fmt.Sprintf("payment %v", pay)}
	}
	differs, known := s.attempt(w.T, "review", "review", payment.Succeeded)
	open, pay, back := s.settles(w.T, "payment_in_progress", "review", payment.Succeeded)
	w.types(s, "status")
	require.Contains(w, w.types(s, "list review").out, fmt.Sprintf("duly show invoice %d", differs))
	w.types(s, "list review --run", "run 17", "run 1")
	w.types(s, "show invoice", attempt(differs)...)
	w.types(s, "show subscription", attempt(differs)...)
	w.types(s, "show order", order(open, pay)...)
	w.mentions("duly list")

	w.types(s, "--as paid", append(attempt(differs), "pay_8f3", known)...)
	rejected, _ := s.attempt(w.T, "rejected", "review", payment.Declined)
	w.types(s, "requeue invoice", attempt(rejected)...)
	unsaid, _ := s.attempt(w.T, "rejected", "review", "")
	w.types(s, "--as not_executed", attempt(unsaid)...)
	amiss, _ := s.attempt(w.T, "released", "review", "")
	w.types(s, "requeue invoice", attempt(amiss)...)
	first, _ := s.attempt(w.T, "released", "review", "")
	s.exec(w.T, "UPDATE invoices SET review_reason = 'gateway man is not configured' WHERE id = ?", first)
	require.Contains(w, w.types(s, "--matching").out, "would be requeued")
	require.Equal(w, batch.ExitDone, s.duly(w.T, append(words(w.last)[1:], "--yes")...).code)
	outside, _ := s.attempt(w.T, "released", "review", "")
	w.types(s, "--as paid_outside", attempt(outside)...)
	w.mentions("pause billing")
	w.mentions("run billing --subscription 42")
	w.mentions("--now")
	late, _ := s.attempt(w.T, "declined", "uncollectible", payment.Declined)
	w.types(s, "reopen invoice", attempt(late)...)
	w.mentions("run billing --subscription")
	unwanted, _ := s.attempt(w.T, "released", "review", "")
	w.types(s, "--as void", attempt(unwanted)...)
	w.types(s, "list changes --kind method")
	w.types(s, "list changes")
	for _, about := range []string{"run notices", "run outbox", "run billing", "show invoice", "requeue event"} {
		w.mentions(about)
	}
	misnamed, _ := s.attempt(w.T, "released", "review", "")
	w.types(s, "requeue invoice", attempt(misnamed)...)
	w.refund(s)
	require.NoError(w, s.sim.Amend(back, func(e *simulator.Entry) { e.Refunded = e.Amount }))
	w.types(s, "--as refunded", order(open, pay)...)
	amissOrder := s.order(w.T, "pending", payment.Succeeded)
	s.exec(w.T, "INSERT INTO order_checks (order_id, reason) VALUES (?, 'amounts differ')", amissOrder)
	w.types(s, "requeue order", order(amissOrder, 0)...)

	shown := newShop(w.T)
	unknown, unknownPay, _ := shown.frozen(w.T, "")
	w.types(shown, "--control", "pay_8f3", shown.proven(w.T, "before", time.Now().Add(-72*time.Hour)))
	w.again(shown, "pay_8f3", shown.proven(w.T, "after", time.Now().Add(-time.Hour)))
	w.types(shown, "requeue order", order(unknown, unknownPay)...)
	require.Equal(w, batch.ExitDone, shown.duly(w.T, "run", "reconcile").code)
	require.Equal(w, "failed failed", shown.status(w.T, unknown))

	said := newShop(w.T)
	unknown, unknownPay, _ = said.frozen(w.T, "")
	w.types(said, "--as not_executed", order(unknown, unknownPay)...)
	require.Equal(w, "payment_in_progress failed", said.status(w.T, unknown))

	w.types(s, "run billing")
	for _, id := range []uint64{differs, rejected, unsaid, amiss, first, outside, late} {
		require.EqualValues(w, 1, s.number(w.T, "SELECT COUNT(*) FROM invoices WHERE id = ? AND status = 'paid'", id), id)
	}
	require.Zero(w, s.number(w.T, "SELECT COUNT(*) FROM payment_attempts WHERE invoice_id IN (?, ?) AND status <> 'released'", outside, unwanted))
	s.untouched(w.T)
	w.types(s, "run reconcile")
	require.Equal(w, "failed refunded", s.status(w.T, open))
	require.Equal(w, "completed succeeded", s.status(w.T, amissOrder))
}

func walkFindings(w *walk) {
	s := newShop(w.T)
	s.past(w.T)
	find := func(id int, kind, reference, known, row string) {
		w.Helper()
		s.exec(w.T, `INSERT INTO audit_findings (id, kind, reference, gateway_payment_id, detail) VALUES (?, ?, ?, ?, ?)`,
			id, kind, reference, known, fmt.Sprintf(`{"text": "found", "gateway": "main", "row": %q}`, row))
	}
	id, first := s.attempt(w.T, "succeeded", "paid", payment.Succeeded)
	s.exec(w.T, "UPDATE payment_attempts SET gateway_payment_id = ? WHERE id = ?", first, id)
	reference := ""
	require.NoError(w, s.db.GetContext(w.Context(), &reference, "SELECT reference FROM payment_attempts WHERE id = ?", id))
	second, err := s.sim.Inject(simulator.Entry{
		Key: "by-hand", Reference: reference, CustomerID: "cus_1", Method: "pm_ok:" + secretMethod, Amount: 500, Currency: "KRW", CreatedAt: time.Now().Add(-48 * time.Hour),
	})
	require.NoError(w, err)
	find(3, "charged_twice", reference, second, fmt.Sprintf("attempt:%d", id))
	require.Equal(w, batch.ExitReview, s.duly(w.T, "run", "audit").code)
	require.Contains(w, w.types(s, "run audit").out, "finding 3")
	require.Contains(w, w.types(s, "status").out, "Findings  1 open")
	require.Contains(w, w.types(s, "list findings").out, "duly resolve finding 3")
	require.NoError(w, s.sim.Amend(second, func(e *simulator.Entry) { e.Refunded = e.Amount }))
	w.types(s, "--as refunded")
	w.types(s, "adopt")

	order, pay, known := s.settles(w.T, "completed", "succeeded", payment.Succeeded)
	find(4, "booked_twice", fmt.Sprintf("ord_%d", order), known, fmt.Sprintf("payment:%d", pay))
	rows := []string{"order 12", fmt.Sprintf("order %d", order), "invoice 7", fmt.Sprintf("invoice %d", id), "finding 3", "finding 4"}
	require.Contains(w, w.types(s, "show order", rows...).out, "finding 4")
	w.types(s, "show invoice", rows...)
	s.exec(w.T, "UPDATE payments SET status = 'failed', failure_code = 'not_executed', transaction_key = NULL WHERE id = ?", pay) // the row is put right
	w.types(s, "--as paid", rows...)

	untaken, declined := s.attempt(w.T, "succeeded", "paid", payment.Declined)
	s.exec(w.T, "UPDATE payment_attempts SET gateway_payment_id = ? WHERE id = ?", declined, untaken)
	find(6, "status_differs", billing.Reference(untaken, payment.DateOf(time.Now().UTC())-1), declined, fmt.Sprintf("attempt:%d", untaken))
	w.types(s, "reopen invoice", "invoice 7", fmt.Sprintf("invoice %d", untaken))
	w.types(s, "--as not_executed", "finding 3", "finding 6")

	find(5, "unknown_there", reference, first, fmt.Sprintf("attempt:%d", id))
	require.Contains(w, w.types(s, "show invoice", rows...).out, "finding 5")
	w.types(s, "show order", rows...)
	w.types(s, "--as ignored", "finding 3", "finding 5")
	require.Zero(w, s.number(w.T, "SELECT COUNT(*) FROM audit_findings WHERE resolved_at IS NULL"))
}
