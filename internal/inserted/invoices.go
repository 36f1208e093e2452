package inserted

import (
	"context"
	"fmt"
	"slices"

	"github.com/jmoiron/sqlx"

	"duly/internal/mysql"
	"duly/internal/mysql/sqltext"
	"duly/internal/payment"
	"duly/internal/store"
)

// Ids are first read as a consecutive range, which they nearly always are, and else by the unique key.
const (
	insertedInOrder = `SELECT id, subscription_id, due_date FROM invoices WHERE id BETWEEN ? AND ?`
	insertedByKey   = `SELECT id, subscription_id, due_date FROM invoices WHERE subscription_id IN (?) AND due_date IN (?)`
)

// Invoices are the invoices that one statement has inserted. The zero value has none.
type Invoices struct {
	// First is the first generated id, 0 if the server did not report it. N is the number of invoices.
	First uint64
	N     int

	returned []invoiceRow // by RETURNING
}

type invoiceRow struct {
	ID           uint64
	Subscription uint64       `db:"subscription_id"`
	Due          payment.Date `db:"due_date"`
}

// InsertInvoices inserts rows into invoices in one statement.
func InsertInvoices(ctx context.Context, tx *sqlx.Tx, server mysql.Server, rows *sqltext.Rows) (Invoices, error) {
	in := Invoices{N: rows.Len(), returned: make([]invoiceRow, 0, rows.Len())}
	if done, err := server.InsertReturning(ctx, tx, &in.returned, rows, "id, subscription_id, due_date"); done || err != nil {
		return in, err
	}
	first, err := mysql.InsertRows(ctx, tx, rows, "")
	in.First = uint64(max(first, 0))
	return in, err
}

// IDs returns the ids of the invoices with these keys, in the order of keys. It fails if one is missing. The range of generated ids may have gaps:
// innodb_autoinc_lock_mode and a shop's triggers decide which ids rows get.
func (i Invoices) IDs(ctx context.Context, tx *sqlx.Tx, keys []store.InvoiceKey) ([]uint64, error) {
	in := wanted{ids: make([]uint64, len(keys)), at: make(map[store.InvoiceKey]int, len(keys))}
	for k, key := range keys {
		in.at[key] = k
	}
	if in.take(i.returned); in.found == len(keys) {
		return in.ids, nil
	}
	if i.First > 0 {
		if err := in.read(ctx, tx, insertedInOrder, i.First, i.First+uint64(i.N)-1); err != nil || in.found == len(keys) { //nolint:gosec // G115: a length
			return in.ids, err
		}
	}
	subscriptions, dates := make([]uint64, len(keys)), make([]payment.Date, len(keys))
	for k, key := range keys {
		subscriptions[k], dates[k] = key.Subscription, key.Due
	}
	slices.Sort(dates)
	if err := in.read(ctx, tx, insertedByKey, subscriptions, slices.Compact(dates)); err != nil {
		return nil, err
	}
	if in.found != len(keys) {
		return nil, fmt.Errorf("%d of %d invoices were found again", in.found, len(keys))
	}
	return in.ids, nil
}

// wanted collects the ids of invoices in the order of their keys.
type wanted struct {
	ids   []uint64
	at    map[store.InvoiceKey]int
	found int
}

func (w *wanted) read(ctx context.Context, tx *sqlx.Tx, query string, args ...any) error {
	rows := make([]invoiceRow, 0, len(w.ids))
	if err := mysql.SelectIn(ctx, tx, &rows, query, args...); err != nil {
		return err
	}
	w.take(rows)
	return nil
}

func (w *wanted) take(rows []invoiceRow) {
	w.found = 0
	for _, r := range rows {
		if i, ok := w.at[store.InvoiceKey{Subscription: r.Subscription, Due: r.Due}]; ok {
			w.ids[i] = r.ID
			w.found++
		}
	}
}
