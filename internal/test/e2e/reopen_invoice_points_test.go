package e2e_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/crash"
	"duly/internal/gateway/simulator"
)

// TestEveryPointOfReopenInvoice kills `duly reopen invoice` between any two of its statements and around each commit, and types it again until
// the invoice is open. An invoice is reopened as a whole or not at all, and its customer is charged once.
func TestEveryPointOfReopenInvoice(t *testing.T) {
	t.Parallel()
	for _, point := range []crash.Point{crash.ReopenStatement, crash.ReopenBeforeCommit, crash.ReopenAfterCommit} {
		t.Run(string(point), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, simulator.Config{Shares: simulator.Shares{Soft: 1}})
			w.enrol("card_1")
			w.finish(1)
			for _, statement := range []string{
				"UPDATE invoices SET status = 'uncollectible', stage = 3",
				`UPDATE subscriptions SET status = 'cancelled', cancel_reason = 'unpaid after the last retry: no', cancelled_at = UTC_TIMESTAMP(6),
next_billing_date = UTC_DATE() - INTERVAL 40 DAY, anchor_day = NULL`,
			} {
				w.do(statement)
			}
			w.sim.Update(func(c *simulator.Config) { c.Shares = simulator.Shares{} })
			p := w.typeAgain(point, invoiceReopenedAsAWhole, "reopen", "invoice", "1", "--reason", "asked")
			require.Contains(t, []int{batch.ExitDone, batch.ExitUsage}, p.exit(), p.printed()) // what is open already is refused
			require.Equal(t, 1, w.count("SELECT COUNT(*) FROM invoices WHERE status = 'open' AND stage = 3"))
			w.finish(1)
			require.Equal(t, 1, w.count("SELECT COUNT(*) FROM invoices WHERE status = 'paid' AND stage = 3"))
			w.reconcile()
		})
	}
}

// invoiceReopenedAsAWhole: subscription, action and event are there for the invoice if it was reopened, and not if it was not.
func invoiceReopenedAsAWhole(w *world) {
	w.t.Helper()
	reopened := w.count("SELECT COUNT(*) FROM invoices WHERE status = 'open' AND stage = 3")
	for _, query := range []string{
		"SELECT COUNT(*) FROM subscriptions WHERE status = 'past_due' AND cancel_reason IS NULL AND next_billing_date > UTC_DATE()",
		"SELECT COUNT(*) FROM operator_actions WHERE action = 'reopen' AND subject LIKE 'invoice:%'",
		"SELECT COUNT(*) FROM events WHERE type = 'invoice.reopened'",
	} {
		require.Equal(w.t, reopened, w.count(query), query)
	}
}
