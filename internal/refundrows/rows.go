// Package refundrows reads and claims rows of refunds, with their invoices and payments.
package refundrows

import (
	"context"
	"database/sql"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/mysql"
	"duly/internal/refunds"
	"duly/internal/store"
)

// Columns are the columns of [Row].
const Columns = `id, COALESCE(invoice_id, 0) AS invoice_id, COALESCE(payment_id, 0) AS payment_id, COALESCE(amount, 0) AS amount,
COALESCE(currency, '') AS currency, reason, restock <> 0 AS restock, COALESCE(follow_up, '') AS follow_up, requested_by, origin, status, COALESCE(number, 0) AS number,
COALESCE(idempotency_key, '') AS idempotency_key, COALESCE(unsettled, 0) AS unsettled, refunded_before, sent_amount, sent_at, tries, next_try_at, lease, run_id, created_at`

// Row is a row of refunds.
type Row struct {
	ID          uint64
	InvoiceID   uint64 `db:"invoice_id"`
	PaymentID   uint64 `db:"payment_id"`
	Amount      int64
	Currency    string
	Reason      string
	Restock     bool
	FollowUp    string `db:"follow_up"`
	RequestedBy string `db:"requested_by"`
	Origin      string
	Status      string
	Number      int
	Key         string `db:"idempotency_key"`
	Unsettled   bool
	Before      sql.NullInt64 `db:"refunded_before"`
	SentAmount  sql.NullInt64 `db:"sent_amount"`
	SentAt      sql.NullTime  `db:"sent_at"`
	Tries       int
	NextTryAt   sql.NullTime `db:"next_try_at"`
	Lease       []byte
	RunID       sql.Null[uint64] `db:"run_id"`
	CreatedAt   time.Time        `db:"created_at"`
}

// Refund returns the part of r that the rules use.
func (r Row) Refund() refunds.Refund {
	out := refunds.Refund{
		ID: r.ID, InvoiceID: r.InvoiceID, PaymentID: r.PaymentID, Amount: r.Amount, Currency: r.Currency, Reason: r.Reason, Restock: r.Restock,
		FollowUp: refunds.FollowUp(r.FollowUp), RequestedBy: r.RequestedBy, Origin: refunds.Origin(r.Origin), Status: refunds.Status(r.Status),
		Number: r.Number, Key: r.Key, Unsettled: r.Unsettled, Tries: r.Tries, CreatedAt: r.CreatedAt,
	}
	if r.SentAt.Valid {
		out.Sent = &refunds.Sent{Before: r.Before.Int64, Amount: r.SentAmount.Int64, At: r.SentAt.Time}
	}
	if out.Status == refunds.Review {
		out.Quiet = r.NextTryAt.Time
		if out.Sent == nil {
			out.Shown = r.Before.Int64
		}
	}
	return out
}

// Locked is a row of refunds that is locked for its settlement.
type Locked struct {
	ID     uint64
	Status refunds.Status
	Lease  [16]byte
	Sent   bool // a request may have been executed
}

const lockRows = `SELECT id, status, lease, sent_at IS NOT NULL AS sent FROM refunds WHERE id IN (?) ORDER BY id FOR UPDATE`

// Lock locks rows of refunds, and returns them with their leases.
func Lock(ctx context.Context, tx *sqlx.Tx, ids []uint64) (map[uint64]Locked, error) {
	var rows []struct {
		ID     uint64
		Status string
		Lease  []byte
		Sent   bool
	}
	if err := mysql.SelectIn(ctx, tx, &rows, lockRows, ids); err != nil {
		return nil, err
	}
	out := make(map[uint64]Locked, len(rows))
	for _, r := range rows {
		locked := Locked{ID: r.ID, Status: refunds.Status(r.Status), Sent: r.Sent}
		copy(locked.Lease[:], r.Lease)
		out[r.ID] = locked
	}
	return out, nil
}

const storeSent = `UPDATE refunds SET refunded_before = ?, sent_amount = ?, sent_at = ?, gateway_payment_id = ? WHERE id = ? AND lease = ? AND sent_at IS NULL`

// Freeze stores the amount that the gateway shows as refunded before the first request of a refund, if the row is still under its lease.
func Freeze(ctx context.Context, tx *sqlx.Tx, id uint64, lease [16]byte, sent refunds.Sent, gatewayID string) (bool, error) {
	result, err := tx.ExecContext(ctx, storeSent, sent.Before, sent.Amount, sent.At.UTC().Round(0), store.Text(mysql.Cut(gatewayID, 255)), id, lease[:])
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n == 1, err
}
