package writers

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/billing"
	"duly/internal/mysql"
	"duly/internal/store"
)

const (
	// The invoice is locked first, as claims do.
	rejectedInvoice = `SELECT i.id, i.subscription_id, i.due_date, i.amount, i.currency, i.stage, i.attempts, i.first_declined_date,
COALESCE(i.retry_days, '') AS retry_days, COALESCE(i.dunning, '') AS dunning, i.try_later_since, i.status, COALESCE(i.review_reason, '') AS review_reason
FROM invoices i WHERE i.id = (SELECT a.invoice_id FROM payment_attempts a WHERE a.id = ? AND a.status = 'rejected') FOR UPDATE`

	othersInReview = `SELECT COUNT(*) FROM payment_attempts WHERE invoice_id = ? AND status = 'review'`

	reviewRejected = `UPDATE invoices SET status = 'review', review_reason = ?, next_try_at = NULL, hold_rule = NULL, updated_at = ? WHERE id = ? AND status IN ('open', 'review')`
)

// RejectedAnyway sends the invoices of rejected attempts to review whose money a gateway has, and tells of each once. An invoice that is
// being charged, or has ended, stays as it is: its unknown charge keeps the period from being charged. It may be repeated.
func RejectedAnyway(ctx context.Context, db *mysql.DB, found []billing.RejectedAnyway, now time.Time) error {
	for _, r := range found {
		if err := mysql.Tx(ctx, db, "rejected", func(tx *sqlx.Tx) error { return reviewRejectedAttempt(ctx, tx, r, now) }); err != nil {
			return err
		}
	}
	return nil
}

func reviewRejectedAttempt(ctx context.Context, tx *sqlx.Tx, r billing.RejectedAnyway, now time.Time) error {
	var row struct {
		store.InvoiceRow

		Status string
		Reason string `db:"review_reason"`
	}
	switch err := tx.GetContext(ctx, &row, rejectedInvoice, r.Attempt); {
	case errors.Is(err, sql.ErrNoRows): // resolved meanwhile
		return nil
	case err != nil:
		return err
	}
	status, reason := billing.InvoiceStatus(row.Status), r.String()
	if status != billing.Open && status != billing.Review || row.Reason == reason {
		return nil
	}
	var others int
	if err := tx.GetContext(ctx, &others, othersInReview, row.ID); err != nil || others > 0 { // which has a reason of its own
		return err
	}
	if _, err := tx.ExecContext(ctx, reviewRejected, reason, mysql.Stored(now), row.ID); err != nil {
		return err
	}
	return store.WriteBillingEvents(ctx, tx, []billing.Event{r.Review(row.Invoice())})
}
