package details

import (
	"context"
	"fmt"
	"time"

	"duly/internal/mysql"
	"duly/internal/store"
)

// Refund is a refund as it is shown.
type Refund struct {
	ID          uint64     `json:"id"`
	InvoiceID   *uint64    `json:"invoice_id,omitempty" db:"invoice_id"`
	PaymentID   *uint64    `json:"payment_id,omitempty" db:"payment_id"`
	Status      string     `json:"status"`
	Amount      *int64     `json:"amount"` // minor units; null: all that is left
	Currency    *string    `json:"currency,omitempty"`
	Reason      string     `json:"reason"`
	RequestedBy string     `json:"requested_by" db:"requested_by"`
	Origin      string     `json:"origin"` // request, refund_due or provider
	Restock     bool       `json:"restock"`
	FollowUp    *string    `json:"follow_up,omitempty" db:"follow_up"`
	Key         *string    `json:"idempotency_key,omitempty" db:"idempotency_key"`
	Before      *int64     `json:"refunded_before,omitempty" db:"refunded_before"` // minor units, when it was first sent
	SentAt      *time.Time `json:"sent_at,omitempty" db:"sent_at"`
	Tries       int        `json:"tries"`
	NextTryAt   *time.Time `json:"next_try_at,omitempty" db:"next_try_at"`
	Detail      *string    `json:"detail,omitempty"`
	CreatedAt   time.Time  `json:"created_at" db:"created_at"`
	SettledAt   *time.Time `json:"settled_at,omitempty" db:"settled_at"`
	Unsettled   bool       `json:"-"` // others of its payment wait for it
}

const showRefunds = `SELECT id, invoice_id, payment_id, status, amount, currency, reason, requested_by, origin, restock <> 0 AS restock, follow_up, idempotency_key, refunded_before, sent_at,
tries, next_try_at, detail, created_at, settled_at, unsettled IS NOT NULL AS unsettled FROM refunds WHERE %s IN (?) ORDER BY id DESC LIMIT 100`

// RefundsOfInvoices reads the newest refunds of invoices, newest first.
func RefundsOfInvoices(ctx context.Context, db *mysql.DB, list []Invoice) ([]Refund, error) {
	return refundsOf(ctx, db, "invoice_id", store.SortedIDs(list, func(i Invoice) uint64 { return i.ID }))
}

// RefundsOfPayments reads the newest refunds of an order's payments, newest first.
func RefundsOfPayments(ctx context.Context, db *mysql.DB, list []Payment) ([]Refund, error) {
	return refundsOf(ctx, db, "payment_id", store.SortedIDs(list, func(p Payment) uint64 { return p.ID }))
}

func refundsOf(ctx context.Context, db *mysql.DB, column string, ids []uint64) ([]Refund, error) {
	found := []Refund{}
	if len(ids) == 0 {
		return found, nil
	}
	err := mysql.SelectIn(ctx, db, &found, fmt.Sprintf(showRefunds, column), ids)
	return found, mysql.Classify(ctx, err)
}
