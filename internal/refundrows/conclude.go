package refundrows

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/billing"
	"duly/internal/mysql"
	"duly/internal/orders"
	"duly/internal/payment"
	"duly/internal/refunds"
	"duly/internal/store"
)

const (
	refundedAttempt = `UPDATE payment_attempts SET refunded_amount = GREATEST(refunded_amount, ?) WHERE id = ?`
	refundedInvoice = `UPDATE invoices SET refunded_amount = GREATEST(refunded_amount, ?) WHERE id = ?`
	periodWishes    = `SELECT COUNT(*) FROM refunds WHERE invoice_id = ? AND follow_up = 'give_period_back' AND status = 'refunded'`
	voidInvoice     = `UPDATE invoices SET status = 'void' WHERE id = ? AND status = 'paid'`
	refundedPayment = `UPDATE payments SET transaction_key = COALESCE(transaction_key, ?), refunded_at = IF(COALESCE(refunded_amount, 0) < ?, ?, refunded_at),
refunded_amount = GREATEST(COALESCE(refunded_amount, 0), ?), status = IF(? >= amount AND status IN ('succeeded', 'review'), 'refunded', status) WHERE id = ?`
	nothingInReview = `UPDATE order_checks SET reason = NULL WHERE order_id = ? AND reason IS NOT NULL
AND NOT EXISTS (SELECT 1 FROM payments WHERE order_id = ? AND status = 'review')`
	endSubscription = `UPDATE subscriptions SET status = 'cancelled', cancelled_at = ?, cancel_reason = ?
WHERE id = ? AND status IN ('active', 'past_due', 'paused', 'trialing')`
	subscriptionStatus = `SELECT COALESCE(status, '') FROM subscriptions WHERE id = ?`
)

// Conclusion is what [Conclude] wrote beside the row of the refund.
type Conclusion struct {
	Restocked bool
	Events    []payment.Event
	// Held says why an operator must look at what follows from the refund; empty: nobody must.
	Held string
	// Followed lists what was done, for people.
	Followed []string
}

// Conclude writes the total refunded amount of a payment after a refund of it has ended, and what follows from that: it cancels the subscription, voids the
// invoice, and puts items back into the stock. total is 0 if it is unknown. Runs and operators' resolutions both call it. Of the rows of refunds it changes
// only those whose restock it does.
func Conclude(ctx context.Context, tx *sqlx.Tx, r refunds.Result, total int64, stock *Stock, now time.Time) (Conclusion, error) {
	var c Conclusion
	if total > 0 {
		if err := recordTotal(ctx, tx, r.Claimed, total, now); err != nil {
			return c, err
		}
	}
	if r.Back() {
		given, err := giveBack(ctx, tx, r.Claimed.InvoiceID, r.Voids())
		if err != nil {
			return c, err
		}
		if given {
			c.Followed = append(c.Followed, "its invoice is void")
		}
	}
	if err := c.end(ctx, tx, r, now); err != nil || !r.Back() {
		return c, err
	}
	var err error
	if c.Restocked, err = stock.PutBack(ctx, tx, ReturnedBy(r)); c.Restocked {
		c.Followed = append(c.Followed, "its items are back in the stock")
	}
	return c, err
}

// giveBack gives the period of an invoice back of which nothing is left: asked says that its last refund asks for that; an earlier one may have.
func giveBack(ctx context.Context, tx *sqlx.Tx, invoice uint64, asked bool) (bool, error) {
	if invoice == 0 {
		return false, nil
	}
	if !asked {
		var wishes int
		if err := tx.GetContext(ctx, &wishes, periodWishes, invoice); err != nil || wishes == 0 {
			return false, err
		}
	}
	n, err := changed(tx.ExecContext(ctx, voidInvoice, invoice))
	return n > 0, err
}

// ReturnedBy is what goes back into the stock when a refund has ended that leaves nothing of its payment.
func ReturnedBy(r refunds.Result) Returned {
	return Returned{Payment: r.Claimed.PaymentID, Order: r.Claimed.Order, Restock: r.Claimed.Restock}
}

// Why is reason with what followed.
func (c Conclusion) Why(reason string) string {
	return strings.Join(append([]string{reason}, c.Followed...), "; ")
}

// recordTotal writes the total refunded amount of the payment.
func recordTotal(ctx context.Context, tx *sqlx.Tx, c refunds.Claimed, total int64, now time.Time) error {
	if c.InvoiceID != 0 {
		if _, err := tx.ExecContext(ctx, refundedAttempt, total, c.AttemptID); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, refundedInvoice, total, c.InvoiceID)
		return err
	}
	recorded := min(total, c.Paid.Amount)
	if _, err := tx.ExecContext(ctx, refundedPayment, store.Text(c.GatewayID), recorded, now, recorded, recorded, c.PaymentID); err != nil {
		return err
	}
	if c.Payment.Status != orders.PaymentReview || recorded < c.Paid.Amount {
		return nil
	}
	_, err := tx.ExecContext(ctx, nothingInReview, c.Payment.OrderID, c.Payment.OrderID)
	return err
}

// end cancels the subscription, if the refund requests that.
func (c *Conclusion) end(ctx context.Context, tx *sqlx.Tx, r refunds.Result, now time.Time) error {
	if !r.Ends() {
		return nil
	}
	id := r.Claimed.SubscriptionID
	reason := mysql.Cut("refunded: "+r.Claimed.Refund.Reason, 255)
	n, err := changed(tx.ExecContext(ctx, endSubscription, now, reason, id))
	if err != nil {
		return err
	}
	if n > 0 {
		c.Events = append(c.Events, r.Claimed.Ended(reason))
		c.Followed = append(c.Followed, fmt.Sprintf("subscription %d is cancelled", id))
		return nil
	}
	var status string
	err = tx.GetContext(ctx, &status, subscriptionStatus, id)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return err
	}
	if c.Held = refunds.NotEnded(id, billing.SubscriptionStatus(status)); c.Held != "" {
		c.Events = append(c.Events, r.Claimed.Review(c.Held))
	}
	return nil
}

func changed(result sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}
