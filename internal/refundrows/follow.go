package refundrows

import (
	"context"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/mysql"
	"duly/internal/orders"
	"duly/internal/payment"
	"duly/internal/refunds"
	"duly/internal/store"
)

const (
	refundedAttempt = `UPDATE payment_attempts SET refunded_amount = GREATEST(refunded_amount, ?) WHERE id = ?`
	refundedInvoice = `UPDATE invoices SET refunded_amount = GREATEST(refunded_amount, ?), status = IF(? AND status = 'paid', 'void', status) WHERE id = ?`
	refundedPayment = `UPDATE payments SET transaction_key = COALESCE(transaction_key, ?), refunded_at = IF(COALESCE(refunded_amount, 0) < ?, ?, refunded_at),
refunded_amount = GREATEST(COALESCE(refunded_amount, 0), ?), status = IF(? >= amount AND status IN ('succeeded', 'review'), 'refunded', status) WHERE id = ?`
	nothingInReview = `UPDATE order_checks SET reason = NULL WHERE order_id = ? AND reason IS NOT NULL
AND NOT EXISTS (SELECT 1 FROM payments WHERE order_id = ? AND status = 'review')`
	endSubscription = `UPDATE subscriptions SET status = 'cancelled', cancelled_at = ?, cancel_reason = ?
WHERE id = ? AND status IN ('active', 'past_due', 'paused', 'trialing')`
)

// Follow writes what follows from a refund that is settled: total is what is refunded of its payment in all, 0 if that is not known. The events are
// of what else was asked for with the refund.
func Follow(ctx context.Context, tx *sqlx.Tx, r refunds.Result, total int64, now time.Time) ([]payment.Event, error) {
	if total > 0 {
		if err := recordTotal(ctx, tx, r, min(total, r.Claimed.Paid.Amount), now); err != nil {
			return nil, err
		}
	}
	c := r.Claimed
	if r.End.Step != refunds.Done || r.Left != "" || c.FollowUp != refunds.EndSubscription {
		return nil, nil
	}
	reason := mysql.Cut("refunded: "+c.Refund.Reason, 255)
	result, err := tx.ExecContext(ctx, endSubscription, now, reason, c.SubscriptionID)
	if err != nil {
		return nil, err
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return nil, err
	}
	return []payment.Event{c.Ended(reason)}, nil
}

// recordTotal writes what is refunded of a payment in all.
func recordTotal(ctx context.Context, tx *sqlx.Tx, r refunds.Result, total int64, now time.Time) error {
	c := r.Claimed
	if c.InvoiceID != 0 {
		if _, err := tx.ExecContext(ctx, refundedAttempt, total, c.AttemptID); err != nil {
			return err
		}
		void := c.FollowUp == refunds.GivePeriodBack && r.Whole()
		_, err := tx.ExecContext(ctx, refundedInvoice, total, void, c.InvoiceID)
		return err
	}
	if _, err := tx.ExecContext(ctx, refundedPayment, store.Text(c.GatewayID), total, now, total, total, c.PaymentID); err != nil {
		return err
	}
	if c.Payment.Status != orders.PaymentReview || total < c.Paid.Amount {
		return nil
	}
	_, err := tx.ExecContext(ctx, nothingInReview, c.Payment.OrderID, c.Payment.OrderID)
	return err
}
