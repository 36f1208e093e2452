package refundrows

import (
	"context"

	"github.com/jmoiron/sqlx"

	"duly/internal/mysql"
	"duly/internal/store"
)

const (
	unsettledOfInvoices = `SELECT invoice_id AS subject, id AS value FROM refunds WHERE invoice_id IN (?) AND unsettled = 1`
	unsettledOfPayments = `SELECT payment_id AS subject, id AS value FROM refunds WHERE payment_id IN (?) AND unsettled = 1`
	numbersOfInvoices   = `SELECT invoice_id AS subject, COALESCE(MAX(number), 0) AS value FROM refunds WHERE invoice_id IN (?) GROUP BY invoice_id`
	numbersOfPayments   = `SELECT payment_id AS subject, COALESCE(MAX(number), 0) AS value FROM refunds WHERE payment_id IN (?) GROUP BY payment_id`

	waitingOfInvoices = `SELECT invoice_id AS subject, MIN(amount) AS value FROM refunds WHERE invoice_id IN (?) AND status = 'requested' AND amount > 0 GROUP BY invoice_id`
	waitingOfPayments = `SELECT payment_id AS subject, MIN(amount) AS value FROM refunds WHERE payment_id IN (?) AND status = 'requested' AND amount > 0 GROUP BY payment_id`
)

// refundSubject is the invoice or the payment that a refund is of: one of the two is not 0.
type refundSubject struct{ invoice, payment uint64 }

func subjectOf(row Row) refundSubject { return refundSubject{row.InvoiceID, row.PaymentID} }

// bySubject reads a value for each of the invoices and payments that rows are of.
func bySubject(ctx context.Context, tx *sqlx.Tx, rows []Row, invoices, payments string) (map[refundSubject]uint64, error) {
	found := map[refundSubject]uint64{}
	for _, side := range []struct {
		query string
		id    func(Row) uint64
		of    func(uint64) refundSubject
	}{
		{invoices, func(row Row) uint64 { return row.InvoiceID }, func(id uint64) refundSubject { return refundSubject{invoice: id} }},
		{payments, func(row Row) uint64 { return row.PaymentID }, func(id uint64) refundSubject { return refundSubject{payment: id} }},
	} {
		ids := store.KnownIDs(rows, side.id)
		if len(ids) == 0 {
			continue
		}
		var values []struct{ Subject, Value uint64 }
		if err := mysql.SelectIn(ctx, tx, &values, side.query, ids); err != nil {
			return nil, err
		}
		for _, v := range values {
			found[side.of(v.Subject)] = v.Value
		}
	}
	return found, nil
}
