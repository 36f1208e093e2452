package writers

import (
	"context"
	"maps"
	"slices"

	"github.com/jmoiron/sqlx"

	"duly/internal/mysql"
	"duly/internal/refundrows"
	"duly/internal/refunds"
	"duly/internal/store"
)

// An order's items are put back once, whichever of its payments is refunded.
const restockedBefore = `SELECT COUNT(*) FROM refunds r JOIN payments p ON p.id = r.payment_id WHERE p.order_id = ? AND r.restocked = 1`

const putBackStock = `UPDATE products SET stock = stock + ? WHERE id = ?`

// restockable locks, in id order, the products that refunds put back.
func restockable(ctx context.Context, tx *sqlx.Tx, results []refunds.Result) (*shelf, error) {
	var products []uint64
	for _, r := range results {
		if r.Left == "" && r.Restocks() {
			for _, item := range r.Claimed.Order.Items {
				products = append(products, item.ProductID)
			}
		}
	}
	return stockOf(ctx, tx, products)
}

// restock notes what a refund puts back. It reports false for one that puts nothing back, or whose order was put back before.
func (s *shelf) restock(ctx context.Context, tx *sqlx.Tx, r *refunds.Result) (bool, error) {
	if r.Left != "" || !r.Restocks() {
		return false, nil
	}
	var before int
	err := tx.GetContext(ctx, &before, restockedBefore, r.Claimed.Order.ID)
	if err != nil || before > 0 || s.returned[r.Claimed.Order.ID] {
		return false, err
	}
	s.returned[r.Claimed.Order.ID] = true
	for _, item := range r.Claimed.Order.Items {
		if _, there := s.products[item.ProductID]; there { // a product that is gone has no stock
			s.Stock[item.ProductID] += item.Quantity
		}
	}
	return true, nil
}

// putBack writes what is put back, one row a product.
func (s *shelf) putBack(ctx context.Context, tx *sqlx.Tx) error {
	for _, id := range slices.Sorted(maps.Keys(s.products)) {
		if more := s.Stock[id] - s.products[id].Stock; more > 0 {
			if _, err := tx.ExecContext(ctx, putBackStock, more, id); err != nil {
				return err
			}
		}
	}
	return nil
}

// ReserveTarget books the payment of a refund for its row, and says which other row keeps that payment; empty for none.
func ReserveTarget(ctx context.Context, db *mysql.DB, bookings *store.Bookings, c refunds.Claimed) (other string, err error) {
	if c.AttemptID == 0 {
		return ReserveRefund(ctx, db, bookings, c.Payment)
	}
	booking := store.Booking{Gateway: c.Gateway, Account: c.Account, PaymentID: c.GatewayID, Owner: store.Owner{Kind: store.OwnerAttempt, ID: c.AttemptID}}
	err = mysql.Tx(ctx, db, "refund-book", func(tx *sqlx.Tx) error {
		other = ""
		taken, err := bookings.Reserve(ctx, tx, []store.Booking{booking})
		if owner, is := taken[0]; err == nil && is {
			other, err = store.Describe(ctx, tx, owner)
		}
		return err
	})
	return other, err
}

// FreezeRefund stores what a refund is about to ask for, before it is sent; false: its row is somebody else's by now.
func FreezeRefund(ctx context.Context, db *mysql.DB, c refunds.Claimed, sent refunds.Sent, gatewayID string) (frozen bool, err error) {
	err = mysql.Tx(ctx, db, "refund-freeze", func(tx *sqlx.Tx) (err error) {
		frozen, err = refundrows.Freeze(ctx, tx, c.Refund.ID, c.Lease, sent, gatewayID)
		return err
	})
	return frozen, err
}
