package readers

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/billing/network"
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
	// Rules and Now are what Look counts the tries of methods by.
	Rules network.Rules
	Now   func() time.Time

	walk  claims.Walk
	aside map[uint64]bool // rows that failed by themselves
}

// DueSubscription is a subscription to issue for, with what its newest invoice says.
type DueSubscription struct {
	billing.Subscription

	Newest billing.Newest
	// Invoiced lists due dates that have an invoice already, from the next billing date on.
	Invoiced map[payment.Date]bool
	Tries    []network.Try // by Look: earlier ones of the method, as far as they count
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

	// Of methods that were tried at least so often lately, whatever came of it: few are. It reads the index alone, and only of that time. Such a
	// row has no due date, and the method in the place of the status.
	crowdedMethods = ` UNION ALL SELECT CAST(COUNT(*) AS UNSIGNED), CAST(payment_method AS BINARY), NULL, NULL FROM payment_attempts FORCE INDEX (by_method)
WHERE payment_method IN (?) AND created_at >= ? GROUP BY payment_method HAVING COUNT(*) >= ?`

	invoicedDates = `SELECT i.subscription_id, i.due_date FROM subscriptions s
JOIN invoices i ON i.subscription_id = s.id AND i.due_date >= s.next_billing_date WHERE s.id IN (?)`
)

// DueSubscriptionsPage is one page of a walk.
type DueSubscriptionsPage struct {
	Rows []DueSubscription
	Done bool

	seen int
	last candidate
	// crowded are methods that were tried often enough to be counted, at that instant.
	crowded []string
	at      time.Time
}

// Read locks and reads the next page. The walk moves on only with Took.
func (d *DueSubscriptions) Read(ctx context.Context, tx *sqlx.Tx, size int) (DueSubscriptionsPage, error) {
	return d.readPage(ctx, tx, size, allDates, counting{})
}

func (d *DueSubscriptions) readPage(ctx context.Context, tx *sqlx.Tx, size int, dates datesOf, count counting) (DueSubscriptionsPage, error) {
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
	page.at = count.at
	page.Rows, page.crowded, err = withInvoices(ctx, tx, rows, dates, count)
	return page, err
}

// candidates reads the next ids of the walk, without a lock.
func (d *DueSubscriptions) candidates(ctx context.Context, q sqlx.QueryerContext, limit int) ([]candidate, error) {
	only, args := d.Selection.Only("id")
	first := d.walk.From()
	args = append([]any{string(d.Status), d.Selection.Business, first, first, d.walk.ID}, args...)
	var found []candidate
	err := sqlx.SelectContext(ctx, q, &found, fmt.Sprintf(dueCandidates, only), append(args, limit)...)
	return found, err
}

// datesOf says of which subscriptions the due dates that have an invoice are read: next is its next billing date, newest the due date
// of the newest invoice.
type datesOf func(next, newest payment.Date) bool

func allDates(_, _ payment.Date) bool { return true }

// suspectDates passes over subscriptions whose newest invoice is of an earlier date: nearly all of them. An invoice that this does not
// see is met as a duplicate by whoever inserts it once more.
func suspectDates(next, newest payment.Date) bool { return newest >= next }

// counting is what the tries of methods are counted by; without rules they are not.
type counting struct {
	rules network.Rules
	at    time.Time
}

// query is the statement that reads the newest invoices of subscriptions, and with it the methods that were tried often.
func (c counting) query(ids []uint64, rows []store.SubscriptionRow) (query string, args []any) {
	few := c.rules.Few()
	if few == 0 {
		return newestInvoices, []any{ids}
	}
	methods := make([]string, len(rows))
	for i, r := range rows {
		methods[i] = r.Method
	}
	return newestInvoices + crowdedMethods, []any{ids, methods, store.TriesSince(c.at), max(1, few-mostOften(methods)+1)}
}

// withInvoices adds to subscriptions what their invoices say. crowded are those of their methods that were tried often.
func withInvoices(ctx context.Context, q sqlx.QueryerContext, rows []store.SubscriptionRow, dates datesOf, count counting) (_ []DueSubscription, crowded []string, _ error) {
	if len(rows) == 0 {
		return nil, nil, nil
	}
	ids := store.SortedIDs(rows, func(r store.SubscriptionRow) uint64 { return r.ID })
	var newest []struct {
		Subscription uint64 `db:"subscription_id"`
		Status       string
		Issued       payment.Date `db:"issued_date"`
		Due          payment.Date `db:"due_date"`
	}
	query, args := count.query(ids, rows)
	if err := mysql.SelectIn(ctx, q, &newest, query, args...); err != nil {
		return nil, nil, err
	}
	out := make([]DueSubscription, len(rows))
	at := make(map[uint64]int, len(rows))
	for i, r := range rows {
		out[i].Subscription = r.Subscription()
		at[r.ID] = i
	}
	ids = ids[:0]
	for _, n := range newest {
		if n.Due.IsZero() {
			crowded = append(crowded, n.Status)
			continue
		}
		row := &out[at[n.Subscription]]
		row.Newest = billing.Newest{Exists: true, Status: billing.InvoiceStatus(n.Status), Due: n.Due, Issued: n.Issued}
		if dates(row.Next, n.Due) {
			ids = append(ids, n.Subscription)
		}
	}
	if len(ids) == 0 {
		return out, crowded, nil
	}
	slices.Sort(ids)
	var invoiced []struct {
		Subscription uint64       `db:"subscription_id"`
		Due          payment.Date `db:"due_date"`
	}
	if err := mysql.SelectIn(ctx, q, &invoiced, invoicedDates, ids); err != nil {
		return nil, nil, err
	}
	for _, d := range invoiced {
		row := &out[at[d.Subscription]]
		if row.Invoiced == nil {
			row.Invoiced = map[payment.Date]bool{}
		}
		row.Invoiced[d.Due] = true
	}
	return out, crowded, nil
}

// ledger reads what the methods of the page were tried for that were tried often.
func (p DueSubscriptionsPage) ledger(ctx context.Context, tx *sqlx.Tx, rules network.Rules) (*network.Ledger, error) {
	if len(p.crowded) == 0 {
		return &network.Ledger{Rules: rules, Now: p.at}, nil
	}
	keys := make([]network.Key, len(p.Rows))
	for i, row := range p.Rows {
		keys[i] = keyOf(row.Subscription, row.Money)
	}
	return ledger(ctx, tx, rules, keys, p.crowded, p.at)
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
