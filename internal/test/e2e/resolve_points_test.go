package e2e_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/crash"
	"duly/internal/gateway/simulator"
)

// TestEveryPointOfResolve kills `duly resolve` of many invoices between any two of its statements and around each commit, and types it
// again until it gets through. An invoice is closed as a whole or not at all, once, and nobody is charged for it.
func TestEveryPointOfResolve(t *testing.T) {
	t.Parallel()
	for _, point := range []crash.Point{crash.ResolveStatement, crash.ResolveBeforeCommit, crash.ResolveAfterCommit} {
		t.Run(string(point), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, simulator.Config{})
			w.enrol("card_1", "card_2")
			require.Equal(t, batch.ExitDone, start(t, w.env, "run", "billing", "--step", "issue").exit())
			w.do("UPDATE invoices SET status = 'review', review_reason = 'paid by bank transfer'")
			w.do("UPDATE subscriptions SET status = 'past_due'")
			p := w.typeAgain(point, closedAsAWhole, "resolve", "invoice", "--matching", "bank transfer", "--as", "paid_outside", "--reason", "statement of 3 May", "--yes")
			require.Equal(t, batch.ExitDone, p.exit(), p.printed())
			require.Equal(t, 2, w.count("SELECT COUNT(*) FROM invoices WHERE status = 'paid'"))
			w.finish(1)
			require.Empty(t, w.sim.Ledger(), "what was paid outside is charged nowhere")
		})
	}
}

// TestEveryPointOfRequeue kills `duly requeue` of many invoices around each commit, and types it again.
func TestEveryPointOfRequeue(t *testing.T) {
	t.Parallel()
	for _, point := range []crash.Point{crash.RequeueBeforeCommit, crash.RequeueAfterCommit} {
		t.Run(string(point), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, simulator.Config{})
			w.enrol("card_1", "card_2")
			require.Equal(t, batch.ExitDone, start(t, w.env, "run", "billing", "--step", "issue").exit())
			w.do("UPDATE invoices SET status = 'review', review_reason = 'a currency'")
			killed := where{point: point, nth: 1}.env()
			for range 3 {
				if !start(t, slices.Concat(w.env, killed), "requeue", "invoice", "--matching", "currency", "--yes").killed() {
					break
				}
				require.Equal(t, w.count("SELECT COUNT(*) FROM invoices WHERE status = 'open'"), w.count("SELECT COUNT(*) FROM operator_actions WHERE action = 'requeue'"))
			}
			require.Equal(t, batch.ExitDone, start(t, w.env, "requeue", "invoice", "--matching", "currency", "--yes").exit())
			require.Equal(t, 2, w.count("SELECT COUNT(*) FROM operator_actions WHERE action = 'requeue'"))
			w.finish(1)
			w.reconcile()
		})
	}
}

// closedAsAWhole: subscription, event and action are there for each invoice that was closed, and for no other.
func closedAsAWhole(w *world) {
	w.t.Helper()
	closed := w.count("SELECT COUNT(*) FROM invoices WHERE status = 'paid' AND paid_at IS NOT NULL AND review_reason IS NULL")
	for _, query := range []string{
		"SELECT COUNT(*) FROM subscriptions WHERE status = 'active'",
		"SELECT COUNT(*) FROM operator_actions WHERE action = 'resolve'",
		"SELECT COUNT(DISTINCT dedupe_key) FROM events WHERE type = 'invoice.paid'",
		"SELECT COUNT(*) FROM events WHERE type = 'invoice.paid'",
	} {
		require.Equal(w.t, closed, w.count(query), query)
	}
}
