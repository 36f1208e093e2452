package e2e_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/crash"
	"duly/internal/gateway/simulator"
)

// TestEveryPointOfApproval kills `duly resolve invoice --as approved` between any two of its statements and around its commit, and types it again until it gets
// through. An amount is approved as a whole or not at all, is recorded once, and is charged once; nothing is charged before.
func TestEveryPointOfApproval(t *testing.T) {
	t.Parallel()
	for _, point := range []crash.Point{crash.ResolveStatement, crash.ResolveBeforeCommit, crash.ResolveAfterCommit} {
		t.Run(string(point), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, simulator.Config{})
			w.set("DULY_BILLING_MAX_AMOUNT", "KRW: 1")
			w.enrol("card_1")
			require.Equal(t, batch.ExitReview, w.bill(where{}).exit())
			require.Empty(t, w.sim.Ledger())
			p := w.typeAgain(point, approvedAsAWhole, "resolve", "invoice", "--matching", "billing.max_amount", "--as", "approved", "--reason", "a year at once", "--yes")
			require.Equal(t, batch.ExitDone, p.exit(), p.printed())
			require.Equal(t, 1, w.count("SELECT COUNT(*) FROM operator_actions WHERE action = 'resolve'"))
			w.finish(1)
			require.Len(t, w.sim.Ledger(), 1)
			w.reconcile()
		})
	}
}

// approvedAsAWhole: an action is there for each invoice that is approved, and for no other.
func approvedAsAWhole(w *world) {
	w.t.Helper()
	require.Equal(w.t, w.count("SELECT COUNT(*) FROM invoices WHERE status = 'open' AND amount_check = 'approved' AND review_reason IS NULL"),
		w.count("SELECT COUNT(*) FROM operator_actions WHERE action = 'resolve'"))
}
