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

	moveOn = `UPDATE subscriptions s JOIN JSON_TABLE(?, '$[*]' COLUMNS (id BIGINT UNSIGNED PATH '$.id', day INT PATH '$.day', next DATE PATH '$.next')) v
ON v.id = s.id SET s.anchor_day = v.day, s.next_billing_date = v.next`
)

// subscription is one that is due; every one of the benchmarks is billed by the month.
type subscription struct {
	ID       uint64
	Amount   int64
	Currency string
	Due      payment.Date `db:"next_billing_date"`
}

func (s subscription) key() key { return key{s.Due, s.ID} }

// next is what a subscription becomes.
type next struct {
	ID   uint64 `json:"id"`
	Day  int    `json:"day"`
	Next string `json:"next"`
}

// next is a month on: the same day, or the last of a shorter month.
func (s subscription) next() next {
	year, month, day := s.Due.Split()
	last := payment.NewDate(year, month+2, 0)
	return next{s.ID, day, min(payment.NewDate(year, month+1, day), last).String()}
}

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
	rows, moved := make([][]any, len(page)), make([]next, len(page))
	for i, s := range page {
		rows[i], moved[i] = []any{s.ID, s.Due, s.Amount, s.Currency, "open", s.Due, j.Today}, s.next()
	}
	return j.transact(ctx, func(tx *sqlx.Tx) error {
		if _, err := mysql.Insert(ctx, tx, insertInvoices, rows, ""); err != nil {
			return err
		}
		return each(ctx, tx, moveOn, moved)
	})
}
