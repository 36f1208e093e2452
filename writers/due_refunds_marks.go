package writers

import (
	"context"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/mysql"
	"duly/internal/orders"
	"duly/internal/refundrows"
	"duly/internal/refunds"
	"duly/internal/store"
)

const releaseMarks = `UPDATE refunds SET lease = NULL, run_id = NULL, status = IF(sent_at IS NULL, 'in_flight', 'in_doubt') WHERE id IN (?) AND lease IN (?)`

// settleMarks writes the rows of refunds that stand for payments in refund_due. What is in review waits as a payment, not as a refund.
func settleMarks(ctx context.Context, tx *sqlx.Tx, list []refunded, now time.Time) error {
	var done, unsent [][]any
	var all []uint64
	var leases [][]byte
	for _, r := range list {
		if !r.ours || len(r.RefundClaim.Marks) == 0 {
			continue
		}
		leases = append(leases, r.RefundClaim.Lease[:])
		for _, mark := range r.RefundClaim.Marks {
			if mark.ID != 0 {
				all = append(all, mark.ID)
			}
		}
		for _, end := range r.ends {
			mark := r.RefundClaim.Marks[end.Payment.ID].ID
			if mark == 0 { // another row's refund stands for it
				continue
			}
			if row, ended := markEnded(mark, end, now); ended {
				done = append(done, row)
			} else if end.Unsent {
				unsent = append(unsent, []any{mark})
			}
		}
	}
	if len(all) == 0 {
		return nil
	}
	if _, err := mysql.Update(ctx, tx, "refunds", []string{"status", "detail", "amount", "currency", "gateway_payment_id", "settled_at"}, done, "", "unsettled = NULL", "lease = NULL", "run_id = NULL"); err != nil {
		return err
	}
	if _, err := mysql.Update(ctx, tx, "refunds", nil, unsent, "", "refunded_before = NULL", "sent_amount = NULL", "sent_at = NULL"); err != nil {
		return err
	}
	query, args, err := mysql.In(releaseMarks, all, leases)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, query, args...)
	return err
}

// markEnded is what is written of a row whose payment is not refund_due any more; ended is false for any other.
func markEnded(mark uint64, end orders.RefundEnd, now time.Time) (row []any, ended bool) {
	switch end.Step {
	case orders.RefundDone:
		given := end.Amount
		if given == 0 { // an earlier request, or somebody at the provider
			given = end.Given - min(end.Given, end.Payment.Refunded)
		}
		return []any{mark, string(refunds.Refunded), nil, store.Positive(given), store.Text(end.Payment.Money.Currency), store.Text(end.Payment.TransactionKey), now}, true
	case orders.RefundNone:
		return []any{mark, string(refunds.Refused), store.Text(mysql.Cut(end.Reason, 255)), nil, nil, nil, now}, true
	case orders.RefundReview:
		return []any{mark, string(refunds.Refused), mysql.Cut("its payment is in review: "+end.Reason, 255), nil, nil, nil, now}, true
	case orders.RefundLater, orders.RefundSend:
	}
	return nil, false
}

// FreezeMark stores what the refund of a payment in refund_due is about to ask for, before it is sent; false: its row is somebody else's by now.
func FreezeMark(ctx context.Context, db *mysql.DB, item orders.RefundClaim, end orders.RefundEnd, at time.Time) (frozen bool, err error) {
	err = mysql.Tx(ctx, db, "refund-freeze", func(tx *sqlx.Tx) (err error) {
		sent := refunds.Sent{Before: end.Before, Amount: end.Amount, At: at}
		frozen, err = refundrows.Freeze(ctx, tx, item.Marks[end.Payment.ID].ID, item.Lease, sent, end.Payment.TransactionKey)
		return err
	})
	return frozen, err
}
