package worklist

import (
	"context"
	"fmt"

	"duly/internal/mysql"
)

// waitingRows are the rows that wait for an operator, newest first, by what operators call them.
func waitingRows() map[string]string {
	return map[string]string{
		"attempt": `SELECT id FROM payment_attempts WHERE status = 'review' ORDER BY id DESC LIMIT ?`,
		"payment": `SELECT id FROM payments WHERE status = 'review' UNION
SELECT p.id FROM order_checks c JOIN payments p ON p.order_id = c.order_id WHERE c.reason IS NOT NULL AND p.status = 'pending' ORDER BY id DESC LIMIT ?`,
		"finding": `SELECT id FROM audit_findings WHERE resolved_at IS NULL ORDER BY id DESC LIMIT ?`,
		"invoice": `SELECT id FROM invoices WHERE status = 'review' ORDER BY id DESC LIMIT ?`,
		"order":   ordersInReview,
		"event":   givenUpEvents,
		"refund":  `SELECT id FROM refunds WHERE status = 'review' ORDER BY id DESC LIMIT ?`,
		"change":  `SELECT id FROM subscription_changes WHERE applied_at IS NULL AND outcome IS NOT NULL ORDER BY id DESC LIMIT ?`,
	}
}

// IDs lists the ids of what waits for an operator; what is attempt, payment, finding, invoice, order, event or change.
func IDs(ctx context.Context, db *mysql.DB, what string, limit int) ([]uint64, error) {
	query, ok := waitingRows()[what]
	if !ok {
		return nil, fmt.Errorf("no %s waits for an operator", what)
	}
	var ids []uint64
	err := db.SelectContext(ctx, &ids, query, limit)
	return ids, mysql.Classify(ctx, err)
}

const ordersInReview = `SELECT order_id FROM order_checks WHERE reason IS NOT NULL ORDER BY checked_at DESC, order_id LIMIT ?`
