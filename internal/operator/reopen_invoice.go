package operator

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/billing"
	"duly/internal/billing/reopening"
	"duly/internal/crash"
	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/store"
)

const (
	reopenPaid = `UPDATE invoices SET status = 'open', stage_date = NULL, next_attempt_date = ?, next_try_at = NULL, hold_rule = NULL, paid_at = NULL, updated_at = ? WHERE id = ? AND status = 'paid'`

	// The attempt has the gateway's payment no more: a row that is declined keeps no booking.
	tookNothing = `UPDATE payment_attempts SET status = 'declined', decline_class = ?, decline_code = ?, message = ?, proof = 'look_up', settled_at = ? WHERE id = ? AND status = 'succeeded'`
)

// InvoiceReopening has a closed invoice charged again.
type InvoiceReopening struct {
	Invoice uint64
	Policy  billing.Policy
	Known   func(gateway string) bool
	Today   payment.Date // the effective date
	Now     time.Time
	Action  Action
}

// Reopenable reads an invoice that an operator wants to be charged again, without a lock. The error wraps ErrNotThere if there is none.
func Reopenable(ctx context.Context, db *mysql.DB, id uint64) (reopening.Invoice, error) {
	d, err := reopenableOf(ctx, db, id, "")
	return d, mysql.Classify(ctx, err)
}

// reopenableOf also reads whether the gateway lists another charge of the invoice's period.
func reopenableOf(ctx context.Context, q sqlx.QueryerContext, id uint64, lock string) (reopening.Invoice, error) {
	d, err := invoiceOf(ctx, q, id, lock)
	if err != nil {
		return d, absent(err, "invoice", id)
	}
	err = sqlx.GetContext(ctx, q, &d.Unknown, closableOther, billing.Reference(d.SubscriptionID, d.Due))
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return d, err
}

// Ended reopens an invoice whose dunning has ended: invoice, subscription, event and action in one transaction. The error is a
// RefusedError where the rules forbid it.
func (w InvoiceReopening) Ended(ctx context.Context, db *mysql.DB) (billing.Reopening, error) {
	var r billing.Reopening
	err := mysql.Tx(ctx, db, "reopen", func(tx *sqlx.Tx) error {
		d, err := reopenableOf(ctx, tx, w.Invoice, " FOR UPDATE")
		if err != nil {
			return err
		}
		if r, err = reopening.DecideEnded(d, w.Policy, w.Today, w.Known); err != nil {
			return store.Refuse(err)
		}
		if err := openAgain(ctx, tx, d.Invoice, d.Status, r, mysql.Stored(w.Now)); err != nil {
			return err
		}
		return recordReopening(ctx, tx, d.Invoice, d.Status, r, 0, w.Action)
	})
	return r, err
}

// Paid reopens a paid invoice whose charge took no money: attempt, invoice, event and action in one transaction. seen is the
// attempt as it was when the gateway was asked about it, and e is the gateway's evidence. The error is a RefusedError where the rules forbid it.
func (w InvoiceReopening) Paid(ctx context.Context, db *mysql.DB, seen billing.Reviewed, e payment.Evidence) (reopening.PaidReopening, error) {
	var u reopening.PaidReopening
	err := mysql.Tx(ctx, db, "reopen", func(tx *sqlx.Tx) error {
		d, err := reopenableOf(ctx, tx, w.Invoice, " FOR UPDATE")
		if err != nil {
			return err
		}
		a, err := readReviewed(ctx, tx, seen.ID, " FOR UPDATE")
		if err != nil {
			return err
		}
		if !a.Same(seen) {
			return store.Refuse(fmt.Errorf("attempt %d changed while the gateway was asked about it: duly show invoice %d, then try again", a.ID, w.Invoice))
		}
		if u, err = reopening.DecidePaid(d, a, e, w.Policy, w.Today); err != nil {
			return store.Refuse(err)
		}
		now := mysql.Stored(w.Now)
		message := mysql.Cut("the gateway's record says that nothing was taken: "+w.Action.Reason, 255)
		if err := changeOne(ctx, tx, crash.ReopenStatement, "attempts", tookNothing, string(u.Decline.Class), store.Text(mysql.Cut(u.Decline.Code, 64)), message, now, u.Attempt); err != nil {
			return err
		}
		if err := changeOne(ctx, tx, crash.ReopenStatement, "invoices", reopenPaid, u.Due, now, d.ID); err != nil {
			return err
		}
		return recordReopening(ctx, tx, d.Invoice, d.Status, u.Reopening, u.Attempt, w.Action)
	})
	return u, err
}
