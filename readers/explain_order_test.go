package readers

import (
	"testing"
	"time"

	"duly/internal/testdb"
	"duly/internal/worktest"
)

// fillOrders makes tables in which most rows are history: orders that were completed, and payments that succeeded, or
// failed and were asked about for the last time.
func fillOrders(t *testing.T, db *testdb.DB, rows int) {
	t.Helper()
	worktest.Exec(t, db, `INSERT INTO orders (customer_id, status, amount, currency, created_at, updated_at)
SELECT customer_id, CASE id % 20 WHEN 0 THEN 'pending' WHEN 5 THEN 'payment_in_progress' WHEN 10 THEN 'failed' ELSE 'completed' END,
amount, currency, '2026-01-01' + INTERVAL id SECOND, '2026-01-01' + INTERVAL id SECOND FROM subscriptions`)
	worktest.Exec(t, db, `INSERT INTO payments (order_id, gateway, idempotency_key, status, amount, currency, failure_code, created_at, updated_at)
SELECT id, 'main', CONCAT('ord_', id, '-1'), CASE id % 20 WHEN 5 THEN 'pending' WHEN 10 THEN 'failed' WHEN 15 THEN 'refund_due' ELSE 'succeeded' END,
amount, currency, IF(id % 40 = 10, 'request_failed', NULL), created_at, updated_at FROM orders WHERE id % 20 <> 0`)
	worktest.Exec(t, db, `INSERT INTO order_items (order_id, product_id, quantity) SELECT id, 1, 1 FROM orders`)
	worktest.Exec(t, db, `INSERT INTO order_checks (order_id, checks, next_check_at, checked_at)
SELECT id, 1, IF(id % 20 = 5, created_at, NULL), created_at FROM orders WHERE status <> 'completed'`)
	worktest.Exec(t, db, `ANALYZE TABLE orders, payments, order_items, order_checks`)
}

// orderClaims are the statements that orders are found and claimed by, as they are run in the middle of a walk.
func orderClaims(rows int) []claimQuery {
	n := min(rows, 500)
	ids := make([]uint64, n)
	for i := range ids {
		ids[i] = uint64(rows-n+i) + 1
	}
	from := uint64(rows / 2)
	now, epoch := time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC), time.Unix(0, 0)
	middle := time.Date(2026, 1, 1, 0, 0, rows/2, 0, time.UTC)
	return []claimQuery{
		{"scheduled checks, at the head", scheduledWalk, []any{now, epoch, epoch, 0, walkPage}, false},
		{"scheduled checks, in the middle", scheduledWalk, []any{now, middle, middle, from, walkPage}, false},
		{"stale orders, at the head", staleWalk, []any{"pending", now, epoch, epoch, 0, walkPage}, false},
		{"stale orders, in the middle", staleWalk, []any{"payment_in_progress", now, middle, middle, from, walkPage}, false},
		{"pending payments, at the head", pendingWalk, []any{0, walkPage}, false},
		{"pending payments, in the middle", pendingWalk, []any{from, walkPage}, false},
		{"failed payments", failedNullWalk, []any{from, walkPage}, false},
		{"failed payments by code", failedWalk, []any{"request_failed", from, walkPage}, false},
		{"orders not due", notDueOrders, []any{ids, now}, true},
		{"orders of payments", ordersOfPayments, []any{ids, now, now, now}, true},
		{"checks that are there", presentChecks, []any{ids}, true},
		{"check lock", checkLock, []any{ids}, false},
		{"check lock, one row", checkLock, []any{ids[4:5]}, false},
		{"take checks", takeChecks, []any{make([]byte, 16), 1, ids}, false},
		{"order rows", orderRows, []any{ids}, true},
		{"payment rows", paymentRows, []any{ids}, true},
		{"item rows", itemRows, []any{ids}, true},
		{"order lock", orderLock, []any{ids}, false},
		{"order lock, one row", orderLock, []any{ids[4:5]}, false},
		{"payment lock", paymentLock, []any{ids}, false},
		{"payment lock, one row", paymentLock, []any{ids[4:5]}, false},
		{"orders in doubt", inDoubtOrders, []any{now}, true},
	}
}
