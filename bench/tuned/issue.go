package tuned

import (
	"context"

	"github.com/jmoiron/sqlx"

	"duly/internal/mysql"
	"duly/internal/payment"
)

const (
	readDue = `SELECT id, amount, currency, next_billing_date FROM subscriptions
WHERE status = 'active' AND next_billing_date <= ? AND (next_billing_date > ? OR next_billing_date = ? AND id > ?)
ORDER BY next_billing_date, id LIMIT ?`

	insertInvoices = `INSERT INTO invoices (subscription_id, due_date, amount, currency, status, next_attempt_date, issued_date) VALUES `

	moveOn = `UPDATE subscriptions SET anchor_day = COALESCE(anchor_day, DAY(next_billing_date)),
next_billing_date = next_billing_date + INTERVAL 1 MONTH WHERE id = ?`
)

// subscription is one that is due; every one of the benchmarks is billed by the month.
type subscription struct {
	ID       uint64
	Amount   int64
	Currency string
	Due      payment.Date `db:"next_billing_date"`
}

func (s subscription) key() key { return key{s.Due, s.ID} }

func (j Job) readDue(ctx context.Context, after key) ([]subscription, error) {
	var page []subscription
	err := j.DB.SelectContext(ctx, &page, readDue, j.Today, after.day(), after.day(), after.id, Chunk)
	return page, err
}

// day is the date as a parameter: that before the first page lies before all others.
func (k key) day() any {
	if k.date.IsZero() {
		return "1000-01-01"
	}
	return k.date
}

func (j Job) issue(ctx context.Context, page []subscription) error {
	rows, ids := make([][]any, len(page)), make([][]any, len(page))
	for i, s := range page {
		rows[i], ids[i] = []any{s.ID, s.Due, s.Amount, s.Currency, "open", s.Due, j.Today}, []any{s.ID}
	}
	return j.transact(ctx, func(tx *sqlx.Tx) error {
		if _, err := mysql.Insert(ctx, tx, insertInvoices, rows, ""); err != nil {
			return err
		}
		return each(ctx, tx, moveOn, ids)
	})
}
