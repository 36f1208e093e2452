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
