package writers

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/jmoiron/sqlx"

	"duly/internal/mysql"
	"duly/internal/orders"
	"duly/internal/payment"
	"duly/internal/store"
)

const lockProducts = `SELECT id, name, stock, low_stock_threshold FROM products WHERE id IN (?) ORDER BY id FOR UPDATE`

// shelf is the locked stock of the products that a chunk of orders needs.
type shelf struct {
	orders.Stock // what is left of it

	products map[uint64]orders.Product // as they were locked
	buyers   map[uint64]uint64         // an order that took some, by product
}

// stockOf locks products in id order, waiting for transactions that hold them.
func stockOf(ctx context.Context, tx *sqlx.Tx, ids []uint64) (*shelf, error) {
	s := &shelf{Stock: orders.Stock{}, products: map[uint64]orders.Product{}, buyers: map[uint64]uint64{}}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	if len(ids) == 0 {
		return s, nil
	}
	var rows []struct {
		ID        uint64
		Name      string
		Stock     int64
		Threshold *int64 `db:"low_stock_threshold"`
	}
	if err := mysql.SelectIn(ctx, tx, &rows, lockProducts, ids); err != nil {
		return nil, err
	}
	for _, r := range rows {
		s.Stock[r.ID] = r.Stock
		s.products[r.ID] = orders.Product{ID: r.ID, Name: r.Name, Stock: r.Stock, Threshold: r.Threshold}
	}
	return s, nil
}

// allot takes an order's items, all or nothing.
func (s *shelf) allot(o orders.Order) bool {
	if !s.Allot(o.Items) {
		return false
	}
	for _, item := range o.Items {
		if s.buyers[item.ProductID] == 0 {
			s.buyers[item.ProductID] = o.ID
		}
	}
	return true
}

// write takes what was allotted out of the stock, one row a product, and returns the events.
func (s *shelf) write(ctx context.Context, tx *sqlx.Tx) ([]payment.Event, error) {
	var taken [][2]any
	var events []payment.Event
	for _, id := range slices.Sorted(maps.Keys(s.buyers)) {
		p, left := s.products[id], s.Stock[id]
		if left != p.Stock {
			taken = append(taken, [2]any{id, p.Stock - left})
		}
		if e, ok := orders.StockLow(p, left, s.buyers[id]); ok {
			events = append(events, e)
		}
	}
	if len(taken) == 0 {
		return events, nil
	}
	n, err := take(ctx, tx, taken)
	return events, store.AllOf(n, len(taken), "products", err)
}

// take lowers the stock of products, each an id and a quantity, where it suffices.
func take(ctx context.Context, tx *sqlx.Tx, taken [][2]any) (int64, error) {
	quantity := "CASE id" + strings.Repeat(" WHEN ? THEN ?", len(taken)) + " END"
	var quantities, ids []any
	for _, t := range taken {
		quantities, ids = append(quantities, t[0], t[1]), append(ids, t[0])
	}
	result, err := tx.ExecContext(ctx, "UPDATE products SET stock = stock - "+quantity+
		" WHERE id IN (?"+strings.Repeat(",?", len(ids)-1)+") AND stock >= "+quantity, slices.Concat(quantities, ids, quantities)...)
	if err != nil {
		return 0, err
	}
	n, err := result.RowsAffected()
	return n, err
}
