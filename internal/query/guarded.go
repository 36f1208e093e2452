package query

import (
	"context"
	"slices"
	"time"

	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/sum"
)

// MoneySum is the count and the sum of amounts in a currency.
type MoneySum struct {
	Currency string `json:"currency"`
	Count    int64  `json:"count"`
	Amount   int64  `json:"amount"` // minor units
}

// AddMoney adds an amount to sums, which are sorted by currency.
func AddMoney(sums []MoneySum, m payment.Money) []MoneySum {
	at, found := slices.BinarySearchFunc(sums, m.Currency, func(s MoneySum, currency string) int {
		switch {
		case s.Currency < currency:
			return -1
		case s.Currency > currency:
			return 1
		}
		return 0
	})
	if !found {
		sums = slices.Insert(sums, at, MoneySum{Currency: m.Currency})
	}
	sums[at].Count++
	sums[at].Amount = sum.Add(sums[at].Amount, m.Amount)
	return sums
}

const selectGuarded = `SELECT currency, COUNT(*) AS count, CAST(SUM(amount) AS SIGNED) AS amount FROM invoices
WHERE status = 'review' AND amount_check IN ('max_amount', 'max_factor') AND updated_at >= ? GROUP BY currency ORDER BY currency`

// Guarded sums up, by currency, the invoices that were sent to review for their amounts since an instant.
func Guarded(ctx context.Context, db *mysql.DB, since time.Time) ([]MoneySum, error) {
	var sums []MoneySum
	err := db.SelectContext(ctx, &sums, selectGuarded, since.UTC())
	return sums, mysql.Classify(ctx, err)
}
