package store

import (
	"context"

	"github.com/jmoiron/sqlx"

	"duly/internal/billing"
	"duly/internal/mysql"
	"duly/internal/payment"
)

// PastAttempts reads the attempts of invoices as [PastRow], in their order.
const PastAttempts = `SELECT id, invoice_id, attempt_no, idempotency_key, status, COALESCE(decline_class, '') AS decline_class,
gateway, payment_method, COALESCE(account_id, 0) AS account_id, COALESCE(proof, '') AS proof, lease,
reopened_at IS NOT NULL AS reopened FROM payment_attempts WHERE invoice_id IN (?) ORDER BY invoice_id, attempt_no`

// PastRow is an earlier attempt of an invoice.
type PastRow struct {
	ID      uint64
	Invoice uint64 `db:"invoice_id"`
	No      int    `db:"attempt_no"`
	Key     string `db:"idempotency_key"`
	Status  string
	Class   string `db:"decline_class"`
	Gateway string
	Method  string `db:"payment_method"`
	Account uint32 `db:"account_id"`
	Proof   string
	Lease   []byte

	Reopened bool
}

// Past is what the rules read of r.
func (r PastRow) Past() billing.PastAttempt {
	p := billing.PastAttempt{
		ID: r.ID, No: r.No, Key: r.Key, Status: billing.AttemptStatus(r.Status), Class: payment.Class(r.Class),
		Gateway: r.Gateway, Method: r.Method, Account: r.Account, Proof: billing.Proof(r.Proof), Reopened: r.Reopened,
	}
	copy(p.Lease[:], r.Lease)
	return p
}

// PastOf reads the earlier attempts of the invoices that have any.
func PastOf(ctx context.Context, q sqlx.QueryerContext, invoices []InvoiceRow) (map[uint64][]billing.PastAttempt, error) {
	var ids []uint64
	for _, r := range invoices {
		if r.Attempts > 0 {
			ids = append(ids, r.ID)
		}
	}
	if len(ids) == 0 {
		return nil, nil //nolint:nilnil // an empty map
	}
	var rows []PastRow
	if err := mysql.SelectIn(ctx, q, &rows, PastAttempts, ids); err != nil {
		return nil, err
	}
	out := make(map[uint64][]billing.PastAttempt, len(ids))
	for _, r := range rows {
		out[r.Invoice] = append(out[r.Invoice], r.Past())
	}
	return out, nil
}

// LeaseBefore is the lease of one of the earlier attempts.
func LeaseBefore(past []billing.PastAttempt, id uint64) [16]byte {
	for _, p := range past {
		if p.ID == id {
			return p.Lease
		}
	}
	return [16]byte{}
}
