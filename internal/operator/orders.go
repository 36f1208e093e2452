package operator

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/billing"
	"duly/internal/mysql"
	"duly/internal/orders"
	"duly/internal/refundrows"
	"duly/internal/store"
)

// OrderReader reads an order, its payments and duly's bookkeeping on it, locked, within a transaction; no order if
// there is none.
type OrderReader func(ctx context.Context, tx *sqlx.Tx) (*orders.Order, []orders.Payment, orders.Check, error)

const (
	updateResolvedPayment = `UPDATE payments SET status = ?, transaction_key = COALESCE(?, transaction_key), failure_code = ?, failure_reason = ?,
refunded_amount = IF(? > 0, ?, refunded_amount), refunded_at = IF(? > 0, COALESCE(refunded_at, ?), refunded_at) WHERE id = ?`

	// The order is checked at once, or stays frozen for another payment of it.
	thawCheck = `INSERT INTO order_checks (order_id, next_check_at, reason) VALUES (?, ?, ?)
ON DUPLICATE KEY UPDATE next_check_at = VALUES(next_check_at), reason = VALUES(reason)`

	dueCheck = `INSERT INTO order_checks (order_id, next_check_at) VALUES (?, ?)
ON DUPLICATE KEY UPDATE next_check_at = VALUES(next_check_at), reason = NULL,
refund_next_at = IF(refund_next_at IS NULL, NULL, VALUES(next_check_at))`
)

// ResolvePayment settles a payment in review as decide says, which is given the locked rows: payment, bookkeeping,
// event, booking and action in one transaction. The order's own status is the next reconcile's to change. A payment that
// another row has is refused.
func ResolvePayment(ctx context.Context, db *mysql.DB, id uint64, now time.Time, bookings *store.Bookings, action Action, read OrderReader,
	decide func(orders.Reviewed) (orders.Resolution, error),
) error {
	now = mysql.Stored(now)
	return mysql.Tx(ctx, db, "resolve", func(tx *sqlx.Tx) error {
		stock, back, err := refundrows.LockStockOf(ctx, tx, id)
		if err != nil {
			return err
		}
		o, list, check, err := read(ctx, tx)
		if err != nil {
			return err
		}
		r, there := reviewedPayment(o, list, check, id)
		if !there {
			return fmt.Errorf("no payment %d; see duly show order ID%w", id, hidden{ErrNotThere})
		}
		if check.Run != 0 && check.RunLives {
			return store.Refuse(fmt.Errorf("order %d is in the hands of run %d: resolve its payment once that has ended", o.ID, check.Run))
		}
		decided, err := decide(r)
		if err != nil {
			return store.Refuse(err)
		}
		if c := decided.Change; c.To == orders.PaymentSucceeded || c.To == orders.PaymentRefundDue {
			booking := store.Booking{Gateway: r.Gateway, PaymentID: cmp.Or(c.TransactionKey, r.TransactionKey), Owner: store.Owner{Kind: store.OwnerPayment, ID: id}, Proof: billing.ProofOperator}
			if err := bookings.ReserveNamed(ctx, tx, booking, now); err != nil {
				return err
			}
		}
		if c := decided.Change; c.To != "" {
			if _, err := tx.ExecContext(ctx, updateResolvedPayment, string(c.To), store.Text(c.TransactionKey), store.Text(c.FailureCode), store.Text(c.FailureReason),
				c.Refunded, c.Refunded, c.Refunded, now, id); err != nil {
				return err
			}
		}
		if decided.Change.To == orders.PaymentRefunded {
			if _, err := stock.PutBack(ctx, tx, back); err != nil {
				return err
			}
		}
		if _, err := tx.ExecContext(ctx, thawCheck, o.ID, now, store.Text(decided.Reason)); err != nil {
			return err
		}
		if err := store.WriteBillingEvents(ctx, tx, decided.Events); err != nil {
			return err
		}
		return action.Write(ctx, tx)
	})
}

func reviewedPayment(o *orders.Order, list []orders.Payment, check orders.Check, id uint64) (orders.Reviewed, bool) {
	if o == nil {
		return orders.Reviewed{}, false
	}
	for _, p := range list {
		if p.ID == id {
			return orders.Reviewed{Payment: p, Order: *o, Payments: list, Reason: check.Reason}, true
		}
	}
	return orders.Reviewed{}, false
}

// RequeueOrder makes an order due again: its check, and its refunds if any are due. The error is a RefusedError
// where the rules forbid it.
func RequeueOrder(ctx context.Context, db *mysql.DB, id uint64, now time.Time, action Action, read OrderReader) error {
	return mysql.Tx(ctx, db, "requeue", func(tx *sqlx.Tx) error {
		o, list, check, err := read(ctx, tx)
		switch {
		case err != nil:
			return err
		case o == nil:
			return fmt.Errorf("no order %d; see duly list review%w", id, hidden{ErrNotThere})
		}
		if err := orders.Requeue(*o, list, check); err != nil {
			return store.Refuse(err)
		}
		if _, err := tx.ExecContext(ctx, dueCheck, id, mysql.Stored(now)); err != nil {
			return err
		}
		return action.Write(ctx, tx)
	})
}
