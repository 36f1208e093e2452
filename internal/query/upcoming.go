package query

import (
	"context"
	"fmt"
	"slices"

	"duly/internal/billing"
	"duly/internal/billing/notice"
	"duly/internal/billing/planned"
	"duly/internal/changes"
	"duly/internal/mysql"
	"duly/internal/noticerows"
	"duly/internal/payment"
	"duly/internal/store"
)

// UpcomingCharges walks the subscriptions of one status whose next billing date is no further away than a horizon, without a lock.
type UpcomingCharges struct {
	DB        *mysql.DB
	Selection store.Selection // its business date is the day of the run
	// Status is active or past_due, or [planned.ByChanges] for paused ones and trials with a resumption planned by the horizon.
	Status  billing.SubscriptionStatus
	Horizon payment.Date

	date payment.Date
	id   uint64
	met  map[uint64]bool // by their resumptions
}

// Upcoming lists the walks over every subscription that may be charged by a horizon.
func Upcoming(db *mysql.DB, selection store.Selection, horizon payment.Date) []*UpcomingCharges {
	var list []*UpcomingCharges
	for _, status := range []billing.SubscriptionStatus{billing.Active, billing.PastDue, planned.ByChanges} {
		list = append(list, &UpcomingCharges{DB: db, Selection: selection, Status: status, Horizon: horizon, met: map[uint64]bool{}})
	}
	return list
}

const (
	upcomingCandidates = `SELECT id, CAST(next_billing_date AS CHAR) AS walk_date FROM subscriptions
WHERE status = ? AND next_billing_date <= ? AND (next_billing_date > ? OR (next_billing_date = ? AND id > ?))%s ORDER BY next_billing_date, id LIMIT ?`

	// A NULL in a view of the shop must not keep other rows from being read.
	upcomingRows = `SELECT id, COALESCE(customer_id, '') AS customer_id, COALESCE(status, '') AS status, COALESCE(gateway, '') AS gateway,
COALESCE(payment_method, '') AS payment_method, method_type, description, COALESCE(amount, 0) AS amount, COALESCE(currency, '') AS currency,
COALESCE(interval_unit, '') AS interval_unit, COALESCE(interval_count, 0) AS interval_count, anchor_day, CAST(next_billing_date AS CHAR) AS next_billing_date,
review_reason, gateway_customer, dunning_policy, method_expires_on FROM subscriptions WHERE id IN (?) ORDER BY next_billing_date, id`

	// A resumption may move the date of a trial back to its own day.
	upcomingInvoiced = `SELECT i.subscription_id, i.due_date FROM subscriptions s
JOIN invoices i ON i.subscription_id = s.id AND i.due_date >= LEAST(s.next_billing_date, ?) WHERE s.id IN (?)`
)

// Next reads the next subscriptions of the walk, at most limit; done: there are no more. It may be repeated until took is called.
func (u *UpcomingCharges) Next(ctx context.Context, limit int) (page []notice.Subject, took func(), done bool, err error) {
	var found []struct {
		ID   uint64
		Date payment.Date `db:"walk_date"`
	}
	query, args := u.candidates()
	err = u.DB.SelectContext(ctx, &found, query, append(args, limit)...)
	switch {
	case u.Status == planned.ByChanges && mysql.IsDenied(err): // the login may not read planned changes: it has none
		return nil, func() {}, true, nil
	case err != nil:
		return nil, nil, false, mysql.Classify(ctx, err)
	case len(found) == 0:
		return nil, func() {}, true, nil
	}
	last, ids := found[len(found)-1], make([]uint64, 0, len(found))
	for _, f := range found {
		if !u.met[f.ID] {
			ids = append(ids, f.ID)
		}
	}
	if len(ids) > 0 {
		page, err = u.subjects(ctx, ids)
	}
	if u.Status == planned.ByChanges { // the walks of their statuses read the others
		page = slices.DeleteFunc(page, func(x notice.Subject) bool { return x.Status != billing.Paused && x.Status != billing.Trialing })
	}
	return page, func() {
		u.date, u.id = last.Date, last.ID
		for _, x := range page {
			if u.Status == planned.ByChanges {
				u.met[x.ID] = true
			}
		}
	}, len(found) < limit, mysql.Classify(ctx, err)
}

// candidates is the statement that reads the next ids of the walk, up to its limit.
func (u *UpcomingCharges) candidates() (query string, args []any) {
	from := any(u.date)
	if u.date.IsZero() {
		from = "0000-00-00"
	}
	if u.Status == planned.ByChanges {
		only, ids := u.Selection.Only("subscription_id")
		return fmt.Sprintf(changes.Resumptions, only), append([]any{u.Horizon, from, from, u.id}, ids...)
	}
	only, ids := u.Selection.Only("id")
	return fmt.Sprintf(upcomingCandidates, only), append([]any{string(u.Status), u.Horizon, from, from, u.id}, ids...)
}

func (u *UpcomingCharges) subjects(ctx context.Context, ids []uint64) ([]notice.Subject, error) {
	var rows []struct {
		store.SubscriptionRow

		Expires payment.Date `db:"method_expires_on"`
	}
	err := store.ReadSubscriptions(upcomingRows, func(query string) error { return mysql.SelectIn(ctx, u.DB, &rows, query, ids) })
	if err != nil {
		return nil, err
	}
	var invoiced []struct {
		Subscription uint64       `db:"subscription_id"`
		Due          payment.Date `db:"due_date"`
	}
	if err := mysql.SelectIn(ctx, u.DB, &invoiced, upcomingInvoiced, u.Selection.Business, ids); err != nil {
		return nil, err
	}
	taken := make(map[store.InvoiceKey]bool, len(invoiced))
	for _, i := range invoiced {
		taken[store.InvoiceKey{Subscription: i.Subscription, Due: i.Due}] = true
	}
	coming, err := changes.Coming(ctx, u.DB, ids, u.Horizon)
	if err != nil {
		return nil, err
	}
	known, err := noticerows.Read(ctx, u.DB, ids, 0)
	if err != nil {
		return nil, err
	}
	page := make([]notice.Subject, 0, len(rows))
	for _, r := range rows {
		x := notice.Subject{Subscription: r.Subscription(), Expires: r.Expires, Planned: coming[r.ID]}
		x.Invoiced = func(due payment.Date) bool { return taken[store.InvoiceKey{Subscription: r.ID, Due: due}] }
		x.Newest = func(kind notice.Kind, day payment.Date) notice.Newest {
			return known[noticerows.Key{Subscription: r.ID, Kind: kind, For: day}]
		}
		page = append(page, x)
	}
	return page, nil
}

// WaitingInvoice is an open invoice that was never tried, with its subscription and its newest notice.
type WaitingInvoice struct {
	billing.Invoice

	Subscription billing.Subscription
	Newest       notice.Newest
}

const untriedInvoices = `SELECT id, subscription_id, due_date, amount, currency, stage, attempts, first_declined_date, COALESCE(retry_days, '') AS retry_days,
COALESCE(dunning, '') AS dunning, try_later_since, COALESCE(amount_check, '') AS amount_check FROM invoices WHERE status = 'open' AND stage = 0 AND next_attempt_date <= ? AND attempts = 0 AND id > ?%s ORDER BY id LIMIT ?`

// WaitingInvoices reads the next of the selected invoices that are due and wait for a notice, by the policies of their subscriptions. next is the id
// that the next page goes on from; done: there are no more.
func WaitingInvoices(ctx context.Context, db *mysql.DB, selection store.Selection, p billing.Policy, after uint64, limit int) (list []WaitingInvoice, next uint64, done bool, err error) {
	only, args := selection.Only("subscription_id")
	args = append(append([]any{selection.Business, after}, args...), limit)
	var rows []store.InvoiceRow
	if err := db.SelectContext(ctx, &rows, fmt.Sprintf(untriedInvoices, only), args...); err != nil || len(rows) == 0 {
		return nil, after, true, mysql.Classify(ctx, err)
	}
	next, done = rows[len(rows)-1].ID, len(rows) < limit
	subscriptions, err := store.SubscriptionsOf(ctx, db, rows, "")
	if err != nil {
		return nil, after, false, mysql.Classify(ctx, err)
	}
	var ids []uint64
	for _, r := range rows {
		s, ok := subscriptions[r.SubscriptionID]
		if inv := r.Invoice(); ok && s.Status != billing.Cancelled && notice.Needed(inv, r.Attempts, p.Of(s.DunningPolicy)) {
			list, ids = append(list, WaitingInvoice{Invoice: inv, Subscription: s}), append(ids, s.ID)
		}
	}
	if len(ids) == 0 {
		return nil, next, done, nil
	}
	known, err := noticerows.Read(ctx, db, ids, 0)
	if err != nil {
		return nil, after, false, mysql.Classify(ctx, err)
	}
	waiting := list[:0]
	for _, w := range list {
		w.Newest = known[noticerows.Key{Subscription: w.SubscriptionID, Kind: notice.Upcoming, For: w.Due}]
		if notice.Missing(w.Invoice, w.Newest) != "" {
			waiting = append(waiting, w)
		}
	}
	return waiting, next, done, nil
}
