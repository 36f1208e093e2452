package query

import (
	"context"
	"fmt"

	"duly/internal/mysql"
	"duly/internal/store"
)

// PaidAttempt is an attempt that succeeded, and whose invoice could not be marked as paid with it.
type PaidAttempt struct {
	ID      uint64
	Invoice uint64 `db:"invoice_id"`
}

// The join is kept in order: invoices that are charging are few, and attempts that succeeded are nearly all that there are, which the
// optimiser does not know of a table that grew since its statistics were made.
const selectPaidAttempts = `SELECT STRAIGHT_JOIN a.id, i.id AS invoice_id FROM invoices i JOIN payment_attempts a ON a.invoice_id = i.id AND a.status = 'succeeded'
WHERE i.status = 'charging'%s ORDER BY a.id LIMIT ?`

// PaidAttempts lists the selected attempts whose invoices are still to be marked as paid, the oldest first.
func PaidAttempts(ctx context.Context, db *mysql.DB, selection store.Selection, limit int) ([]PaidAttempt, error) {
	only, args := selection.Only("i.subscription_id")
	var list []PaidAttempt
	err := db.SelectContext(ctx, &list, fmt.Sprintf(selectPaidAttempts, only), append(args, limit)...)
	return list, mysql.Classify(ctx, err)
}
