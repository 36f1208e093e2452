package e2e_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/crash"
	"duly/internal/gateway/simulator"
)

// TestEveryPointOfANewCard kills a run around the commit that makes invoices of new cards due, and around what follows. The next runs charge each once,
// ahead of its stage, and what is declined then has used none.
func TestEveryPointOfANewCard(t *testing.T) {
	t.Parallel()
	for _, point := range []crash.Point{
		crash.AdvanceBeforeCommit, crash.AdvanceAfterCommit, crash.AfterSend,
	} {
		t.Run(string(point), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, simulator.Config{})
			w.enrol("pm_soft:1", "pm_soft:2", "pm_ok:3")
			w.finish(1)
			for id, method := range map[int]string{1: "pm_ok:new", 2: "pm_soft:new"} {
				w.do("UPDATE subscriptions SET payment_method = ? WHERE id = ?", method, id)
			}
			p := w.bill(where{point: point, nth: 1})
			mustDie(w, p)
			w.died(p)
			w.finish(1)
			require.Equal(t, 2, w.count("SELECT COUNT(*) FROM invoices WHERE status = 'paid'"))
			require.Equal(t, 1, w.count("SELECT COUNT(*) FROM invoices WHERE status = 'open' AND stage = 1 AND attempts = 2 AND stage_date IS NULL AND next_attempt_date > UTC_DATE()"))
			w.reconcile()
		})
	}
}
