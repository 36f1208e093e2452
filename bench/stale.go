package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"duly/bench/inprocess"
	"duly/internal/batch"
	"duly/internal/gateway"
	"duly/internal/mysql"
	"duly/internal/orders"
	"duly/internal/payment"
)

// Every stale order is of one piece, and was paid while the shop did not hear of it.
const (
	staleAmount = 12_900
	staleStatus = string(orders.OrderInProgress)
)

const (
	insertProducts = `INSERT INTO products (id, name, stock) VALUES `
	insertOrders   = `INSERT INTO orders (id, customer_id, status, amount, currency, created_at, updated_at) VALUES `
	insertItems    = `INSERT INTO order_items (order_id, product_id, quantity) VALUES `
	insertPayments = `INSERT INTO payments (order_id, gateway, idempotency_key, status, amount, currency, created_at, updated_at) VALUES `
)

// stale makes a schema with n stale orders of so many products, of which there is just enough.
func (l *lab) stale(ctx context.Context, n, products int) (*schema, error) {
	s, err := l.schema(ctx, 0)
	if err != nil {
		return nil, err
	}
	old := l.now().UTC().Add(-time.Hour).Truncate(time.Second)
	for _, t := range []struct {
		head string
		n    int
		row  func(i int) []any
	}{
		{insertProducts, products, func(i int) []any { return []any{i, fmt.Sprintf("product %d", i), n / products} }},
		{insertOrders, n, func(i int) []any {
			return []any{i, staleCustomer(i), staleStatus, staleAmount, "KRW", old, old}
		}},
		{insertItems, n, func(i int) []any { return []any{i, 1 + i%products, 1} }},
		{insertPayments, n, func(i int) []any {
			return []any{i, gatewayName, staleKey(i), string(orders.PaymentPending), staleAmount, "KRW", old, old}
		}},
	} {
		if err := s.fill(ctx, t.head, t.n, t.row); err != nil {
			return nil, s.dropped(ctx, err)
		}
	}
	if _, err := s.ExecContext(ctx, "ANALYZE TABLE products, orders, order_items, payments"); err != nil {
		return nil, s.dropped(ctx, fmt.Errorf("analyze: %w", err))
	}
	if err := l.quiet(ctx); err != nil {
		return nil, s.dropped(ctx, err)
	}
	return s, nil
}

// fill inserts rows 1 to n.
func (s *schema) fill(ctx context.Context, head string, n int, row func(i int) []any) error {
	const chunk = 2000
	rows := make([][]any, 0, min(n, chunk))
	for i := 1; i <= n; i++ {
		if rows = append(rows, row(i)); len(rows) == chunk || i == n {
			if _, err := mysql.Insert(ctx, s, head, rows, ""); err != nil {
				return fmt.Errorf("fill the tables: %w", err)
			}
			rows = rows[:0]
		}
	}
	return nil
}

func staleCustomer(i int) string { return "buyer-" + strconv.Itoa(i) }
func staleKey(i int) string      { return orders.Reference(uint64(i)) + "-1" } //nolint:gosec // positive

// settled fails unless all n orders are completed and all of the stock is sold.
func (s *schema) settled(ctx context.Context, n int) error {
	var completed, stock int
	if err := s.GetContext(ctx, &completed, `SELECT COUNT(*) FROM orders WHERE status = 'completed'`); err != nil {
		return fmt.Errorf("count the orders: %w", err)
	}
	if err := s.GetContext(ctx, &stock, `SELECT SUM(stock) FROM products`); err != nil {
		return fmt.Errorf("count the stock: %w", err)
	}
	if completed != n || stock != 0 {
		return fmt.Errorf("%d of %d orders are completed, %d pieces are left", completed, n, stock)
	}
	return nil
}

// taker is a gateway in this process that took the money of every stale order, and says so after a while.
type taker struct {
	inprocess.Instant

	takes time.Duration
}

// Look implements gateway.Gateway.
func (g taker) Look(ctx context.Context, w payment.Ref) payment.LookupResult {
	if g.takes > 0 {
		if err := batch.Wait(ctx, g.takes); err != nil {
			return payment.LookupResult{Reason: err.Error()}
		}
	}
	reference := strings.TrimSuffix(w.Key, "-1")
	return payment.LookupResult{Payment: &payment.Payment{
		ID: "pay_" + w.Key, Status: payment.Succeeded, Key: w.Key, Reference: reference,
		CustomerID: "buyer-" + strings.TrimPrefix(reference, "ord_"), Money: payment.Money{Amount: staleAmount, Currency: "KRW"},
	}}
}

var _ gateway.Gateway = taker{}
