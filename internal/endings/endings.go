// Package endings pauses and cancels subscriptions after dunning, and later tells such a pause or cancellation from one that somebody else
// made since.
package endings

import (
	"context"

	"github.com/jmoiron/sqlx"

	"duly/internal/billing"
	"duly/internal/billing/dunning"
	"duly/internal/mysql"
	"duly/internal/store"
)

// Row is an invoice whose end changes its subscription.
type Row struct {
	Invoice, Subscription uint64
	Dunning               dunning.Frozen // what the invoice keeps of its policy
}

// Of returns the rows of the attempts whose settlement cancels or pauses their subscriptions.
func Of(todo []store.Settled) []Row {
	var rows []Row
	for _, s := range todo {
		if s.SubscriptionTo == billing.Cancelled || s.SubscriptionTo == billing.Paused {
			rows = append(rows, Row{s.Result.Claimed.Invoice.ID, s.Result.Claimed.Invoice.SubscriptionID, s.Settlement.Dunning})
		}
	}
	return rows
}

// written is when a row was written, as the server has it.
const written = `COALESCE(DATE_FORMAT(updated_at, '%Y%m%d%H%i%s%f'), '')`

const (
	readWritten = `SELECT id, ` + written + ` AS written FROM subscriptions WHERE id IN (?) ORDER BY id FOR UPDATE`

	// coarse ends an instant without microseconds, which cannot distinguish two changes within one second.
	coarse = "000000"
)

// Mark calls change, which must cancel or pause the subscriptions of rows, and stores with each invoice when its subscription's row was written. It stores
// nothing where the server does not keep that time, as in some views.
func Mark(ctx context.Context, tx *sqlx.Tx, rows []Row, change func() error) error {
	if len(rows) == 0 {
		return change()
	}
	before, err := read(ctx, tx, rows)
	if err != nil {
		return err
	}
	if err := change(); err != nil {
		return err
	}
	after, err := read(ctx, tx, rows)
	if err != nil {
		return err
	}
	var marked [][]any
	for _, r := range rows {
		at := after[r.Subscription]
		if at == before[r.Subscription] || len(at) <= len(coarse) || at[len(at)-len(coarse):] == coarse {
			continue
		}
		r.Dunning.Mark = at
		marked = append(marked, []any{r.Invoice, r.Dunning.Text()})
	}
	return store.SaveDunning(ctx, tx, marked)
}

func read(ctx context.Context, tx *sqlx.Tx, rows []Row) (map[uint64]string, error) {
	var list []struct {
		ID      uint64
		Written string
	}
	ids := store.SortedIDs(rows, func(r Row) uint64 { return r.Subscription })
	if err := mysql.SelectIn(ctx, tx, &list, readWritten, ids); err != nil {
		return nil, err
	}
	out := make(map[uint64]string, len(list))
	for _, r := range list {
		out[r.ID] = r.Written
	}
	return out, nil
}

const (
	readSince = `SELECT COALESCE((SELECT ` + written + ` FROM subscriptions WHERE id = ?), '') AS written,
EXISTS (SELECT 1 FROM invoices WHERE subscription_id = ? AND id > ?) AS newer,
EXISTS (SELECT 1 FROM invoices WHERE subscription_id = ? AND id <> ? AND first_declined_date IS NOT NULL AND status IN ('open', 'charging', 'review')) AS declined`

	readPlanned = `SELECT EXISTS (SELECT 1 FROM subscription_changes WHERE subscription_id = ? AND kind NOT IN ('amount', 'one_off_amount', 'interval', 'method')
AND applied_at >= (SELECT updated_at FROM invoices WHERE id = ?))`
)

// Since reads what has happened to a subscription since the dunning of its invoice ended.
func Since(ctx context.Context, q sqlx.QueryerContext, subscription, invoice uint64) (dunning.Since, error) {
	var s dunning.Since
	if err := sqlx.GetContext(ctx, q, &s, readSince, subscription, subscription, invoice, subscription, invoice); err != nil {
		return s, err
	}
	err := sqlx.GetContext(ctx, q, &s.Planned, readPlanned, subscription, invoice)
	if mysql.IsDenied(err) { // then no change could be applied either
		err = nil
	}
	return s, err
}

// Undo removes the mark of a pause or cancellation from the invoice once it was taken back.
func Undo(ctx context.Context, tx *sqlx.Tx, invoice uint64, f dunning.Frozen) error {
	if f == f.Undone() {
		return nil
	}
	return store.SaveDunning(ctx, tx, [][]any{{invoice, store.Text(f.Undone().Text())}})
}
