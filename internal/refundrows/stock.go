package refundrows

import (
	"context"

	"github.com/jmoiron/sqlx"

	"duly/internal/mysql"
	"duly/internal/orders"
	"duly/internal/refunds"
	"duly/internal/store"
)

const (
	// Executed refunds whose order's items were to go back once the payment is refunded in full.
	restockWishes = `SELECT id, payment_id FROM refunds WHERE payment_id IN (?) AND restock <> 0 AND restocked = 0 AND status = 'refunded' ORDER BY id`

	lockProducts = `SELECT id FROM products WHERE id IN (?) ORDER BY id FOR UPDATE`

	// An order's items are put back once, whichever of its payments is refunded.
	restockedBefore = `SELECT COUNT(*) FROM refunds r JOIN payments p ON p.id = r.payment_id WHERE p.order_id = ? AND r.restocked = 1`

	putBackStock = `UPDATE products SET stock = stock + ? WHERE id = ?`
	markRestocks = `UPDATE refunds SET restocked = 1 WHERE id IN (?)`
)

// Returned is a payment of an order that is refunded in full.
type Returned struct {
	Payment uint64
	Order   orders.Order
	Restock bool // its last refund asked for it
}

// Stock are the locked products of orders whose items go back.
type Stock struct {
	wishes   map[uint64][]uint64 // earlier refunds that asked for it, by payment
	products map[uint64]bool
	returned map[uint64]bool // orders
}

// LockStock locks, in id order, the products that go back with payments that are refunded in full: their last refund asked for it, or an
// earlier one of the payment did. It is called before any row of a payment is locked.
func LockStock(ctx context.Context, tx *sqlx.Tx, list []Returned) (*Stock, error) {
	s := &Stock{wishes: map[uint64][]uint64{}, products: map[uint64]bool{}, returned: map[uint64]bool{}}
	payments := store.KnownIDs(list, func(r Returned) uint64 { return r.Payment })
	if len(payments) == 0 {
		return s, nil
	}
	var wishes []struct {
		ID      uint64
		Payment uint64 `db:"payment_id"`
	}
	if err := mysql.SelectIn(ctx, tx, &wishes, restockWishes, payments); err != nil {
		return nil, err
	}
	for _, w := range wishes {
		s.wishes[w.Payment] = append(s.wishes[w.Payment], w.ID)
	}
	var items []orders.Item
	for _, r := range list {
		if s.goesBack(r) {
			items = append(items, r.Order.Items...)
		}
	}
	if len(items) == 0 {
		return s, nil
	}
	var there []uint64
	if err := mysql.SelectIn(ctx, tx, &there, lockProducts, store.SortedIDs(items, func(i orders.Item) uint64 { return i.ProductID })); err != nil {
		return nil, err
	}
	for _, id := range there {
		s.products[id] = true
	}
	return s, nil
}

// LockStockOf is LockStock of one payment that is refunded in full by none of its refunds: an earlier one of a part may have asked for it. 0 is
// no payment.
func LockStockOf(ctx context.Context, tx *sqlx.Tx, id uint64) (*Stock, Returned, error) {
	if id == 0 {
		stock, err := LockStock(ctx, tx, nil)
		return stock, Returned{}, err
	}
	targets, err := Targets(ctx, tx, []refunds.Refund{{PaymentID: id}})
	if err != nil {
		return nil, Returned{}, err
	}
	back := Returned{Payment: id, Order: targets[0].Order}
	stock, err := LockStock(ctx, tx, []Returned{back})
	return stock, back, err
}

func (s *Stock) goesBack(r Returned) bool {
	return refunds.TookItems(r.Order) && (r.Restock || len(s.wishes[r.Payment]) > 0)
}

// PutBack puts an order's items back into the stock. It reports false where nobody asked for it, or they were put back before.
func (s *Stock) PutBack(ctx context.Context, tx *sqlx.Tx, r Returned) (bool, error) {
	if !s.goesBack(r) {
		return false, nil
	}
	var before int
	err := tx.GetContext(ctx, &before, restockedBefore, r.Order.ID)
	if err != nil || before > 0 || s.returned[r.Order.ID] {
		return false, err
	}
	s.returned[r.Order.ID] = true
	for _, item := range r.Order.Items {
		if !s.products[item.ProductID] { // a product that is gone has no stock
			continue
		}
		if _, err := tx.ExecContext(ctx, putBackStock, item.Quantity, item.ProductID); err != nil {
			return false, err
		}
	}
	wishes := s.wishes[r.Payment]
	if len(wishes) == 0 {
		return true, nil
	}
	query, args, err := mysql.In(markRestocks, wishes)
	if err != nil {
		return false, err
	}
	_, err = tx.ExecContext(ctx, query, args...)
	return true, err
}
