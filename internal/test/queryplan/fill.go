package queryplan

import (
	"testing"

	"duly/internal/mysql"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
)

// Filled opens a database with so many subscriptions, invoices, attempts, orders, payments, findings, events and deliveries, most of
// them history.
func Filled(t testing.TB, rows int) *mysql.DB {
	t.Helper()
	plain := testdb.New(t)
	fillBilling(t, plain, rows)
	fillOrders(t, plain)
	fillAudit(t, plain)
	fillDeliveries(t, plain, rows)
	return worktest.Open(t, plain.DSN)
}

// fillBilling makes tables in which most rows are history: paid invoices, succeeded attempts.
func fillBilling(t testing.TB, db *testdb.DB, rows int) {
	t.Helper()
	worktest.Enrol(t, db, rows, "2026-01-31", func(i int, s *worktest.Subscription) {
		if i%5 != 0 && rows > 5 {
			s.Next = "2026-02-28"
		}
	})
	worktest.Exec(t, db, `INSERT INTO invoices (subscription_id, due_date, amount, currency, status, stage, next_attempt_date, issued_date)
SELECT id, '2026-01-31', amount, currency, IF(id % 5 = 0, 'open', 'paid'), 0, '2026-01-31', '2026-01-31' FROM subscriptions`)
	worktest.Exec(t, db, `INSERT INTO job_runs (job, business_date, params, status, lease, lease_ms, host, pid, version)
VALUES ('billing', '2026-01-31', '{}', 'completed', '1234567890123456', 60000, 'host', 1, 'v')`)
	worktest.Exec(t, db, `INSERT INTO payment_attempts (invoice_id, subscription_id, attempt_no, stage, idempotency_key, reference, customer_id,
amount, currency, gateway, payment_method, body_version, status, run_id, lease, next_check_at)
SELECT id, subscription_id, 1, 0, CONCAT('sub_', subscription_id, '-1'), 'r', 'c', amount, currency, 'main', CONCAT('pm:', id), 1,
CASE id % 50 WHEN 0 THEN 'in_doubt' WHEN 1 THEN 'in_flight' ELSE 'succeeded' END, 1, UNHEX(LPAD(HEX(id), 32, '0')),
IF(id % 50 = 0, '2026-01-01' + INTERVAL id SECOND, NULL) FROM invoices`)
	worktest.Exec(t, db, `INSERT INTO gateway_answers (idempotency_key, answer, run_id)
SELECT idempotency_key, '{}', 1 FROM payment_attempts WHERE id % 5 = 0`)
	worktest.Exec(t, db, `INSERT INTO subscription_changes (subscription_id, effective_date, kind, value, applied_at)
SELECT id, IF(id % 50 = 1, '2026-02-28', '2026-01-31'), IF(id % 50 = 1, 'resume', 'amount'), '100', IF(id % 50 < 2, NULL, '2026-01-31') FROM subscriptions`)
	worktest.Exec(t, db, `ANALYZE TABLE subscriptions, invoices, payment_attempts, job_runs, gateway_answers, subscription_changes`)
}

// fillOrders makes tables in which most rows are history: orders that were completed, and payments that succeeded, or
// failed and were asked about for the last time.
func fillOrders(t testing.TB, db *testdb.DB) {
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

// fillAudit gives payments the ids of a gateway, and findings to an audit.
func fillAudit(t testing.TB, db *testdb.DB) {
	t.Helper()
	worktest.Exec(t, db, `UPDATE payments SET transaction_key = CONCAT('pay_', id) WHERE status <> 'pending'`)
	worktest.Exec(t, db, `INSERT INTO audit_findings (kind, reference, gateway_payment_id, detail, run_id, resolved_at)
SELECT 'unknown_here', CONCAT('ord_', id), '', '{}', 1, IF(id % 10 = 0, NULL, created_at) FROM orders`)
	worktest.Exec(t, db, `ANALYZE TABLE payments, audit_findings`)
}

// fillDeliveries makes events most of which were delivered, with a fifth still to go and some of those failing.
func fillDeliveries(t testing.TB, db *testdb.DB, rows int) {
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
