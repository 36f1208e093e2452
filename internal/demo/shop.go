// Package demo is the shop of `duly demo`: its subscriptions, what its customers do meanwhile, and the count
// that must add up in the end.
package demo

import (
	"context"
	"fmt"

	"duly/internal/mysql"
	"duly/internal/payment"
)

const insertSubscriptions = `INSERT INTO subscriptions (customer_id, gateway, payment_method, gateway_customer, method_type, description, amount, currency,
interval_unit, next_billing_date) VALUES `

// Enrol writes n subscriptions that are due on a date and paid through a gateway of a type.
func Enrol(ctx context.Context, db *mysql.DB, gateway, kind string, n int, due payment.Date) error {
	const chunk = 500
	for from := 0; from < n; from += chunk {
		rows := make([][]any, 0, chunk)
		for i := from; i < min(n, from+chunk); i++ {
			plan, customer := plans(kind)[i%len(plans(kind))], fmt.Sprintf("customer-%d", i+1)
			rows = append(rows, []any{
				customer, gateway, fmt.Sprintf("billing-key-%d", i+1), second(kind, customer), "card", "Vitamins, monthly box",
				plan.Amount, plan.Currency, "month", due,
			})
		}
		if _, err := mysql.Insert(ctx, db, insertSubscriptions, rows, ""); err != nil {
			return fmt.Errorf("enrol the demo's customers: %w", err)
		}
	}
	return nil
}

const updateCards = `UPDATE subscriptions s JOIN (SELECT DISTINCT subscription_id FROM payment_attempts
WHERE decline_class IN ('hard', 'action') AND subscription_id % 2 = 0) d ON d.subscription_id = s.id
SET s.payment_method = CONCAT(s.payment_method, '-new') WHERE s.status = 'past_due'`

// NewCards lets every second customer whose card was refused for good enter another one.
func NewCards(ctx context.Context, db *mysql.DB) (int64, error) {
	result, err := db.ExecContext(ctx, updateCards)
	if err != nil {
		return 0, fmt.Errorf("change the demo's cards: %w", err)
	}
	return result.RowsAffected()
}

// Line is how many subscriptions or orders ended in one way, and their money in one currency.
type Line struct {
	What     string
	Count    int64
	Currency string
	Amount   int64 // minor units
}

// The ways in which a subscription ends, or stands.
const (
	paidOnDueDate = "paid on the due date"
	paidAtRetry   = "paid at retry "
	cancelled     = "unpaid, cancelled"
	declinedSoFar = "declined so far"
	inReview      = "in review"
)

const selectEndings = `SELECT CASE
 WHEN i.id IS NULL THEN 'never invoiced'
 WHEN i.status = 'paid' AND i.first_declined_date IS NULL THEN 'paid on the due date'
 WHEN i.status = 'paid' THEN CONCAT('paid at retry ', i.stage)
 WHEN i.status = 'uncollectible' THEN 'unpaid, cancelled'
 WHEN i.status = 'review' THEN 'in review'
 WHEN i.first_declined_date IS NOT NULL THEN 'declined so far'
 ELSE CONCAT('unfinished (', i.status, ')') END AS what,
COUNT(*) AS count, s.currency AS currency, SUM(COALESCE(i.amount, s.amount)) AS amount
FROM subscriptions s LEFT JOIN invoices i ON i.subscription_id = s.id
GROUP BY what, s.currency ORDER BY what NOT LIKE 'paid%', what NOT LIKE 'paid on%', what, s.currency`

// Endings counts what became of every subscription.
func Endings(ctx context.Context, db *mysql.DB) ([]Line, error) {
	var lines []Line
	if err := db.SelectContext(ctx, &lines, selectEndings); err != nil {
		return nil, fmt.Errorf("count the demo's endings: %w", err)
	}
	return lines, nil
}

const paidKeys = `SELECT a.idempotency_key, a.amount, a.currency FROM payment_attempts a JOIN invoices i ON i.id = a.invoice_id
WHERE a.status = 'succeeded' AND i.status = 'paid'
UNION ALL SELECT p.idempotency_key, p.amount, p.currency FROM payments p JOIN orders o ON o.id = p.order_id
WHERE p.status = 'succeeded' AND o.status = 'completed'`

// Collected is every charge that the tables call paid, by its key.
func Collected(ctx context.Context, db *mysql.DB) (map[string]payment.Money, error) {
	var rows []struct {
		Key      string `db:"idempotency_key"`
		Amount   int64
		Currency string
	}
	if err := db.SelectContext(ctx, &rows, paidKeys); err != nil {
		return nil, fmt.Errorf("read the demo's payments: %w", err)
	}
	out := make(map[string]payment.Money, len(rows))
	for _, r := range rows {
		out[r.Key] = payment.Money{Amount: r.Amount, Currency: r.Currency}
	}
	return out, nil
}
