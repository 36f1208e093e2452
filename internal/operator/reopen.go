package operator

import (
	"context"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/billing"
	"duly/internal/crash"
	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/store"
)

// Reopen takes a decline back.
type Reopen struct {
	Attempt uint64
	Classes []payment.Class
	Today   payment.Date // the effective date
	Now     time.Time
	Action  Action
	// Read gives the decline, within the transaction and locked.
	Read func(ctx context.Context, tx *sqlx.Tx) (billing.Declined, error)
}

const (
	reopenAttempt = `UPDATE payment_attempts SET reopened_at = ? WHERE id = ? AND status = 'declined' AND reopened_at IS NULL`
	// A decline of a charge ahead of a stage used none: the next one is ahead of it as well. MySQL assigns from left to right.
	reopenInvoice = `UPDATE invoices SET stage_date = IF(status = 'open' AND stage = ? AND next_attempt_date > ?, next_attempt_date, NULL), status = 'open', stage = ?, next_attempt_date = ?, next_try_at = NULL, hold_rule = NULL,
first_declined_date = IF(?, NULL, first_declined_date), updated_at = ? WHERE id = ? AND status = ?`
)

// Write takes the decline back in one transaction: attempt, invoice, subscription, event and action. It is a RefusedError where the
// rules forbid that, and wraps [billing.ErrReopened] where it was done before.
func (w Reopen) Write(ctx context.Context, db *mysql.DB) (billing.Declined, billing.Reopening, error) {
	var d billing.Declined
	var r billing.Reopening
	err := mysql.Tx(ctx, db, "reopen", func(tx *sqlx.Tx) error {
		var err error
		if d, err = w.Read(ctx, tx); err != nil {
			return err
		}
		if r, err = billing.DecideReopen(d, w.Classes, w.Today); err != nil {
			return store.Refuse(err)
		}
		return w.save(ctx, tx, d, r)
	})
	return d, r, err
}

func (w Reopen) save(ctx context.Context, tx *sqlx.Tx, d billing.Declined, r billing.Reopening) error {
	now := mysql.Stored(w.Now)
	if err := changeOne(ctx, tx, crash.ReopenStatement, "attempts", reopenAttempt, now, d.ID); err != nil {
		return err
	}
	if err := openAgain(ctx, tx, d.Invoice, d.InvoiceStatus, r, now); err != nil {
		return err
	}
	return recordReopening(ctx, tx, d.Invoice, d.InvoiceStatus, r, d.ID, w.Action)
}

// openAgain reopens an invoice and restores its subscription.
func openAgain(ctx context.Context, tx *sqlx.Tx, inv billing.Invoice, from billing.InvoiceStatus, r billing.Reopening, now time.Time) error {
	if err := changeOne(ctx, tx, crash.ReopenStatement, "invoices", reopenInvoice, r.Stage, r.Due, r.Stage, r.Due, r.First, now, inv.ID, string(from)); err != nil {
		return err
	}
	if r.SubscriptionTo == "" {
		return nil
	}
	return restoration{r.SubscriptionFrom, r.SubscriptionTo, r.Next, r.Anchor}.write(ctx, tx, crash.ReopenStatement, inv)
}

// recordReopening writes the events and the action of a reopened invoice; attempt is the one that counts no more, 0: none.
func recordReopening(ctx context.Context, tx *sqlx.Tx, inv billing.Invoice, from billing.InvoiceStatus, r billing.Reopening, attempt uint64, action Action) error {
	crash.At(crash.ReopenStatement)
	if err := store.WriteBillingEvents(ctx, tx, r.Events); err != nil {
		return err
	}
	crash.At(crash.ReopenStatement)
	detail := map[string]any{
		"invoice_id": inv.ID, "subscription_id": inv.SubscriptionID, "invoice_from": from, "stage": r.Stage,
		"subscription_from": r.SubscriptionFrom, "subscription_to": r.SubscriptionTo, "next_billing_date": r.Next,
	}
	if attempt != 0 {
		detail["attempt_id"] = attempt
	}
	action.Detail = detail
	return action.Write(ctx, tx)
}
