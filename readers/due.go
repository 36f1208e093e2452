package readers

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/jmoiron/sqlx"

	"duly/internal/billing"
	"duly/internal/mysql"
	"duly/internal/payment"
)

// Due reads the subscriptions of one status whose next billing date has come. It is read within the
// transaction that issues their invoices: the locks are the claim, and nothing leaves the database.
type Due struct {
	Selection Selection
	Status    billing.SubscriptionStatus

	walk walk
}

// DueSubscription is a subscription to issue for, with what its newest invoice says.
type DueSubscription struct {
	billing.Subscription

	Newest billing.Newest
	// Invoiced lists due dates that have an invoice already, from the next billing date on.
	Invoiced map[payment.Date]bool
}

const (
	dueCandidates = `SELECT id, next_billing_date AS next_attempt_date FROM subscriptions
WHERE status = ? AND next_billing_date <= ?
AND (next_billing_date > ? OR (next_billing_date = ? AND id > ?))%s
ORDER BY next_billing_date, id LIMIT ?`

	dueLock = `SELECT ` + subscriptionColumns + ` FROM subscriptions
WHERE id IN (?) AND status = ? AND next_billing_date <= ? ORDER BY id`

	// The newest invoice by its issue: while one is unpaid no other is issued.
	newestInvoices = `SELECT i.subscription_id, i.status, i.issued_date FROM subscriptions s JOIN invoices i ON i.id =
(SELECT x.id FROM invoices x WHERE x.subscription_id = s.id ORDER BY x.issued_date DESC, x.id DESC LIMIT 1)
WHERE s.id IN (?)`

	invoicedDates = `SELECT i.subscription_id, i.due_date FROM subscriptions s
JOIN invoices i ON i.subscription_id = s.id AND i.due_date >= s.next_billing_date WHERE s.id IN (?)`
)

// DuePage is one page of a walk.
type DuePage struct {
	Rows []DueSubscription
	Done bool

	seen int
	last candidate
}

// Read locks and reads the next page. The walk moves on only with Took.
func (d *Due) Read(ctx context.Context, tx *sqlx.Tx, size int) (DuePage, error) {
	var candidates []candidate
	only, args := d.Selection.only("id")
	first := d.walk.date.OrFirst()
	args = append([]any{string(d.Status), d.Selection.Business, first, first, d.walk.id}, args...)
	limit := d.walk.limit(size)
	if err := tx.SelectContext(ctx, &candidates, fmt.Sprintf(dueCandidates, only), append(args, limit)...); err != nil {
		return DuePage{}, err
	}
	page := DuePage{seen: len(candidates), Done: len(candidates) < limit}
	if page.seen == 0 {
		return page, nil
	}
	page.last = candidates[page.seen-1]
	ids := sortedIDs(candidates, func(x candidate) uint64 { return x.ID })
	var rows []subscriptionRow
	if err := mysql.SelectIn(ctx, tx, &rows, dueLock+d.walk.lock(), ids, string(d.Status), d.Selection.Business); err != nil {
		return page, err
	}
	var err error
	page.Rows, err = withInvoices(ctx, tx, rows)
	return page, err
}

func withInvoices(ctx context.Context, tx *sqlx.Tx, rows []subscriptionRow) ([]DueSubscription, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	ids := sortedIDs(rows, func(r subscriptionRow) uint64 { return r.ID })
	var newest []struct {
		Subscription uint64 `db:"subscription_id"`
		Status       string
		Issued       payment.Date `db:"issued_date"`
	}
	if err := mysql.SelectIn(ctx, tx, &newest, newestInvoices, ids); err != nil {
		return nil, err
	}
	var dates []struct {
		Subscription uint64       `db:"subscription_id"`
		Due          payment.Date `db:"due_date"`
	}
	if err := mysql.SelectIn(ctx, tx, &dates, invoicedDates, ids); err != nil {
		return nil, err
	}
	out := make([]DueSubscription, len(rows))
	at := make(map[uint64]int, len(rows))
	for i, r := range rows {
		out[i].Subscription = r.subscription()
		at[r.ID] = i
	}
	for _, n := range newest {
		out[at[n.Subscription]].Newest = billing.Newest{Exists: true, Status: billing.InvoiceStatus(n.Status), Issued: n.Issued}
	}
	for _, d := range dates {
		row := &out[at[d.Subscription]]
		if row.Invoiced == nil {
			row.Invoiced = map[payment.Date]bool{}
		}
		row.Invoiced[d.Due] = true
	}
	return out, nil
}

// Took moves the walk behind a page that was committed. It reports whether the walk is done.
func (d *Due) Took(page DuePage) bool {
	d.walk.took()
	if page.Done {
		return d.walk.end()
	}
	d.walk.date, d.walk.id = page.last.Date, page.last.ID
	return false
}

// Failed decides what a failed page means: nil to read on in another way, else the error. aside names the
// row that fails by itself, 0 for none.
func (d *Due) Failed(page DuePage, size int, err error) (aside uint64, _ error) {
	limit := d.walk.limit(size)
	if err = d.walk.failed(err, limit); err == nil || limit > 1 || page.seen != 1 || setAsideNever(err) {
		return 0, err
	}
	d.walk.took()
	d.walk.date, d.walk.id = page.last.Date, page.last.ID
	return page.last.ID, nil
}

// Locked reports whether a row stayed locked until the end of the walk.
func (d *Due) Locked() bool { return d.walk.locked }

const issuableRow = `SELECT s.id FROM subscriptions s WHERE s.status IN ('active', 'past_due') AND s.next_billing_date <= ?
AND s.review_reason IS NULL AND NOT EXISTS (SELECT 1 FROM invoices i WHERE i.subscription_id = s.id
AND (i.issued_date >= ? OR i.status IN ('open', 'charging', 'review')))%s LIMIT 1`

// Issuable reports whether a selected subscription is due and could be invoiced on this effective date.
func Issuable(ctx context.Context, db *mysql.DB, selection Selection, effective payment.Date) (bool, error) {
	only, args := selection.only("s.id")
	return exists(ctx, db, fmt.Sprintf(issuableRow, only), append([]any{selection.Business, effective}, args...)...)
}

const collectableRow = `SELECT id FROM invoices WHERE status = 'open' AND stage = ? AND next_attempt_date <= ?%s LIMIT 1`

// Collectable reports whether a selected invoice of the stage is open and due.
func Collectable(ctx context.Context, db *mysql.DB, selection Selection, stage int) (bool, error) {
	only, args := selection.only("subscription_id")
	return exists(ctx, db, fmt.Sprintf(collectableRow, only), append([]any{stage, selection.Business}, args...)...)
}

const unsettledRow = `SELECT id FROM payment_attempts WHERE status IN ('in_flight', 'in_doubt')%s LIMIT 1`

// Unsettled reports whether a selected attempt is in flight or in doubt, whoever owns it.
func Unsettled(ctx context.Context, db *mysql.DB, selection Selection) (bool, error) {
	only, args := selection.only("subscription_id")
	return exists(ctx, db, fmt.Sprintf(unsettledRow, only), args...)
}

func exists(ctx context.Context, db *mysql.DB, query string, args ...any) (bool, error) {
	var ids []uint64
	if err := db.SelectContext(ctx, &ids, query, args...); err != nil {
		return false, err
	}
	return len(ids) > 0, nil
}

const maxOpenStage = `SELECT MAX(stage) FROM invoices WHERE status = 'open'`

// MaxOpenStage is the highest stage that an open invoice is in: more than the configuration knows if it had
// more stages before.
func MaxOpenStage(ctx context.Context, db *mysql.DB) (int, error) {
	var stage sql.NullInt64
	err := db.GetContext(ctx, &stage, maxOpenStage)
	return int(stage.Int64), err
}
