package billable

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/billing"
	"duly/internal/billing/guard"
	"duly/internal/billing/network"
	"duly/internal/billing/planned"
	"duly/internal/methods"
	"duly/internal/mysql"
	"duly/internal/mysql/sqltext"
	"duly/internal/payment"
	"duly/internal/store"
)

// Subscription is a subscription to issue for, with what its newest invoice says.
type Subscription struct {
	billing.Subscription

	Newest billing.Newest
	// Invoiced lists due dates that have an invoice already, from the next billing date on.
	Invoiced map[payment.Date]bool
	Tries    []network.Try // by Look: earlier ones of the method, as far as they count
	Amount   guard.Verdict // by Look: of the guards of amounts
	Plan     *planned.Plan // in a forecast: what planned changes make of it; nil: there are none
}

const (
	// NewestInvoices are the newest by their issue: while it is unpaid no other is issued. See canBeIssued in the package query.
	NewestInvoices = `SELECT i.subscription_id, i.status, i.issued_date, i.due_date FROM subscriptions s JOIN invoices i ON i.id =
(SELECT x.id FROM invoices x WHERE x.subscription_id = s.id ORDER BY x.issued_date DESC, x.id DESC LIMIT 1)
WHERE %s`

	// InvoicedDates are the due dates from the next billing date on that have an invoice.
	InvoicedDates = `SELECT i.subscription_id, i.due_date FROM subscriptions s
JOIN invoices i ON i.subscription_id = s.id AND i.due_date >= s.next_billing_date WHERE s.id IN (?)`
)

// Dates says of which subscriptions the due dates that have an invoice are read: next is its next billing date, newest the due date
// of the newest invoice.
type Dates func(next, newest payment.Date) bool

// AllDates passes over none.
func AllDates(_, _ payment.Date) bool { return true }

// SuspectDates passes over subscriptions whose newest invoice is of an earlier date: nearly all of them. An invoice that this does not
// see is met as a duplicate when it is inserted once more.
func SuspectDates(next, newest payment.Date) bool { return newest >= next }

// WithInvoices adds to subscriptions what their invoices say. crowded are those of their methods that were tried often.
func WithInvoices(ctx context.Context, q sqlx.QueryerContext, rows []store.SubscriptionRow, dates Dates, count methods.Counting) (_ []Subscription, crowded []string, _ error) {
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
	named := make([]string, 0, len(rows))
	for _, r := range rows {
		if count.Rules.Counts(r.Gateway) {
			named = append(named, r.Method)
		}
	}
	query, args := count.Query(fmt.Sprintf(NewestInvoices, sqltext.Among("s.id", ids)), nil, named)
	if err := mysql.SelectIn(ctx, q, &newest, query, args...); err != nil {
		return nil, nil, err
	}
	out := make([]Subscription, len(rows))
	at := make(map[uint64]int, len(rows))
	for i, r := range rows {
		out[i].Subscription = r.Subscription()
		at[r.ID] = i
	}
	ids = ids[:0]
	for _, n := range newest {
		if n.Due.IsZero() { // see methods.Crowded
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
	if err := mysql.SelectIn(ctx, q, &invoiced, InvoicedDates, ids); err != nil {
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

// IsInvoiced reports whether the subscription has an invoice of that due date.
func (s Subscription) IsInvoiced(due payment.Date) bool { return s.Invoiced[due] }

// Ledger counts the methods of rows, by what is read of those that were tried often.
func Ledger(ctx context.Context, tx *sqlx.Tx, rows []Subscription, rules network.Rules, crowded []string, now time.Time) (*network.Ledger, error) {
	keys := make([]network.Key, len(rows))
	for i, row := range rows {
		keys[i] = row.NetworkKey(row.Money)
	}
	return methods.Ledger(ctx, tx, rules, keys, crowded, now)
}

// Chargeable reports whether open invoices of a subscription in that status are charged.
func Chargeable(s billing.SubscriptionStatus) bool {
	return s == billing.Active || s == billing.PastDue || s == billing.Paused
}
