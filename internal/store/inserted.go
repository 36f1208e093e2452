package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/jmoiron/sqlx"

	"duly/internal/mysql"
	"duly/internal/payment"
)

// The invoices that a transaction has just inserted. Nearly always their ids follow the first one, where they are read in their order;
// whatever the ids are, they are found by the unique key.
const (
	insertedInOrder = `SELECT id, subscription_id, due_date FROM invoices WHERE id BETWEEN ? AND ?`
	insertedByKey   = `SELECT id, subscription_id, due_date FROM invoices WHERE subscription_id IN (?) AND due_date IN (?)`
)

// InvoiceKey is the unique key of an invoice.
type InvoiceKey struct {
	Subscription uint64
	Due          payment.Date
}

// InsertedInvoices returns the ids of invoices by their keys. They are among the n at most that tx has inserted with one statement, for which
// the server said that first was the first id; 0: it did not say. An id is taken for what its row says, never for where it stands: triggers
// and the server's way to count leave gaps. It is an error if one is not there.
func InsertedInvoices(ctx context.Context, tx *sqlx.Tx, first uint64, n int, keys []InvoiceKey) ([]uint64, error) {
	in := inserted{ids: make([]uint64, len(keys)), at: make(map[InvoiceKey]int, len(keys))}
	for i, key := range keys {
		in.at[key] = i
	}
	if first > 0 {
		if err := in.read(ctx, tx, insertedInOrder, first, first+uint64(n)-1); err != nil || in.found == len(keys) { //nolint:gosec // G115: a length
			return in.ids, err
		}
	}
	subscriptions, dates := make([]uint64, len(keys)), make([]payment.Date, len(keys))
	for i, key := range keys {
		subscriptions[i], dates[i] = key.Subscription, key.Due
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

// inserted are the ids of invoices, in the order of their keys.
type inserted struct {
	ids   []uint64
	at    map[InvoiceKey]int
	found int
}

func (in *inserted) read(ctx context.Context, tx *sqlx.Tx, query string, args ...any) error {
	type row struct {
		ID           uint64
		Subscription uint64       `db:"subscription_id"`
		Due          payment.Date `db:"due_date"`
	}
	rows := make([]row, 0, len(in.ids))
	if err := mysql.SelectIn(ctx, tx, &rows, query, args...); err != nil {
		return err
	}
	in.found = 0
	for _, r := range rows {
		if i, ok := in.at[InvoiceKey{r.Subscription, r.Due}]; ok {
			in.ids[i] = r.ID
			in.found++
		}
	}
	return nil
}
