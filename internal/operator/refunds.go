package operator

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/crash"
	"duly/internal/mysql"
	"duly/internal/orders"
	"duly/internal/payment"
	"duly/internal/refundrows"
	"duly/internal/refunds"
	"duly/internal/store"
)

const (
	refundableOf = `SELECT id, COALESCE(status, '') AS status, COALESCE(amount, 0) AS amount, COALESCE(refunded_amount, 0) AS refunded_amount FROM payments WHERE order_id = ? ORDER BY id`

	insertRefund = `INSERT INTO refunds (invoice_id, payment_id, amount, currency, reason, restock, follow_up, requested_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`

	refundRow = `SELECT ` + refundrows.Columns + ` FROM refunds WHERE id = ?`

	settleRefundBy = `UPDATE refunds SET status = ?, unsettled = NULL, detail = ?, amount = COALESCE(?, amount), restocked = restocked OR ?, settled_at = ? WHERE id = ? AND status = 'review'`

	lockRefundedInvoice = `SELECT id FROM invoices WHERE id = ? FOR UPDATE`
	lockRefundedPayment = `SELECT id FROM payments WHERE id = ? FOR UPDATE`

	pendingOfInvoice = `SELECT ` + refundrows.Columns + ` FROM refunds WHERE invoice_id = ? AND (status = 'requested' OR unsettled = 1) ORDER BY id`
	pendingOfPayment = `SELECT ` + refundrows.Columns + ` FROM refunds WHERE payment_id = ? AND (status = 'requested' OR unsettled = 1) ORDER BY id`

	takeRefundBack = `UPDATE refunds SET status = 'cancelled', detail = ?, settled_at = ? WHERE id = ? AND status = 'requested'`

	unsettledBesideOfInvoice = `SELECT id FROM refunds WHERE invoice_id IN (?) AND unsettled = 1 AND id <> ?`
	unsettledBesideOfPayment = `SELECT id FROM refunds WHERE payment_id IN (?) AND unsettled = 1 AND id <> ?`
)

// PaymentToRefund is the payment of an order to refund: the named one, or the only one with money left. The error is a RefusedError that says
// what to type.
func PaymentToRefund(ctx context.Context, db *mysql.DB, order, named uint64) (uint64, error) {
	var rows []struct {
		ID       uint64
		Status   string
		Amount   int64
		Refunded int64 `db:"refunded_amount"`
	}
	if err := db.SelectContext(ctx, &rows, refundableOf, order); err != nil {
		return 0, mysql.Classify(ctx, err)
	}
	var held []uint64
	var all []string
	for _, r := range rows {
		status := orders.PaymentStatusOf(r.Status)
		all = append(all, fmt.Sprintf("%d is %s", r.ID, status))
		if r.ID == named {
			return r.ID, nil
		}
		if (status == orders.PaymentSucceeded || status == orders.PaymentReview) && r.Refunded < r.Amount {
			held = append(held, r.ID)
		}
	}
	switch {
	case named != 0:
		return 0, store.Refuse(fmt.Errorf("order %d has no payment %d; see duly show order %d", order, named, order))
	case len(rows) == 0:
		return 0, store.Refuse(fmt.Errorf("order %d has no payment; see duly show order %d", order, order))
	case len(held) == 0:
		return 0, store.Refuse(fmt.Errorf("no payment of order %d has money that could be refunded: payment %s", order, strings.Join(all, ", ")))
	case len(held) > 1:
		return 0, store.Refuse(fmt.Errorf("order %d has several payments: say which, such as --payment %d", order, held[0]))
	}
	return held[0], nil
}

// RefundTarget reads the payment that a requested refund is of. The error is a RefusedError if the refund can never be executed.
//
// It returns the refunds of the same payment that are not settled, oldest first; again says that one of the same amount is no reason.
func RefundTarget(ctx context.Context, q sqlx.QueryerContext, r refunds.Refund, again bool) (refunds.Target, refunds.Pending, error) {
	found, err := refundrows.Targets(ctx, q, []refunds.Refund{r})
	if err != nil {
		return refunds.Target{}, nil, mysql.Classify(ctx, err)
	}
	target := found[r.ID]
	if why := refunds.Refuses(r, target); why != "" {
		return target, nil, store.Refuse(fmt.Errorf("not refunded: %s", why))
	}
	query, of := pendingOfInvoice, r.InvoiceID
	if r.PaymentID != 0 {
		query, of = pendingOfPayment, r.PaymentID
	}
	var rows []refundrows.Row
	if err := sqlx.SelectContext(ctx, q, &rows, query, of); err != nil {
		return target, nil, mysql.Classify(ctx, err)
	}
	var pending refunds.Pending
	for _, row := range rows {
		pending = append(pending, row.Refund())
	}
	if why := refunds.RefusesBeside(r, target, pending, again); why != "" {
		return target, pending, store.Refuse(fmt.Errorf("not refunded: %s", why))
	}
	return target, pending, nil
}

// RequestRefund inserts the row of a refund for an operator, with its action, and returns its id. It completes subject and detail of the
// action.
func RequestRefund(ctx context.Context, db *mysql.DB, r refunds.Refund, again bool, action Action) (id uint64, err error) {
	err = mysql.Tx(ctx, db, "refund-ask", func(tx *sqlx.Tx) error {
		// Two operators see each other's refund.
		lock, of := lockRefundedInvoice, r.InvoiceID
		if r.PaymentID != 0 {
			lock, of = lockRefundedPayment, r.PaymentID
		}
		if _, err := tx.ExecContext(ctx, lock, of); err != nil {
			return err
		}
		target, _, err := RefundTarget(ctx, tx, r, again)
		if err != nil {
			return err
		}
		row := []any{store.Positive(r.InvoiceID), store.Positive(r.PaymentID), store.Positive(r.Amount), target.Paid.Currency, mysql.Cut(r.Reason, 255), r.Restock, store.Text(string(r.FollowUp)), mysql.Cut(r.RequestedBy, 191)}
		result, err := tx.ExecContext(ctx, insertRefund, row...)
		if err != nil {
			return err
		}
		last, err := result.LastInsertId()
		if err != nil {
			return err
		}
		id = uint64(last) //nolint:gosec // G115: an id
		action.Detail = map[string]any{"refund": id, "payment": r.PaymentID, "amount": r.Amount, "restock": r.Restock, "follow_up": r.FollowUp}
		return action.Write(ctx, tx)
	})
	return id, err
}

// RefundToCancel says why a refund cannot be taken back. The error is a RefusedError, or wraps ErrNotThere.
func RefundToCancel(ctx context.Context, q sqlx.QueryerContext, id uint64) error {
	_, err := cancellable(ctx, q, id, "")
	return err
}

func cancellable(ctx context.Context, q sqlx.QueryerContext, id uint64, lock string) (refunds.Refund, error) {
	var row refundrows.Row
	if err := sqlx.GetContext(ctx, q, &row, refundRow+lock, id); err != nil {
		return refunds.Refund{}, absent(err, "refund", id)
	}
	r := row.Refund()
	if err := r.NotCancelled(); err != nil {
		return r, store.Refuse(err)
	}
	return r, nil
}

// CancelRefund takes a refund back that nothing was done about yet: row, event and action in one transaction.
func CancelRefund(ctx context.Context, db *mysql.DB, id uint64, now time.Time, action Action) error {
	return mysql.Tx(ctx, db, "resolve", func(tx *sqlx.Tx) error {
		r, err := cancellable(ctx, tx, id, " FOR UPDATE")
		if err != nil {
			return err
		}
		targets, err := refundrows.Targets(ctx, tx, []refunds.Refund{r})
		if err != nil {
			return err
		}
		end := refunds.End{Step: refunds.Refuse, Reason: fmt.Sprintf("%s: %s", payment.AsCancelled, action.Reason)}
		if _, err := tx.ExecContext(ctx, takeRefundBack, mysql.Cut(end.Reason, 255), mysql.Stored(now), id); err != nil {
			return err
		}
		result := refunds.Result{Claimed: refunds.Claimed{Refund: r, Target: targets[id]}, End: end}
		if err := store.WriteBillingEvents(ctx, tx, result.Events(false, false)); err != nil {
			return err
		}
		return action.Write(ctx, tx)
	})
}

// RefundInReview reads a refund that an operator decides about. The error wraps ErrNotThere if there is none, and is a RefusedError if it is
// not in review.
func RefundInReview(ctx context.Context, q sqlx.QueryerContext, id uint64, lock string) (refunds.Claimed, error) {
	var row refundrows.Row
	if err := sqlx.GetContext(ctx, q, &row, refundRow+lock, id); err != nil {
		return refunds.Claimed{}, absent(err, "refund", id)
	}
	r := row.Refund()
	if r.Status != refunds.Review {
		return refunds.Claimed{}, store.Refuse(fmt.Errorf("refund %d is %s, not in review: duly list refunds", id, r.Status))
	}
	found, err := refundrows.Targets(ctx, q, []refunds.Refund{r})
	return refunds.Claimed{Refund: r, Target: found[id]}, err
}

// alone refuses --as refunded while another refund of the payment is unsettled: the amount that the gateway shows may be that refund's. It is
// called before the recorded amount is read, so that a refund that is settled meanwhile is seen by one of the two.
func alone(ctx context.Context, tx *sqlx.Tx, c refunds.Claimed) error {
	query, of := unsettledBesideOfInvoice, []uint64{c.InvoiceID}
	if c.PaymentID != 0 {
		query, of = unsettledBesideOfPayment, append([]uint64{c.PaymentID}, c.SameCharge...)
	}
	var others []uint64
	if err := mysql.SelectIn(ctx, tx, &others, query, of, c.Refund.ID); err != nil || len(others) == 0 {
		return err
	}
	return store.Refuse(fmt.Errorf("refund %d of the same payment is unsettled, and what the gateway shows may be of that one: --as refunded is taken once it is settled; duly list refunds", others[0]))
}

// ResolveRefund settles a refund in review as an operator says: refund, invoice or payment, what follows from its end, event and action in one
// transaction. It returns what followed. seen is the refund as it was when the gateway was asked; whether the word is taken is judged again by
// what the rows say now.
func ResolveRefund(ctx context.Context, db *mysql.DB, seen refunds.Claimed, word refunds.Word, now time.Time, action Action) (followed []string, err error) {
	now = mysql.Stored(now)
	err = mysql.Tx(ctx, db, "resolve", func(tx *sqlx.Tx) error {
		var back []refundrows.Returned
		if seen.PaymentID != 0 {
			back = append(back, refundrows.ReturnedBy(refunds.Result{Claimed: seen}))
		}
		stock, err := refundrows.LockStock(ctx, tx, back)
		if err != nil {
			return err
		}
		if word.As == payment.AsRefunded && !seen.Executed() {
			if err := alone(ctx, tx, seen); err != nil {
				return err
			}
		}
		c, err := RefundInReview(ctx, tx, seen.Refund.ID, " FOR UPDATE")
		if err != nil {
			return err
		}
		if err := word.Takes(c); err != nil {
			return store.Refuse(err)
		}
		if c, err = besideWaiting(ctx, tx, c); err != nil {
			return err
		}
		r := refunds.Result{Claimed: c, End: word.End(c)}
		if word.As == payment.AsIgnored { // what was to follow is left to the shop
			r.Claimed.FollowUp, r.Claimed.Restock = "", false
		}
		then, err := refundrows.Conclude(ctx, tx, r, min(r.End.Total, c.Paid.Amount), stock, now)
		if err != nil {
			return err
		}
		if then.Held != "" {
			return store.Refuse(errors.New(then.Held))
		}
		followed = then.Followed
		crash.At(crash.ResolveStatement)
		status, amount := refunds.Refused, any(nil)
		if r.End.Step == refunds.Done {
			status, amount = refunds.Refunded, r.End.Amount
		}
		n, err := rowsOf(tx.ExecContext(ctx, settleRefundBy, string(status), store.Text(mysql.Cut(r.End.Reason, 255)), amount, then.Restocked, now, c.Refund.ID))
		if err := store.AllOf(n, 1, "refunds", err); err != nil {
			return err
		}
		crash.At(crash.ResolveStatement)
		if word.As == payment.AsNotExecuted && c.Shown > 0 { // then somebody else refunded it
			others, err := refundrows.RecordOthers(ctx, tx, c, min(r.End.Total, c.Paid.Amount), now)
			if err != nil {
				return err
			}
			then.Events = append(then.Events, others...)
		}
		if err := store.WriteBillingEvents(ctx, tx, append(r.Events(false, then.Restocked), then.Events...)); err != nil {
			return err
		}
		return action.Write(ctx, tx)
	})
	return followed, err
}

// besideWaiting returns c with Waiting set.
func besideWaiting(ctx context.Context, tx *sqlx.Tx, c refunds.Claimed) (refunds.Claimed, error) {
	list := []refunds.Claimed{c}
	err := refundrows.SetWaiting(ctx, tx, list)
	return list[0], err
}
