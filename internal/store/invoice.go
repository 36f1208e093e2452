package store

import (
	"context"
	"database/sql"

	"github.com/jmoiron/sqlx"

	"duly/internal/billing"
	"duly/internal/billing/dunning"
	"duly/internal/billing/guard"
	"duly/internal/mysql"
	"duly/internal/payment"
)

const subscriptionLock = `SELECT ` + SubscriptionColumns + ` FROM subscriptions WHERE id IN (?) ORDER BY id`

// InvoiceRow is an invoice as it is claimed.
type InvoiceRow struct {
	ID             uint64
	SubscriptionID uint64       `db:"subscription_id"`
	Due            payment.Date `db:"due_date"`
	Amount         int64
	Currency       string
	Stage          int
	Attempts       int
	FirstDeclined  payment.Date `db:"first_declined_date"`
	RetryDays      string       `db:"retry_days"`
	Dunning        string       `db:"dunning"`
	TryLaterSince  sql.NullTime `db:"try_later_since"`
	AmountCheck    string       `db:"amount_check"`
	StageDate      payment.Date `db:"stage_date"` // see [billing.Invoice]; zero where it is not read
}

// Invoice is what the rules read of r.
func (r InvoiceRow) Invoice() billing.Invoice {
	return billing.Invoice{
		ID: r.ID, SubscriptionID: r.SubscriptionID, Due: r.Due, Money: payment.Money{Amount: r.Amount, Currency: r.Currency},
		Stage: r.Stage, FirstDeclined: r.FirstDeclined, RetryDays: dunning.ParseDays(r.RetryDays), Dunning: dunning.ParseFrozen(r.Dunning), TryLaterSince: r.TryLaterSince.Time, AmountCheck: guard.Check(r.AmountCheck), AheadOf: r.StageDate,
	}
}

// SubscriptionsOf reads the subscriptions of invoices; lock is the clause that locks them, if any.
func SubscriptionsOf(ctx context.Context, q sqlx.QueryerContext, invoices []InvoiceRow, lock string) (map[uint64]billing.Subscription, error) {
	ids := SortedIDs(invoices, func(r InvoiceRow) uint64 { return r.SubscriptionID })
	rows := make([]SubscriptionRow, 0, len(ids))
	err := ReadSubscriptions(subscriptionLock+lock, func(query string) error { return mysql.SelectIn(ctx, q, &rows, query, ids) })
	if err != nil {
		return nil, err
	}
	out := make(map[uint64]billing.Subscription, len(rows))
	for _, r := range rows {
		out[r.ID] = r.Subscription()
	}
	return out, nil
}

// InvoiceKey is the unique key of an invoice.
type InvoiceKey struct {
	Subscription uint64
	Due          payment.Date
}
