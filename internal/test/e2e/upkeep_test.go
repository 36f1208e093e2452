package e2e_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/crash"
	"duly/internal/gateway/simulator"
)

// TestUpkeepAtEveryPoint kills the report and the pruning at every point of theirs. Run again, each ends as if
// nothing had happened: the figures of a day are whole, and what was kept for long enough is gone, no more.
func TestUpkeepAtEveryPoint(t *testing.T) {
	t.Parallel()
	lent := lend(t)
	for _, point := range crash.UpkeepPoints() {
		t.Run(string(point), func(t *testing.T) {
			t.Parallel()
			w := lent.world(t, simulator.Config{})
			w.do(`INSERT INTO products (id, name, stock) VALUES (1, 'Zinc', 5)`)
			for range 3 {
				w.do(`INSERT INTO orders (customer_id, status, amount, currency, completed_at) VALUES ('c', 'completed', 500, 'KRW', '2026-03-01 15:30:00')`)
			}
			w.do(`INSERT INTO order_items (order_id, product_id, quantity) SELECT id, 1, 2 FROM orders`)
			w.do(`INSERT INTO events (type, subject, payload, created_at) VALUES ('a', 's', '{}', '2020-01-01'), ('a', 's', '{}', UTC_TIMESTAMP(6))`)
			args := []string{"run", "prune"}
			if strings.HasPrefix(string(point), "report") {
				args = []string{"run", "report", "--date", "2026-03-01"}
			}
			dying := start(t, slices.Concat(w.env, where{point: point}.env()), args...)
			mustDie(w, dying)
			w.died(dying)
			again := start(t, w.env, args...)
			require.Equal(t, batch.ExitDone, again.exit(), "%s", again.printed())
			if args[1] == "report" {
				require.Equal(t, 1, w.count(`SELECT COUNT(*) FROM daily_order_stats WHERE orders_completed = 3 AND amount_completed = 1500`))
				require.Equal(t, 1, w.count(`SELECT COUNT(*) FROM daily_product_sales WHERE quantity = 6 AND amount = 1500`))
				return
			}
			require.Equal(t, 1, w.count(`SELECT COUNT(*) FROM events`))
			require.Equal(t, 1, w.count(`SELECT COUNT(*) FROM events WHERE created_at > '2026-01-01'`))
			require.Equal(t, 3, w.count(`SELECT COUNT(*) FROM orders`))
		})
	}
}
