package query

import (
	"context"
	"fmt"
	"time"

	"duly/internal/mysql"
)

// DueRefund is a payment that is to be refunded.
type DueRefund struct {
	ID       uint64
	OrderID  uint64 `db:"order_id"`
	Gateway  string
	Amount   int64 // minor units
	Currency string
	// Next is when it is tried again; nil: it was not tried yet.
	Next *time.Time `db:"refund_next_at"`
}

const refundPeek = `SELECT p.id, COALESCE(p.order_id, 0) AS order_id, COALESCE(p.gateway, '') AS gateway, COALESCE(p.amount, 0) AS amount,
COALESCE(p.currency, '') AS currency, c.refund_next_at FROM payments p
LEFT JOIN order_checks c ON c.order_id = p.order_id WHERE p.status = 'refund_due' AND p.id > ?%s ORDER BY p.id LIMIT ?`

// Refunds hands every payment that is to be refunded to each, page by page and without a lock; false from it ends
// the walk.
func (p Preview) Refunds(ctx context.Context, each func(DueRefund) bool) error {
	only, args := p.Selection.OnlyOrders("p.order_id")
	for last, done := uint64(0), false; !done; {
		var page []DueRefund
		page, done = nil, true
		all := append(append([]any{last}, args...), p.Size)
		if err := p.DB.SelectContext(ctx, &page, fmt.Sprintf(refundPeek, only), all...); err != nil {
			return fmt.Errorf("read what is to be refunded: %w", mysql.Classify(ctx, err))
		}
		for _, r := range page {
			if !each(r) {
				return nil
			}
			last, done = r.ID, len(page) < p.Size
		}
	}
	return nil
}

// OpenRefund is a row of refunds that is to be executed.
type OpenRefund struct {
	ID        uint64
	InvoiceID uint64 `db:"invoice_id"` // or PaymentID
	PaymentID uint64 `db:"payment_id"`
	Gateway   string
	Amount    int64 // minor units; 0: all that is left
	Left      int64 // minor units that are left of its payment, as recorded
	Currency  string
	Next      *time.Time `db:"next_try_at"` // when it is tried again; nil: it was not tried yet
	Behind    bool       // another refund of its payment is in review, and comes first
}

const openRefundPeek = `SELECT f.id, COALESCE(f.invoice_id, 0) AS invoice_id, COALESCE(f.payment_id, 0) AS payment_id,
COALESCE(p.gateway, a.gateway, '') AS gateway, COALESCE(f.sent_amount, f.amount, 0) AS amount,
COALESCE(IF(p.status = 'failed', 0, p.amount - COALESCE(p.refunded_amount, 0)), a.amount - a.refunded_amount, 0) AS ` + "`left`" + `, COALESCE(p.currency, a.currency, '') AS currency, f.next_try_at,
` + behindAReview + ` AS behind FROM refunds f LEFT JOIN payments p ON p.id = f.payment_id
LEFT JOIN payment_attempts a ON a.id = (SELECT MIN(x.id) FROM payment_attempts x WHERE x.invoice_id = f.invoice_id AND x.status = 'succeeded')
WHERE f.status IN ('requested', 'in_flight', 'in_doubt') AND f.origin = 'request' AND f.id > ?%s ORDER BY f.id LIMIT ?`

// OpenRefunds hands every row of refunds that is to be executed to each, page by page and without a lock; false from it ends the walk.
func (p Preview) OpenRefunds(ctx context.Context, each func(OpenRefund) bool) error {
	only, args := p.Selection.OnlyRefunds("f.")
	for last, done := uint64(0), false; !done; {
		var page []OpenRefund
		all := append(append([]any{last}, args...), p.Size)
		if err := p.DB.SelectContext(ctx, &page, fmt.Sprintf(openRefundPeek, only), all...); err != nil {
			return fmt.Errorf("read the refunds that are requested: %w", mysql.Classify(ctx, err))
		}
		for _, r := range page {
			if !each(r) {
				return nil
			}
			last = r.ID
		}
		done = len(page) < p.Size
	}
	return nil
}
