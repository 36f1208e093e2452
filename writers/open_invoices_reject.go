package writers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/store"
)

const (
	setInvoiceAside = `UPDATE invoices SET status = 'review', review_reason = ?, updated_at = ? WHERE id = ? AND status = 'charging'`
	invoiceStatus   = `SELECT status FROM invoices WHERE id = ?`
)

// Reject implements batch.Writer. A definite answer is kept first. A success is recorded on the attempt alone, and what follows
// from it is written later (see [OpenInvoices.Complete]): money that was taken is never a case for review because it could not be
// written. Any other attempt goes to review with its invoice and the cause. An invoice that is not as it was claimed is left as
// it is, and its attempt goes to review in any case.
func (w *OpenInvoices) Reject(ctx context.Context, r billing.Result, cause error) (batch.Tally, error) {
	paid := r.Verdict == billing.Answered && r.Answer.Outcome.Kind == payment.Paid
	if err := w.Keep(ctx, []billing.Result{r}); err != nil {
		return batch.Tally{}, leave(paid, err)
	}
	if paid {
		tally, err := w.transact(ctx, []billing.Result{r}, attemptAlone)
		if !errors.Is(err, errNotCharging) {
			return tally, leave(paid, err)
		}
		cause = err
	}
	if id := r.Answer.Outcome.PaymentID; id != "" {
		r.Claimed.PaymentID = mysql.Cut(id, 255)
	}
	r.Verdict, r.Reason = billing.Unknowable, "the outcome could not be written: "+mysql.Reason(cause)
	return w.transact(ctx, []billing.Result{r}, reviewInvoice)
}

// leave makes the engine leave the row of a success whose values cannot be written.
func leave(paid bool, err error) error {
	if paid && errors.Is(err, batch.ErrData) {
		return fmt.Errorf("%w: %w", batch.ErrLeave, err)
	}
	return err
}

// errNotCharging means that somebody has changed an invoice while its attempt was charged.
var errNotCharging = errors.New("the invoice is not being charged any more")

// attemptAlone leaves the invoice and everything else for later. It requires that the invoice still waits for the attempt. A payment
// that another row has is a case for review all the same.
func attemptAlone(ctx context.Context, tx *sqlx.Tx, todo []store.Settled, now time.Time) (more bool, err error) {
	for i, s := range todo {
		if s.Attempt != billing.AttemptSucceeded {
			return reviewInvoice(ctx, tx, todo[i:i+1], now)
		}
		var status string
		if err := tx.GetContext(ctx, &status, invoiceStatus, s.Result.Claimed.Invoice.ID); err != nil {
			return false, err
		}
		if status != string(billing.Charging) {
			return false, fmt.Errorf("%w: it is %s", errNotCharging, status)
		}
	}
	return false, nil
}

// reviewInvoice sets the invoices aside that are as they were claimed.
func reviewInvoice(ctx context.Context, tx *sqlx.Tx, todo []store.Settled, now time.Time) (more bool, err error) {
	for _, s := range todo {
		if _, err := tx.ExecContext(ctx, setInvoiceAside, store.Text(s.ReviewReason), now, s.Result.Claimed.Invoice.ID); err != nil {
			return false, err
		}
	}
	return true, nil
}
