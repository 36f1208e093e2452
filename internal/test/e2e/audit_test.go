package e2e_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/crash"
	"duly/internal/gateway/simulator"
	"duly/internal/test/worktest"
)

// compare starts `duly run audit`.
func (w *world) compare(at where) *process {
	w.t.Helper()
	return start(w.t, slices.Concat(w.env, at.env()), "run", "audit")
}

// differ makes payments of some hours ago, which no later window reaches: every third is unknown here, every third unknown at the gateway.
func (w *world) differ(n int) {
	w.t.Helper()
	at := time.Now().Add(-3 * time.Hour)
	for i := range n {
		key, reference := fmt.Sprintf("ord_%d-1", i+1), fmt.Sprintf("ord_%d", i+1)
		if i%3 != 0 {
			_, err := w.sim.Inject(simulator.Entry{Key: key, Reference: reference, CustomerID: "c", Method: "pm", Amount: 1000, Currency: "KRW", CreatedAt: at})
			require.NoError(w.t, err)
		}
		if i%3 != 1 {
			w.do(`INSERT INTO orders (id, customer_id, status, amount, currency, created_at) VALUES (?, 'c', 'completed', 1000, 'KRW', ?)`, i+1, at.UTC())
			w.do(`INSERT INTO payments (order_id, gateway, idempotency_key, status, amount, currency, created_at) VALUES (?, 'main', ?, 'succeeded', 1000, 'KRW', ?)`,
				i+1, key, at.UTC())
		}
	}
}

// TestAuditAtEveryPoint kills an audit at every point of its own. The next one finds everything, once, and tells of
// what nobody was told; the one after that has no news.
func TestAuditAtEveryPoint(t *testing.T) {
	t.Parallel()
	lent := lend(t)
	for _, point := range crash.AuditPoints() {
		t.Run(string(point), func(t *testing.T) {
			t.Parallel()
			w := lent.world(t, simulator.Config{})
			w.differ(12)
			worktest.Taken(t, w.db, w.sim, "main", time.Now().Add(-30*time.Hour), time.Now().Add(-5*time.Minute)) // before and after its window
			dying := w.compare(where{point: point})
			mustDie(w, dying)
			w.died(dying)
			for _, want := range []int{batch.ExitReview, batch.ExitDone} {
				p := w.compare(where{})
				require.Equal(t, want, p.exit(), "%s", p.printed())
				require.Equal(t, 8, w.count(`SELECT COUNT(*) FROM audit_findings`))
			}
			require.Equal(t, 4, w.count(`SELECT COUNT(*) FROM audit_findings WHERE kind = 'unknown_here'`))
			require.Equal(t, 8, w.count(`SELECT COUNT(*) FROM orders WHERE status = 'completed' AND id < 9000000`), "nothing else was changed")
			require.Equal(t, 8, w.count(`SELECT COUNT(*) FROM payments WHERE status = 'succeeded' AND order_id < 9000000`))
			require.Equal(t, 2, w.count(`SELECT COUNT(*) FROM job_runs WHERE JSON_UNQUOTE(JSON_EXTRACT(params, '$.audited_to')) <> '' AND status = 'completed'`))
		})
	}
}
