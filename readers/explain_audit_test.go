package readers

import (
	"fmt"
	"testing"
	"time"

	"duly/internal/testdb"
	"duly/internal/worktest"
)

// fillAudit gives payments the ids of a gateway, and findings to an audit.
func fillAudit(t *testing.T, db *testdb.DB) {
	t.Helper()
	worktest.Exec(t, db, `UPDATE payments SET transaction_key = CONCAT('pay_', id) WHERE status <> 'pending'`)
	worktest.Exec(t, db, `INSERT INTO audit_findings (kind, reference, gateway_payment_id, detail, run_id, resolved_at)
SELECT 'unknown_here', CONCAT('ord_', id), '', '{}', 1, IF(id % 10 = 0, NULL, created_at) FROM orders`)
	worktest.Exec(t, db, `ANALYZE TABLE payments, audit_findings`)
}

// auditReads are the statements of an audit, as they are run in the middle of a day's window.
func auditReads(rows int) []claimQuery {
	n := min(rows, 500)
	ids := make([]uint64, n)
	keys := make([]string, n)
	for i := range ids {
		ids[i] = uint64(rows-n+i) + 1
		keys[i] = fmt.Sprintf("ord_%d-1", ids[i])
	}
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	to, middle := from.Add(24*time.Hour), from.Add(time.Duration(rows/2)*time.Second)
	walk := []any{from, to, middle, middle, rows / 2, n}
	return []claimQuery{
		{"audit of attempts", walkAttempts, walk, rows == 5},
		{"audit of orders' payments", walkPayments, walk, rows == 5},
		{"attempts that a gateway lists", attemptsByKey, []any{keys}, true},
		{"payments that a gateway lists, by key", paymentsByKey, []any{keys}, true},
		{"payments that a gateway lists, by its id", paymentsByTheirs, []any{keys}, true},
		{"attempts that were paid", attemptsPaid, []any{ids}, true},
		{"payments that were paid", paymentsPaid, []any{ids}, true},
		{"an attempt again", attemptsByID, []any{ids[:1]}, true},
		{"a payment again", paymentsByID, []any{ids[:1]}, true},
		{"an invoice by its reference", invoiceOf, []any{7, "2026-01-31"}, true},
		{"open findings", openFindings, []any{10}, true},
		{"new findings", newFindings, []any{1}, true},
	}
}
