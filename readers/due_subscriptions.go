package readers

import (
	"context"
	"fmt"
	"slices"

	"github.com/jmoiron/sqlx"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/claims"
	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/store"
)

// DueSubscriptions reads the subscriptions of one status whose next billing date has come. It is read within the
// transaction that issues their invoices: the locks are the claim, and nothing leaves the database.
type DueSubscriptions struct {
	Selection store.Selection
	Status    billing.SubscriptionStatus

	walk  claims.Walk
	aside map[uint64]bool // rows that failed by themselves
}

// DueSubscription is a subscription to issue for, with what its newest invoice says.
type DueSubscription struct {
	billing.Subscription

	Newest billing.Newest
	// Invoiced lists due dates that have an invoice already, from the next billing date on.
	Invoiced map[payment.Date]bool
}

const (
	// The walk goes on behind what is stored, whether that is a date or not.
	dueCandidates = `SELECT id, CAST(next_billing_date AS CHAR) AS walk_date FROM subscriptions
WHERE status = ? AND next_billing_date <= ?
AND (next_billing_date > ? OR (next_billing_date = ? AND id > ?))%s
ORDER BY next_billing_date, id LIMIT ?`

	// COALESCE: see stageLock.
	dueLock = `SELECT ` + store.SubscriptionColumns + ` FROM subscriptions
WHERE id IN (?) AND COALESCE(status) = ? AND next_billing_date <= ? ORDER BY id`

	// The newest invoice by its issue: while it is unpaid no other is issued. See canBeIssued in the package query.
	newestInvoices = `SELECT i.subscription_id, i.status, i.issued_date, i.due_date FROM subscriptions s JOIN invoices i ON i.id =
(SELECT x.id FROM invoices x WHERE x.subscription_id = s.id ORDER BY x.issued_date DESC, x.id DESC LIMIT 1)
WHERE s.id IN (?)`

	invoicedDates = `SELECT i.subscription_id, i.due_date FROM subscriptions s
JOIN invoices i ON i.subscription_id = s.id AND i.due_date >= s.next_billing_date WHERE s.id IN (?)`
)

// DueSubscriptionsPage is one page of a walk.
type DueSubscriptionsPage struct {
	Rows []DueSubscription
	Done bool

	seen int
	last candidate
}

// Read locks and reads the next page. The walk moves on only with Took.
func (d *DueSubscriptions) Read(ctx context.Context, tx *sqlx.Tx, size int) (DueSubscriptionsPage, error) {
	return d.readPage(ctx, tx, size, allDates)
}

func (d *DueSubscriptions) readPage(ctx context.Context, tx *sqlx.Tx, size int, dates datesOf) (DueSubscriptionsPage, error) {
	limit := d.walk.Limit(size)
	candidates, err := d.candidates(ctx, tx, limit)
	if err != nil {
		return DueSubscriptionsPage{}, err
	}
	page := DueSubscriptionsPage{seen: len(candidates), Done: len(candidates) < limit}
	if page.seen == 0 {
		return page, nil
	}
	page.last = candidates[page.seen-1]
	candidates = slices.DeleteFunc(candidates, func(x candidate) bool { return d.aside[x.ID] })
	if len(candidates) == 0 {
		return page, nil
	}
	ids := store.SortedIDs(candidates, func(x candidate) uint64 { return x.ID })
	rows := make([]store.SubscriptionRow, 0, len(ids))
	err = store.ReadSubscriptions(dueLock+d.walk.Lock(), func(query string) error {
		return mysql.SelectIn(ctx, tx, &rows, query, ids, string(d.Status), d.Selection.Business)
	})
	if err != nil {
		return page, err
	}
	page.Rows, err = withInvoices(ctx, tx, rows, dates)
	return page, err
}

// candidates reads the next ids of the walk, without a lock.
func (d *DueSubscriptions) candidates(ctx context.Context, q sqlx.QueryerContext, limit int) ([]candidate, error) {
	only, args := d.Selection.Only("id")
	first := d.walk.From()
	args = append([]any{string(d.Status), d.Selection.Business, first, first, d.walk.ID}, args...)
	found := make([]candidate, 0, limit)
	err := sqlx.SelectContext(ctx, q, &found, fmt.Sprintf(dueCandidates, only), append(args, limit)...)
	return found, err
}

// datesOf says of which subscriptions the due dates that have an invoice are read: next is its next billing date, newest the due date
// of the newest invoice.
type datesOf func(next, newest payment.Date) bool

func allDates(_, _ payment.Date) bool { return true }

// suspectDates passes over subscriptions whose newest invoice is of an earlier date: nearly all of them. An invoice that this does not
// see is met as a duplicate when it is inserted once more.
func suspectDates(next, newest payment.Date) bool { return newest >= next }

func withInvoices(ctx context.Context, q sqlx.QueryerContext, rows []store.SubscriptionRow, dates datesOf) ([]DueSubscription, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	ids := store.SortedIDs(rows, func(r store.SubscriptionRow) uint64 { return r.ID })
	var newest []struct {
		Subscription uint64 `db:"subscription_id"`
		Status       string
		Issued       payment.Date `db:"issued_date"`
		Due          payment.Date `db:"due_date"`
	}
	if err := mysql.SelectIn(ctx, q, &newest, newestInvoices, ids); err != nil {
		return nil, err
	}
	out := make([]DueSubscription, len(rows))
	at := make(map[uint64]int, len(rows))
	for i, r := range rows {
		out[i].Subscription = r.Subscription()
		at[r.ID] = i
	}
	ids = ids[:0]
	for _, n := range newest {
		row := &out[at[n.Subscription]]
		row.Newest = billing.Newest{Exists: true, Status: billing.InvoiceStatus(n.Status), Due: n.Due, Issued: n.Issued}
		if dates(row.Next, n.Due) {
			ids = append(ids, n.Subscription)
		}
	}
	if len(ids) == 0 {
		return out, nil
	}
	slices.Sort(ids)
	var invoiced []struct {
		Subscription uint64       `db:"subscription_id"`
		Due          payment.Date `db:"due_date"`
	}
	if err := mysql.SelectIn(ctx, q, &invoiced, invoicedDates, ids); err != nil {
		return nil, err
	}
	for _, d := range invoiced {
		row := &out[at[d.Subscription]]
		if row.Invoiced == nil {
			row.Invoiced = map[payment.Date]bool{}
		}
		row.Invoiced[d.Due] = true
	}
	return out, nil
}

// Took moves the walk behind a page that was committed. It reports whether the walk is done.
func (d *DueSubscriptions) Took(page DueSubscriptionsPage) bool {
	d.walk.Took()
	if page.Done {
		return d.walk.End()
	}
	d.walk.Date, d.walk.ID = page.last.Date, page.last.ID
	return false
}

// Failed decides what a failed page means: nil to read on in another way, else the error. aside names the
// row that fails by itself, with its error, 0 for none; it is not read again.
func (d *DueSubscriptions) Failed(page DueSubscriptionsPage, size int, kind batch.FailureKind, err error) (aside uint64, _ error) {
	limit := d.walk.Limit(size)
	if err = d.walk.Failed(kind, err, limit); err == nil || limit > 1 || page.seen != 1 || claims.Retried(kind) {
		return 0, err
	}
	d.walk.Took()
	d.walk.Date, d.walk.ID = page.last.Date, page.last.ID
	if d.aside == nil {
		d.aside = map[uint64]bool{}
	}
	d.aside[page.last.ID] = true
	return page.last.ID, err
}

// Locked reports whether a row stayed locked until the end of the walk.
func (d *DueSubscriptions) Locked() bool { return d.walk.Locked }

// IsInvoiced reports whether the subscription has an invoice of that due date.
func (s DueSubscription) IsInvoiced(due payment.Date) bool { return s.Invoiced[due] }
