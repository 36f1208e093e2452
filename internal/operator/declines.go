package operator

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/jmoiron/sqlx"

	"duly/internal/billing"
	"duly/internal/billing/reopening"
	"duly/internal/endings"
	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/store"
)

const (
	// By the walk of settled attempts: few are declined, and nothing is indexed by run.
	declinesOf = `SELECT id FROM payment_attempts FORCE INDEX (doubt_walk) WHERE status = 'declined' AND next_check_at IS NULL AND run_id IN (?)
AND gateway = ? AND decline_class IN (?) ORDER BY id`

	declineOf = `SELECT invoice_id, stage FROM payment_attempts WHERE id = ?`
	declined  = `SELECT id, subscription_id, due_date, amount, currency, stage, attempts, first_declined_date, COALESCE(retry_days, '') AS retry_days, COALESCE(dunning, '') AS dunning, try_later_since, status FROM invoices WHERE id = ?`
	// An invoice that an operator closed is not charged again. One whose amount was approved is charged.
	closedByOperator = `SELECT COUNT(*) > 0 FROM operator_actions WHERE subject = ? AND action = 'resolve'
AND COALESCE(JSON_UNQUOTE(JSON_EXTRACT(detail, '$.as')), '') <> 'approved'`

	declinedFrom = `SELECT ` + store.SubscriptionColumns + `, COALESCE(cancel_reason, '') AS cancel_reason FROM subscriptions WHERE id = ?`
)

// Declines lists the attempts that runs had declined at a gateway for reasons of these classes, also those that were taken back.
func Declines(ctx context.Context, db *mysql.DB, runs []uint64, gateway string, classes []payment.Class) ([]uint64, error) {
	query, args, err := sqlx.In(declinesOf, runs, gateway, classes)
	if err != nil {
		return nil, fmt.Errorf("list declines: %w", err)
	}
	var ids []uint64
	if err := db.SelectContext(ctx, &ids, query, args...); err != nil {
		return nil, fmt.Errorf("list declines: %w", mysql.Classify(ctx, err))
	}
	return ids, nil
}

// Decline reads a declined attempt with everything of its invoice. lock is the clause that locks the rows, if any: the invoice
// first, as claims do.
func Decline(ctx context.Context, q sqlx.QueryerContext, id uint64, lock string) (billing.Declined, error) {
	var at struct {
		Invoice uint64 `db:"invoice_id"`
		Stage   int
	}
	if err := sqlx.GetContext(ctx, q, &at, declineOf, id); err != nil {
		return billing.Declined{}, fmt.Errorf("attempt %d: %w", id, err)
	}
	read, err := invoiceOf(ctx, q, at.Invoice, lock)
	if err != nil {
		return billing.Declined{}, fmt.Errorf("invoice %d: %w", at.Invoice, err)
	}
	d := billing.Declined{
		Stage: at.Stage, Invoice: read.Invoice, InvoiceStatus: read.Status, Subscription: read.Subscription, CancelReason: read.CancelReason,
		Attempts: read.Past, Closed: read.Closed, Since: read.Since,
	}
	if i := slices.IndexFunc(d.Attempts, func(a billing.PastAttempt) bool { return a.ID == id }); i >= 0 {
		d.PastAttempt = d.Attempts[i]
	}
	return d, nil
}

// invoiceOf reads an invoice with its subscription and its attempts: the invoice first, as claims do, so that under lock no attempt on it is made
// meanwhile.
func invoiceOf(ctx context.Context, q sqlx.QueryerContext, id uint64, lock string) (reopening.Invoice, error) {
	var inv struct {
		store.InvoiceRow

		Status string
	}
	if err := sqlx.GetContext(ctx, q, &inv, declined+lock, id); err != nil {
		return reopening.Invoice{}, err
	}
	d := reopening.Invoice{Invoice: inv.Invoice(), Status: billing.InvoiceStatus(inv.Status)}
	var sub struct {
		store.SubscriptionRow

		CancelReason string `db:"cancel_reason"`
	}
	err := store.ReadSubscriptions(declinedFrom+lock, func(query string) error {
		return sqlx.GetContext(ctx, q, &sub, query, inv.SubscriptionID)
	})
	switch {
	case errors.Is(err, sql.ErrNoRows):
	case err != nil:
		return d, fmt.Errorf("subscription %d: %w", inv.SubscriptionID, err)
	default:
		s := sub.Subscription()
		d.Subscription, d.CancelReason = &s, sub.CancelReason
	}
	if d.Since, err = endings.Since(ctx, q, inv.SubscriptionID, id); err != nil {
		return d, err
	}
	if err := sqlx.GetContext(ctx, q, &d.Closed, closedByOperator, fmt.Sprintf("invoice:%d", id)); err != nil {
		return d, err
	}
	var rows []store.PastRow
	err = mysql.SelectIn(ctx, q, &rows, store.PastAttempts+lock, []uint64{id})
	for _, r := range rows {
		d.Past = append(d.Past, r.Past())
	}
	return d, err
}
