package readers

import (
	"fmt"
	"testing"
	"time"

	"duly/internal/testdb"
	"duly/internal/worktest"
)

// fillDeliveries makes events most of which were delivered, with a fifth still to go and some of those failing.
func fillDeliveries(t *testing.T, db *testdb.DB, rows int) {
	t.Helper()
	worktest.Exec(t, db, `INSERT INTO events (type, subject, payload)
SELECT IF(id % 100 = 0, 'review.needed', 'invoice.paid'), CONCAT('subscription:', id DIV 3), '{}' FROM subscriptions ORDER BY id`)
	worktest.Exec(t, db, `INSERT INTO event_deliveries (event_id, sink, subject, status, tries, next_try_at, run_id)
SELECT id, 'webhook', subject, IF(id % 5 = 0, 'pending', 'delivered'), id % 25 = 0, IF(id % 5 = 0, '2026-01-01' + INTERVAL id SECOND, NULL), NULL
FROM events WHERE id <= ? - 2`, rows)
	worktest.Exec(t, db, `INSERT INTO event_deliveries (event_id, sink, subject, status) SELECT id, 'slack', subject, 'delivered'
FROM events WHERE type = 'review.needed'`)
	worktest.Exec(t, db, `ANALYZE TABLE events, event_deliveries`)
}

// deliveryClaims are the statements of the outbox.
func deliveryClaims(rows int) []claimQuery {
	n := min(rows, 500)
	ids := make([]uint64, n)
	subjects := make([]string, n)
	for i := range ids {
		ids[i] = uint64(rows-n+i) + 1
		subjects[i] = fmt.Sprintf("subscription:%d", i)
	}
	now, epoch := time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC), time.Unix(0, 0)
	middle := time.Date(2026, 1, 1, 0, 0, rows/2, 0, time.UTC)
	skip := " FOR UPDATE SKIP LOCKED"
	return []claimQuery{
		{"events without a delivery", fmt.Sprintf(fanCandidates, ""), []any{"webhook", rows - n, n}, false},
		{"events without a delivery, of some types", fmt.Sprintf(fanCandidates, " AND e.type IN ('review.needed', 'stock.low')"), []any{"slack", rows - n, n}, false},
		{"events whose transactions have ended", settledEvents, []any{rows - n, rows, n}, false},
		{"delivery candidates, at the head", fmt.Sprintf(deliveryCandidates, ""), []any{"webhook", now, epoch, epoch, 0, n}, false},
		{"delivery candidates, in the middle", fmt.Sprintf(deliveryCandidates, ""), []any{"webhook", now, middle, middle, rows / 2, n}, false},
		{"delivery lock", deliveryLock + skip, []any{ids, "webhook", now}, false},
		{"deliveries of subjects", subjectDeliveries, []any{"webhook", subjects, n}, true},
		{"take deliveries", takeDeliveries, []any{1, make([]byte, 16), ids, "webhook"}, false},
		{"events", deliveredEvents, []any{ids}, true},
	}
}
