package query

import (
	"context"
	"fmt"

	"duly/internal/mysql"
	"duly/internal/payment"
)

// AuditSum is how many payments of ours were created in a window, at a gateway and in a currency.
type AuditSum struct {
	What     string `json:"what"` // invoices or orders: what they pay
	Gateway  string `json:"gateway"`
	Currency string `json:"currency"`
	Count    int64  `json:"count"`
	Amount   int64  `json:"amount"` // minor units
}

const selectAuditSums = `SELECT '%s' AS what, gateway, currency, COUNT(*) AS count, CAST(SUM(amount) AS SIGNED) AS amount
FROM %s WHERE created_at >= ? AND created_at < ? GROUP BY gateway, currency ORDER BY gateway, currency`

// AuditSums sums up the payments of ours that were created in a window, whatever became of them.
func AuditSums(ctx context.Context, db *mysql.DB, w payment.Window) ([]AuditSum, error) {
	all := []AuditSum{}
	for _, table := range [][2]string{{"invoices", "payment_attempts"}, {"orders", "payments"}} {
		var sums []AuditSum
		if err := db.SelectContext(ctx, &sums, fmt.Sprintf(selectAuditSums, table[0], table[1]), w.From.UTC(), w.To.UTC()); err != nil {
			return all, fmt.Errorf("count the payments of the window: %w", mysql.Classify(ctx, err))
		}
		all = append(all, sums...)
	}
	return all, nil
}
