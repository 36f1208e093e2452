package main

import (
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/gateway/simulator"
	"duly/internal/payment"
)

// walksOfExitCodes are the chapters on what a run ends with.
func walksOfExitCodes() map[string]func(*walk) {
	return map[string]func(*walk){
		"Runbook": func(w *walk) {
			s := newShop(w.T)
			require.Equal(w, batch.ExitDone, s.duly(w.T, "run", "billing").code)
			w.types(s, "status")
			w.types(s, "runs")
			w.types(s, "show run", "run 17", "run 1")
		},
		"Exit code 1": func(w *walk) {
			s := newShop(w.T)
			s.enrol(w.T, "ok", 100)
			s.sim.Update(func(c *simulator.Config) { c.Forbidden = true })
			require.Equal(w, batch.ExitFailed, s.duly(w.T, "run", "billing").code)
			s.sim.Update(func(c *simulator.Config) { c.Forbidden = false })
			require.Equal(w, batch.ExitDone, s.duly(w.T, "run", "billing").code)

			s.loseHistory(w.T)
			require.Equal(w, batch.ExitFailed, s.duly(w.T, "run", "billing").code)
			require.Contains(w, w.types(s, "adopt").out, "1 charge at gateway main unknown here")
			require.Equal(w, batch.ExitDone, s.duly(w.T, "adopt", "main", "--reason", "restored").code)
			w.types(s, "doctor")
			w.types(s, "--rerun", "17", "3")
			require.Len(w, s.sim.Ledger(), 1)
		},
		"After a crash": func(w *walk) {
			s := newShop(w.T)
			s.live(w.T, 1)
			s.attempt(w.T, "in_flight", "charging", payment.Succeeded)
			s.exec(w.T, "UPDATE job_runs SET heartbeat_at = UTC_TIMESTAMP(6) - INTERVAL 1 HOUR")
			w.types(s, "run nightly")
			require.Len(w, s.sim.Ledger(), 1, "nobody is charged again")
			w.mentions("status --watch")
			require.Contains(w, w.types(s, "show run 1").out, "abandoned, recovered by run ")
			w.types(s, "doctor")
		},
		"Exit code 2": func(w *walk) {
			s := newShop(w.T)
			wrong := *s
			wrong.env = append([]string{"DULY_BILLING_CHUNK_SIZE=none"}, s.env...)
			require.Equal(w, batch.ExitUsage, wrong.duly(w.T, "run", "billing").code)
			got := w.fails(&wrong, batch.ExitUsage, "doctor")
			require.Contains(w, got.out+got.err, "billing.chunk_size")
			w.types(s, "migrate status")
			require.Contains(w, w.types(s, "migrate up").out, "nothing to do")
			w.mentions("migrate up")
		},
		"Exit code 4": func(w *walk) { w.mentions("stop") },
		"Exit code 5": func(w *walk) {
			s := newShop(w.T)
			require.Equal(w, batch.ExitDone, s.duly(w.T, "pause", "billing", "--reason", "prices change").code)
			require.Equal(w, batch.ExitNotRun, s.duly(w.T, "run", "billing").code)
			require.Contains(w, w.types(s, "status").out, "prices change")
			w.types(s, "resume")
			require.Equal(w, batch.ExitDone, s.duly(w.T, "run", "billing").code)
		},
	}
}

// walksOfChores are the chapters on what operators do of their own accord.
func walksOfChores() map[string]func(*walk) {
	return map[string]func(*walk){
		"A wave of declines": func(w *walk) {
			s := suspended(w.T, 40)
			require.Equal(w, batch.ExitFailed, s.duly(w.T, "run", "billing", "--parallelism", "1").code)
			require.Contains(w, w.types(s, "show run", "run 17", "run 1").out, "brake: gateway main: ")
			require.Contains(w, w.types(s, "show invoice", "invoice 7", "invoice 1").out, "lost_card")
			s.suspend(false)
			require.Contains(w, w.types(s, "status").out, "Paused    gateway main by duly: brake, ")
			require.Contains(w, w.types(s, "reopen", "17", "1").out, "would be taken back; nothing was changed")
			w.types(s, "resume")
			w.types(s, "reopen", "17", "1")
			w.types(s, "run billing")
			require.Equal(w, int64(40), s.number(w.T, "SELECT COUNT(*) FROM invoices WHERE status = 'paid' AND stage = 0"))
			w.mentions("reopen")
		},
		"Stuck rows": func(w *walk) {
			s := newShop(w.T)
			s.past(w.T)
			id, _ := s.attempt(w.T, "in_doubt", "charging", payment.Succeeded)
			invoice, subscription := fmt.Sprintf("invoice %d", id), fmt.Sprintf("subscription %d", id)
			require.Contains(w, w.types(s, "show invoice", "invoice 7", invoice).out, "duly run billing --subscription ")
			w.types(s, "status")
			order := fmt.Sprintf("order %d", s.order(w.T, "payment_in_progress", payment.Pending))
			require.Equal(w, batch.ExitUnfinished, s.duly(w.T, "run", "reconcile").code)
			w.types(s, "show order", "order 9", order)
			require.NoError(w, s.sim.Amend(s.sim.Ledger()[1].ID, func(e *simulator.Entry) { e.Status = payment.Succeeded }))
			w.types(s, "requeue order", "order 9", order)
			s.untouched(w.T)
			w.types(s, "run reconcile")
			require.Contains(w, w.types(s, "show order", "order 9", order).out, "completed")
			require.Contains(w, w.types(s, "list refunds").out, "no refund is requested")
			w.types(s, "run reconcile --step refund")
			s.exec(w.T, "INSERT INTO refunds (id, payment_id, amount, reason) SELECT 3, MIN(id), 1, 'a mistake' FROM payments")
			w.types(s, "resolve refund 3 --as cancelled")
			w.types(s, "show subscription", "subscription 42", subscription)
			s.exec(w.T, "UPDATE subscriptions SET status = 'on_hold'")
			require.Contains(w, w.types(s, "list unknown").out, subscription)
		},
		"Stop, pause, slow down": func(w *walk) {
			s := newShop(w.T)
			s.live(w.T, 17)
			w.types(s, "pause billing")
			w.types(s, "resume billing")
			w.types(s, "stop 17")
			require.EqualValues(w, 1, s.number(w.T, "SELECT COUNT(*) FROM job_runs WHERE control LIKE '%maintenance%'"))
			s.live(w.T, 18)
			w.types(s, "throttle 17", "17", "18")
			require.EqualValues(w, 1, s.number(w.T, "SELECT COUNT(*) FROM job_runs WHERE control LIKE '%provider asked%'"))
		},
		"Rotate a token": func(w *walk) {
			s := newShop(w.T)
			file := filepath.Join(w.TempDir(), "token")
			require.NoError(w, os.WriteFile(file, []byte(secretToken), 0o600))
			s.env = slices.DeleteFunc(s.env, func(pair string) bool { return strings.HasPrefix(pair, "DULY_GATEWAYS_MAIN_TOKEN=") })
			s.env = append(s.env, "DULY_GATEWAYS_MAIN_TOKEN_FILE="+file)
			require.Equal(w, batch.ExitDone, s.duly(w.T, "doctor").code)
			s.sim.Update(func(c *simulator.Config) { c.Token = "another-of-the-provider" })
			require.NotEqual(w, batch.ExitDone, s.duly(w.T, "doctor").code)
			require.NoError(w, os.WriteFile(file, []byte("another-of-the-provider"), 0o600))
			w.types(s, "doctor")
			require.Contains(w, w.types(s, "status").out, "times in ")
		},
		"An amount that is held": func(w *walk) {
			s := newShop(w.T)
			for _, amount := range []int64{100, 2000, 900, 3000} {
				s.enrol(w.T, "ok", amount)
			}
			s.exec(w.T, `INSERT INTO invoices (id, subscription_id, due_date, amount, currency, status, issued_date)
SELECT id, id, next_billing_date - INTERVAL 1 MONTH, 10, 'KRW', 'paid', next_billing_date - INTERVAL 1 MONTH FROM subscriptions`)
			s.env = append(s.env, "DULY_BILLING_MAX_FACTOR=10", "DULY_BILLING_MAX_AMOUNT=KRW: 1000")
			require.Contains(w, s.duly(w.T, "run", "billing").out, "Too large")
			id := func(subscription int) string {
				return fmt.Sprint(s.number(w.T, "SELECT MAX(id) FROM invoices WHERE subscription_id = ?", subscription))
			}
			require.Contains(w, w.types(s, "list review").out, "billing.max_factor")
			require.Contains(w, w.types(s, "show invoice", "invoice 7", "invoice "+id(2)).out, "2,000 KRW is more than 1,000 KRW")
			w.types(s, "--as approved", "invoice 7", "invoice "+id(2))
			require.Contains(w, w.types(s, "--matching billing.max_factor --as approved").out, "1 invoice would be resolved")
			require.Equal(w, batch.ExitDone, s.duly(w.T, append(words(strings.ReplaceAll(w.last, "…", "why"))[1:], "--yes")...).code)
			s.env = append(s.env, "DULY_BILLING_MAX_FACTOR=none", "DULY_BILLING_MAX_AMOUNT=none")
			require.Contains(w, w.types(s, "requeue").out, "1 invoice requeued")
			w.types(s, "--as void", "invoice 8", "invoice "+id(4))
			w.types(s, "run billing")
			require.Len(w, s.sim.Ledger(), 3)
		},
		"Change the retry days": func(w *walk) {
			s := newShop(w.T)
			s.enrol(w.T, "soft", 100)
			require.Equal(w, batch.ExitDone, s.duly(w.T, "run", "billing").code)
			s.env = append(s.env, "DULY_BILLING_RETRY_DAYS=2,4")
			before := s.tables(w.T)
			w.types(s, "--dry-run")
			require.Equal(w, before, s.tables(w.T))
		},
		"Run on a second VM": func(w *walk) {
			s := newShop(w.T)
			for range 20 {
				s.enrol(w.T, "ok", 100)
			}
			args := words(w.next("run billing").command)[1:]
			for _, end := range []func() ended{s.begin(w.T, args...), s.begin(w.T, args...)} {
				require.Contains(w, []int{batch.ExitDone, batch.ExitUnfinished}, end().code)
			}
			require.Equal(w, batch.ExitDone, s.duly(w.T, args...).code)
			s.settledAlone(w.T)
			require.Len(w, s.sim.Ledger(), 20)
			w.types(s, "--exclusive")
		},
		"What must not be done": func(w *walk) {
			s := newShop(w.T)
			s.past(w.T)
			id, _ := s.attempt(w.T, "in_doubt", "charging", "")
			require.Contains(w, w.types(s, "show subscription", "subscription 42", fmt.Sprintf("subscription %d", id)).out, "in doubt")
		},
		"A gateway that does not show what it took": func(w *walk) {
			s := newShop(w.T)
			s.enrol(w.T, "ok", 100)
			require.Equal(w, batch.ExitDone, s.duly(w.T, "run", "billing").code)
			s.enrol(w.T, "ok", 100)
			wrong := s.at(another(w.T))
			got := w.fails(wrong, batch.ExitUsage, "doctor")
			require.Contains(w, got.out+got.err, "gateway main")
			w.types(s, "doctor")
			w.types(s, "run billing")

			moved := httptest.NewServer(s.sim)
			w.Cleanup(moved.Close)
			there := s.at(moved.URL)
			require.NotEqual(w, batch.ExitDone, there.duly(w.T, "doctor").code)
			w.types(there, "--moved", "https://old.example.com", s.url())
			require.Equal(w, batch.ExitDone, there.duly(w.T, "doctor").code)
			w.types(there, "--undo", "https://old.example.com", s.url())

			id, _ := s.attempt(w.T, "in_doubt", "charging", "")
			s.exec(w.T, "INSERT INTO gateway_accounts (gateway, address, account) VALUES ('main', 'https://gone.example.com', '')")
			s.exec(w.T, "UPDATE payment_attempts SET sent_by = created_at, account_id = (SELECT MAX(id) FROM gateway_accounts), key_life_ms = 86400000, longest_request_ms = 60000 WHERE id = ?", id)
			got = s.duly(w.T, "run", "billing", "--step", "recover")
			require.Equal(w, batch.ExitUnfinished, got.code, got.out)
			require.Contains(w, got.out, "another account")
			w.types(s, "resolve attempt", "attempt 7", fmt.Sprintf("attempt %d", id))
			require.Equal(w, batch.ExitDone, s.duly(w.T, "run", "billing").code)
		},
	}
}

// walksOfLosses are the chapters on databases that lost what was charged.
func walksOfLosses() map[string]func(*walk) {
	lost := func(w *walk, suspected, commands int) {
		s, _ := newShop(w.T).witnessed(w.T)
		for _, behaviour := range []string{"ok", "ok", "soft", "ok"} {
			s.enrol(w.T, behaviour, 100)
		}
		require.Equal(w, batch.ExitDone, s.duly(w.T, "run", "billing").code)
		charges := len(s.sim.Ledger())
		s.loseHistory(w.T)
		w.block(s, suspected)
		s.sinceSuspected(w.T, time.Hour)
		w.block(s, commands)
		require.Len(w, s.sim.Ledger(), charges, "nothing was charged again")
		require.Empty(w, s.sim.DoubleCharged())
		require.Equal(w, int64(3), s.number(w.T, "SELECT COUNT(*) FROM invoices WHERE status = 'paid'"))
		require.Equal(w, int64(4), s.number(w.T, "SELECT COUNT(*) FROM payment_attempts"))
		require.Zero(w, s.number(w.T, "SELECT COUNT(*) FROM unknown_charges WHERE adopted_at IS NULL"))
		require.Zero(w, s.number(w.T, "SELECT COUNT(*) FROM audit_findings WHERE resolved_at IS NULL"))
	}
	return map[string]func(*walk){
		"Restore from a backup": func(w *walk) {
			lost(w, 2, 7)
			w.mentions("adopt")

			// A second attempt whose first is in review.
			s := newShop(w.T)
			require.Equal(w, batch.ExitDone, s.duly(w.T, "run", "billing").code)
			id, _ := s.attempt(w.T, "review", "review", "")
			reference := ""
			require.NoError(w, s.db.GetContext(w.Context(), &reference, "SELECT reference FROM payment_attempts WHERE id = ?", id))
			inject := func(key, reference string) string {
				known, err := s.sim.Inject(simulator.Entry{
					Key: key, Reference: reference, CustomerID: "cus_1", Method: "pm_ok:" + secretMethod, Amount: 500, Currency: "KRW", CreatedAt: time.Now().Add(-time.Minute),
				})
				require.NoError(w, err)
				return known
			}
			known := inject(reference+"-2", reference)
			s.listUnknown(w.T)
			require.Equal(w, batch.ExitDone, s.duly(w.T, "adopt", "main", "--reason", "restored").code)
			second := s.number(w.T, "SELECT id FROM payment_attempts WHERE idempotency_key = ? AND status = 'review'", reference+"-2")
			w.types(s, "show subscription", "subscription 42", fmt.Sprintf("subscription %d", id))
			w.types(s, "--as paid", "attempt 7", fmt.Sprintf("attempt %d", second), "pay_8f3", known)

			// Money that no invoice asks for.
			finding := func(id string) string {
				return fmt.Sprintf("finding %d", s.number(w.T, "SELECT MAX(id) FROM audit_findings WHERE gateway_payment_id = ?", id))
			}
			orphan, gone := inject(reference+"-3", reference), inject("sub_999_20260101-1", "sub_999_20260101")
			s.listUnknown(w.T)
			require.Equal(w, batch.ExitDone, s.duly(w.T, "adopt", "main", "--reason", "restored").code)
			third := s.number(w.T, "SELECT id FROM payment_attempts WHERE idempotency_key = ?", reference+"-3")
			for _, id := range []string{orphan, gone} {
				require.NoError(w, s.sim.Amend(id, func(e *simulator.Entry) { e.Refunded = e.Amount }))
			}
			w.types(s, "--as refunded", "attempt 7", fmt.Sprintf("attempt %d", third))
			w.types(s, "--as refunded", "finding 3", finding(gone))

			s, _, hidden := lostAndUnlisted(w.T)
			require.Equal(w, batch.ExitUsage, s.duly(w.T, "adopt", "main", "--reason", "restored").code)
			w.types(s, "--not-shown", "sub_42_20261120-1", hidden.Key)
			w.types(s, "--not-shown --reason", "sub_42_20261120-1", hidden.Key)
			waits := s.number(w.T, "SELECT id FROM payment_attempts WHERE idempotency_key = ?", hidden.Key)
			shown := w.types(s, "show subscription", "subscription 42", fmt.Sprintf("subscription %d", s.number(w.T, "SELECT subscription_id FROM payment_attempts WHERE id = ?", waits)))
			require.Contains(w, shown.out, "does not know it now")
			s.exec(w.T, "UPDATE payment_attempts SET created_at = created_at - INTERVAL 30 DAY, sent_by = created_at, settled_at = created_at WHERE id = ?", waits)
			w.types(s, "--as not_executed", "attempt 7", fmt.Sprintf("attempt %d", waits))
			require.Equal(w, batch.ExitDone, s.duly(w.T, "run", "billing").code)

			s = newShop(w.T)
			require.Equal(w, batch.ExitDone, s.duly(w.T, "run", "billing").code)
			unadopted := inject("sub_998_20260101-1", "sub_998_20260101")
			s.listUnknown(w.T)
			require.Contains(w, w.fails(s, batch.ExitUsage, "--as ignored", "finding 3", finding(unadopted)).err, "duly adopt main")
			w.types(s, "--history-confirmed")
		},
		"A fail-over": func(w *walk) {
			lost(w, 1, 5)
			s, _ := newShop(w.T).witnessed(w.T)
			s = s.blind()
			s.enrol(w.T, "ok", 9900)
			s.enrol(w.T, "ok", 9900)
			require.Equal(w, batch.ExitDone, s.duly(w.T, "run", "billing").code)
			s.restore(w.T, 1)
			s.isTooEarly(w.T, "run", "billing")
			s.sinceSuspected(w.T, time.Hour)
			require.Equal(w, batch.ExitFailed, s.duly(w.T, "run", "billing").code)
			got := w.fails(s, batch.ExitUsage, "doctor")
			require.Contains(w, got.out+got.err, "history")
			w.mentions("show")
			w.types(s, "--history-confirmed")
			require.Equal(w, batch.ExitDone, s.duly(w.T, "run", "billing").code)
		},
	}
}
