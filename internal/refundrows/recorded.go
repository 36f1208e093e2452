package refundrows

import (
	"context"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/audit"
	"duly/internal/batch"
	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/refunds"
	"duly/internal/store"
)

const (
	recordedAttempt = `SELECT refunded_amount FROM payment_attempts WHERE id = ? AND status = 'succeeded' FOR UPDATE`
	recordedPayment = `SELECT COALESCE(refunded_amount, 0) FROM payments WHERE id = ? AND status = 'succeeded' FOR UPDATE SKIP LOCKED`
	underWay        = `SELECT COUNT(*) FROM refunds WHERE (unsettled = 1 OR status = 'requested' AND amount <= ?) AND (invoice_id = ? OR payment_id = ?)`

	recordAttempt = `UPDATE payment_attempts SET refunded_amount = ? WHERE id = ?`
	recordInvoice = `UPDATE invoices SET refunded_amount = GREATEST(refunded_amount, ?) WHERE id = ?`
	recordPayment = `UPDATE payments SET refunded_amount = ?, refunded_at = ?, status = IF(? >= amount, 'refunded', status) WHERE id = ?`
	insertRecord  = `INSERT INTO refunds (invoice_id, payment_id, amount, currency, reason, requested_by, origin, status, gateway, gateway_payment_id, settled_at)
VALUES (?, ?, ?, ?, 'refunded at the provider', 'provider', 'provider', 'refunded', ?, ?, ?)`
)

// RecordFound records a refund at the provider that an audit has found, see [Record]; is reports whether the finding is nothing but that.
func RecordFound(ctx context.Context, db *mysql.DB, at time.Time, s audit.Seen, now audit.Ours, f audit.Finding) (tally batch.Tally, is bool, err error) {
	total, is := s.RefundedThere(now)
	if !is || f.Kind == audit.ChargedTwice {
		return tally, false, nil
	}
	recorded, err := Record(ctx, db, at, now, total)
	if recorded {
		return batch.Tally{Succeeded: 1}, true, err
	}
	return batch.Tally{InDoubt: 1}, true, err
}

// Record records that a payment of ours was refunded at the provider, total in all: the row of the payment, a row of refunds and an event, in
// one transaction. It reports false, and writes nothing, if the row has changed since, is held by the shop, or a
// refund of ours is under way, which counts its own part, or one waits that may be what the gateway shows.
func Record(ctx context.Context, db *mysql.DB, at time.Time, o audit.Ours, total int64) (recorded bool, err error) {
	at = mysql.Stored(at)
	err = mysql.Repeat(ctx, db, "refund-record", func(tx *sqlx.Tx) error {
		recorded = false
		r := refunds.Refund{Reason: "refunded at the provider"}
		lock := recordedAttempt
		if r.InvoiceID = o.Group; o.Row.Table == audit.Payments {
			lock, r.InvoiceID, r.PaymentID = recordedPayment, 0, o.Row.ID
		}
		whole := uint64(0)
		if total >= o.Money.Amount {
			whole = r.PaymentID
		}
		stock, back, err := LockStockOf(ctx, tx, whole)
		if err != nil {
			return err
		}
		var before []int64
		if err := tx.SelectContext(ctx, &before, lock, o.Row.ID); err != nil || len(before) == 0 || before[0] != o.Refunded {
			return err
		}
		var busy int
		if err := tx.GetContext(ctx, &busy, underWay, total-o.Refunded, r.InvoiceID, r.PaymentID); err != nil || busy > 0 {
			return err
		}
		invoice, paid := store.Positive(r.InvoiceID), store.Positive(r.PaymentID)
		result, err := tx.ExecContext(ctx, insertRecord, invoice, paid, total-o.Refunded, o.Money.Currency, store.Text(o.Gateway), store.Text(o.GatewayID), at)
		if err != nil {
			return err
		}
		id, err := result.LastInsertId()
		if err != nil {
			return err
		}
		r.ID = uint64(id) //nolint:gosec // G115: an id
		targets, err := Targets(ctx, tx, []refunds.Refund{r})
		if err != nil {
			return err
		}
		if err := writeRecorded(ctx, tx, o, total, at); err != nil {
			return err
		}
		if total >= o.Money.Amount {
			if _, err := giveBack(ctx, tx, r.InvoiceID, false); err != nil {
				return err
			}
		}
		if _, err := stock.PutBack(ctx, tx, back); err != nil {
			return err
		}
		recorded = true
		return store.WriteBillingEvents(ctx, tx, refunds.Claimed{Refund: r, Target: targets[r.ID]}.AtProvider(total-o.Refunded, total))
	})
	return recorded, err
}

func writeRecorded(ctx context.Context, tx *sqlx.Tx, o audit.Ours, total int64, at time.Time) error {
	if o.Row.Table == audit.Payments {
		_, err := tx.ExecContext(ctx, recordPayment, total, at, total, o.Row.ID)
		return err
	}
	if _, err := tx.ExecContext(ctx, recordAttempt, total, o.Row.ID); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, recordInvoice, total, o.Group)
	return err
}

// RecordOthers writes down that what a refund in review may have been was refunded by somebody else: the row, and the event. total is refunded of the
// payment in all.
func RecordOthers(ctx context.Context, tx *sqlx.Tx, c refunds.Claimed, total int64, at time.Time) ([]payment.Event, error) {
	amount := total - c.Recorded
	if amount <= 0 {
		return nil, nil
	}
	result, err := tx.ExecContext(ctx, insertRecord, store.Positive(c.InvoiceID), store.Positive(c.PaymentID), amount, c.Paid.Currency, store.Text(c.Gateway), store.Text(c.GatewayID), at)
	if err != nil {
		return nil, err
	}
	id, err := result.LastInsertId()
	if err != nil {
		return nil, err
	}
	other := refunds.Claimed{Refund: refunds.Refund{ID: uint64(id), InvoiceID: c.InvoiceID, PaymentID: c.PaymentID, Reason: "refunded at the provider"}, Target: c.Target} //nolint:gosec // G115: an id
	return other.AtProvider(amount, total), nil
}
