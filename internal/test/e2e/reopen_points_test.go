package e2e_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/crash"
	"duly/internal/gateway/simulator"
)

// TestEveryPointOfReopen kills `duly reopen` between any two of its statements and around each commit, and types it again until it
// gets through. A decline is taken back as a whole or not at all, and everybody is charged once.
func TestEveryPointOfReopen(t *testing.T) {
	t.Parallel()
	for _, point := range []crash.Point{crash.ReopenStatement, crash.ReopenBeforeCommit, crash.ReopenAfterCommit} {
		t.Run(string(point), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, simulator.Config{Shares: simulator.Shares{Hard: 1}})
			w.enrol("card_1", "card_2", "card_3")
			w.finish(1)
			for _, statement := range []string{
				"UPDATE invoices SET status = 'uncollectible', stage = 3 WHERE subscription_id = 2",
				`UPDATE subscriptions SET status = 'cancelled', cancel_reason = 'unpaid after the last retry: no', cancelled_at = UTC_TIMESTAMP(6),
next_billing_date = UTC_DATE() - INTERVAL 40 DAY, anchor_day = NULL WHERE id = 2`,
			} {
				w.do(statement)
			}
			w.sim.Update(func(c *simulator.Config) { c.Shares = simulator.Shares{} })
			p := w.typeAgain(point, reopenedAsAWhole, "reopen", "--run", "1", "--gateway", "main", "--reason", "suspended")
			require.Equal(t, batch.ExitDone, p.exit(), p.printed())
			require.Equal(t, 3, w.count("SELECT COUNT(*) FROM payment_attempts WHERE reopened_at IS NOT NULL"))
			w.finish(1)
			require.Equal(t, 3, w.count("SELECT COUNT(*) FROM invoices WHERE status = 'paid' AND stage = 0"))
			w.reconcile()
		})
	}
}

// reopenedAsAWhole: invoice, subscription, event and action are there for each decline that was taken back, and for no other.
func reopenedAsAWhole(w *world) {
	w.t.Helper()
	reopened := w.count("SELECT COUNT(*) FROM payment_attempts WHERE reopened_at IS NOT NULL")
	for _, query := range []string{
		"SELECT COUNT(*) FROM invoices WHERE status = 'open' AND stage = 0 AND first_declined_date IS NULL",
		"SELECT COUNT(*) FROM subscriptions WHERE status = 'active' AND cancel_reason IS NULL AND next_billing_date > UTC_DATE()",
		"SELECT COUNT(*) FROM operator_actions WHERE action = 'reopen'",
		"SELECT COUNT(*) FROM events WHERE type = 'invoice.reopened'",
	} {
		require.Equal(w.t, reopened, w.count(query), query)
	}
}
