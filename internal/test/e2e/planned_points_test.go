package e2e_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/crash"
	"duly/internal/gateway/simulator"
	"duly/internal/test/worktest"
	"duly/jobs"
)

// TestEveryPointOfPlannedChanges kills a worker in each transaction that applies planned changes, and runs again. A change is applied as a whole or not
// at all, with its invoice and its event, and every period is charged once at its price.
func TestEveryPointOfPlannedChanges(t *testing.T) {
	t.Parallel()
	for _, point := range crash.ChangesPoints() {
		t.Run(string(point), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, simulator.Config{})
			w.enrol("pm_ok", "pm_ok", "pm_ok", "pm_ok", "pm_ok", "pm_hard", "pm_ok", "pm_ok", "pm_hard", "pm_ok")
			w.do(`UPDATE subscriptions SET status = CASE id WHEN 3 THEN 'paused' WHEN 4 THEN 'trialing' ELSE 'active' END, amount = 9900`)
			how := where{point: point, nth: 1}
			switch point {
			case crash.IssueBeforeCommit, crash.IssueAfterCommit:
				how.steps = []string{jobs.StepIssue}
			case crash.ChangesWritten:
				how.nth = 2
			}
			// The invoices of 9 and 10 are open, and their cards and their end were planned since.
			w.do(`INSERT INTO invoices (subscription_id, due_date, amount, currency, status, next_attempt_date, issued_date)
SELECT id, next_billing_date, amount, currency, 'open', next_billing_date, next_billing_date FROM subscriptions WHERE id > 8`)
			w.do(`UPDATE subscriptions SET next_billing_date = next_billing_date + INTERVAL 1 MONTH WHERE id > 8`)
			for i, c := range []string{
				"'amount', '500'", "'one_off_amount', '0'", "'resume', NULL", "'resume', NULL", "'cancel', NULL", "'method', 'pm_ok:new'", "'pause', NULL", "'interval', 'year'",
				"'method', 'pm_ok:new'", "'cancel', NULL",
			} {
				w.do(fmt.Sprintf(`INSERT INTO subscription_changes (subscription_id, effective_date, kind, value) SELECT %d, '%s', %s`, i+1, w.date, c))
			}
			dying := w.bill(how)
			mustDie(w, dying)
			w.died(dying)
			appliedAsAWhole(w)
			w.finish(1)
			appliedAsAWhole(w)
			require.Equal(t, 10, w.count("SELECT COUNT(*) FROM subscription_changes WHERE applied_at IS NOT NULL"))
			require.Equal(t, []string{
				"1 active 500 month", "2 active 9900 month", "3 active 9900 month", "4 active 9900 month", "5 cancelled 9900 month", "6 active 9900 month", "7 paused 9900 month",
				"8 active 9900 year", "9 active 9900 month", "10 cancelled 9900 month",
			}, worktest.List[string](t, w.db, "SELECT CONCAT_WS(' ', id, status, amount, interval_unit) FROM subscriptions ORDER BY id"))
			require.Equal(t, []string{"1 500 paid", "2 0 paid", "3 9900 paid", "4 9900 paid", "6 9900 paid", "8 9900 paid", "9 9900 paid", "10 9900 void"},
				worktest.List[string](t, w.db, "SELECT CONCAT_WS(' ', subscription_id, amount, status) FROM invoices ORDER BY subscription_id"))
			w.reconcile()
		})
	}
}

// appliedAsAWhole: each change that says so is in its subscription, and has its event; and no other is.
func appliedAsAWhole(w *world) {
	w.t.Helper()
	require.Equal(w.t, w.count("SELECT COUNT(*) FROM subscription_changes WHERE applied_at IS NOT NULL"), w.count("SELECT COUNT(*) FROM events WHERE type = 'subscription.changed'"))
	require.Zero(w.t, w.count(`SELECT COUNT(*) FROM subscription_changes c JOIN subscriptions s ON s.id = c.subscription_id WHERE (c.applied_at IS NOT NULL) <> (CASE c.kind
WHEN 'amount' THEN s.amount = 500 WHEN 'resume' THEN s.status = 'active' WHEN 'cancel' THEN s.status = 'cancelled' WHEN 'pause' THEN s.status = 'paused'
WHEN 'method' THEN s.payment_method = 'pm_ok:new' WHEN 'interval' THEN s.interval_unit = 'year'
WHEN 'one_off_amount' THEN EXISTS (SELECT 1 FROM invoices i WHERE i.subscription_id = s.id AND i.amount = 0) END)`))
	require.Zero(w.t, w.count("SELECT COUNT(*) FROM subscriptions s JOIN invoices i ON i.subscription_id = s.id WHERE s.id = 1 AND i.amount <> 500"))
}
