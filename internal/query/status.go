package query

import (
	"context"

	"duly/internal/mysql"
	"duly/internal/payment"
)

// StageSum is how many open invoices of a stage are due, in one currency.
type StageSum struct {
	Stage    int    `json:"stage"`
	Currency string `json:"currency"`
	Count    int64  `json:"count"`
	Amount   int64  `json:"amount"` // minor units
}

const selectOpenSums = `SELECT stage, currency, COUNT(*) AS count, CAST(SUM(amount) AS SIGNED) AS amount FROM invoices
WHERE status = 'open' AND next_attempt_date <= ? GROUP BY stage, currency ORDER BY stage, currency`

// OpenSums sums up the open invoices that are due by that day.
func OpenSums(ctx context.Context, db *mysql.DB, business payment.Date) ([]StageSum, error) {
	sums := []StageSum{}
	err := db.SelectContext(ctx, &sums, selectOpenSums, business)
	return sums, mysql.Classify(ctx, err)
}
