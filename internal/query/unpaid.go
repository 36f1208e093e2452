package query

import (
	"context"
	"fmt"

	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/store"
)

// Unpaid are the invoices that are due and neither paid nor ended.
type Unpaid struct {
	Invoices int64
	// Sums are what they come to. A currency can occur more than once.
	Sums []payment.Money
	// Retries are those that are charged again on a later day, in the order of the days.
	Retries []Retries
	// Barred are those that wait for a later day, and whose payment method was declined for good and is still the same.
	Barred int64
}

// Retries counts the invoices that are charged again on a day.
type Retries struct {
	Date     payment.Date
	Invoices int64
}

// selectUnpaidInvoices reads the last attempt of an invoice, since its class says whether the same method is charged again.
const selectUnpaidInvoices = `SELECT next_day, barred, currency, COUNT(*) AS count, CAST(SUM(amount) AS SIGNED) AS amount FROM (
SELECT IF(i.status = 'open' AND i.next_attempt_date > ?, i.next_attempt_date, NULL) AS next_day, i.currency, i.amount,
COALESCE(a.decline_class IN ('hard', 'action') AND %s = %s AND %s = %s, FALSE) AS barred
FROM invoices i LEFT JOIN payment_attempts a ON a.invoice_id = i.id AND a.attempt_no = i.attempts AND a.status = 'declined'
LEFT JOIN subscriptions s ON s.id = i.subscription_id
WHERE i.status IN ('open', 'charging', 'review') AND i.due_date <= ?) unpaid
GROUP BY next_day, barred, currency ORDER BY next_day, barred, currency`

// UnpaidInvoices sums up the invoices that are due by that day and neither paid nor ended.
func UnpaidInvoices(ctx context.Context, db *mysql.DB, business payment.Date) (Unpaid, error) {
	var rows []struct {
		Day      *payment.Date `db:"next_day"`
		Barred   bool
		Currency string
		Count    int64
		Amount   int64
	}
	query := fmt.Sprintf(selectUnpaidInvoices, store.Exactly("a.payment_method"), store.Exactly("s.payment_method"), store.Exactly("a.gateway"), store.Exactly("s.gateway"))
	if err := db.SelectContext(ctx, &rows, query, business, business); err != nil {
		return Unpaid{}, fmt.Errorf("sum up unpaid invoices: %w", mysql.Classify(ctx, err))
	}
	var u Unpaid
	for _, row := range rows {
		u.Invoices += row.Count
		u.Sums = append(u.Sums, payment.Money{Amount: row.Amount, Currency: row.Currency})
		switch last := len(u.Retries) - 1; {
		case row.Day == nil:
		case row.Barred:
			u.Barred += row.Count
		case last >= 0 && u.Retries[last].Date == *row.Day:
			u.Retries[last].Invoices += row.Count
		default:
			u.Retries = append(u.Retries, Retries{*row.Day, row.Count})
		}
	}
	return u, nil
}
