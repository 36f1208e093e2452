package readers

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/batch"
	"duly/internal/billable"
	"duly/internal/billing"
	"duly/internal/billing/planned"
	"duly/internal/changes"
	"duly/internal/claims"
	"duly/internal/methods"
	"duly/internal/mysql"
	"duly/internal/mysql/sqltext"
	"duly/internal/store"
)

// DueSubscriptions reads the subscriptions of one status whose next billing date has come. It is read within the
// transaction that issues their invoices: the locks are the claim, and nothing leaves the database. Planned changes that are due are applied
// to what it reads.
type DueSubscriptions struct {
	Selection store.Selection
	Status    billing.SubscriptionStatus // [planned.ByChanges]: subscriptions with due changes
	Changes   *changes.Source
	// Policy and Now are what Look counts the tries of methods by, and reads what was paid last for.
	Policy billing.Policy
	Now    func() time.Time

	walk  claims.Walk
	aside map[uint64]bool // rows that failed by themselves
}

const (
	// The walk goes on behind what is stored, whether that is a date or not.
	dueCandidates = `SELECT id, CAST(next_billing_date AS CHAR) AS walk_date FROM subscriptions
WHERE status = ? AND next_billing_date <= ?
AND (next_billing_date > ? OR (next_billing_date = ? AND id > ?))%s
ORDER BY next_billing_date, id LIMIT ?`

	// COALESCE: see stageLock.
	dueLock = `SELECT ` + store.SubscriptionColumns + ` FROM subscriptions
WHERE %s AND COALESCE(status) = ? AND next_billing_date <= ? ORDER BY id`
	changedLock = `SELECT ` + store.SubscriptionColumns + ` FROM subscriptions
WHERE id IN (?) AND COALESCE(status) IN ('active', 'past_due', 'paused', 'trialing') ORDER BY id`
)

// DueSubscription is a subscription to issue for, with what its newest invoice says.
type DueSubscription = billable.Subscription

// DueSubscriptionsPage is one page of a walk.
type DueSubscriptionsPage struct {
	Rows []DueSubscription
	Done bool
	// Plans are what planned changes make of the rows, which are as after them.
	Plans changes.Plans

	seen int
	last candidate
	// crowded are methods that were tried often enough to be counted, at that instant.
	crowded []string
	at      time.Time
}

// Read locks and reads the next page. The walk moves on only with Took.
func (d *DueSubscriptions) Read(ctx context.Context, tx *sqlx.Tx, size int) (DueSubscriptionsPage, error) {
	return d.readPage(ctx, tx, size, billable.AllDates, methods.Counting{})
}

func (d *DueSubscriptions) readPage(ctx context.Context, tx *sqlx.Tx, size int, dates billable.Dates, count methods.Counting) (DueSubscriptionsPage, error) {
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
	lock, args := d.lock(ids)
	err = store.ReadSubscriptions(lock+d.walk.Lock(), func(query string) error { return mysql.SelectIn(ctx, tx, &rows, query, args...) })
	if err != nil {
		return page, err
	}
	if rows, page.Plans, err = d.Changes.ForIssue(ctx, tx, rows, d.walk.Phase.SkipsLocked()); err != nil {
		return page, err
	}
	page.at = count.At
	page.Rows, page.crowded, err = billable.WithInvoices(ctx, tx, rows, dates, count)
	return page, err
}

// lock is the statement that reads candidates.
func (d *DueSubscriptions) lock(ids []uint64) (string, []any) {
	if d.Status == planned.ByChanges {
		return changedLock, []any{ids}
	}
	return fmt.Sprintf(dueLock, sqltext.Among("id", ids)), []any{string(d.Status), d.Selection.Business}
}

// candidates reads the next ids of the walk, without a lock.
func (d *DueSubscriptions) candidates(ctx context.Context, q sqlx.QueryerContext, limit int) ([]candidate, error) {
	query, id, args := dueCandidates, "id", []any{string(d.Status), d.Selection.Business}
	if d.Status == planned.ByChanges {
		query, id, args = changes.Candidates, "subscription_id", []any{d.Changes.Policy().Effective}
	}
	only, ids := d.Selection.Only(id)
	first := d.walk.From()
	args = slices.Concat(args, []any{first, first, d.walk.ID}, ids, []any{limit})
	found := make([]candidate, 0, limit)
	err := mysql.Select(ctx, q, &found, fmt.Sprintf(query, only), args...)
	return found, err
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
