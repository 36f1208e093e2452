package worktest

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/mysql"
	"duly/internal/test/testdb"
)

// Order is an order of the shop's with its payments. What is not said is an order over 12,900 won of customer c that
// was left alone an hour ago while it was being paid.
type Order struct {
	Customer, Status string
	Amount           int64
	Age              time.Duration // since anybody wrote to it
	Items            map[uint64]int64
	Payments         []Payment
}

// Payment is a payment of an Order. What is not said is as with the order, pending at gateway main under the key that
// the shop would have written.
type Payment struct {
	Gateway, Status string
	Key             string // NoKey: none
	TransactionKey  string
	Code            string // failure code
	Amount          int64
	Age             time.Duration
}

// NoKey is the key of a payment that has none.
const NoKey = "none"

const (
	insertOrders = `INSERT INTO orders (id, customer_id, status, amount, currency, created_at, updated_at) VALUES `
	insertItems  = `INSERT INTO order_items (order_id, product_id, quantity) VALUES `
	insertPaid   = `INSERT INTO payments (order_id, gateway, status, idempotency_key, transaction_key, failure_code, amount,
currency, created_at, updated_at) VALUES `
)

// Sell adds orders and returns their ids, which go on from the last order's.
func Sell(t testing.TB, db *testdb.DB, list ...Order) []uint64 {
	t.Helper()
	next := Get[uint64](t, db, `SELECT COALESCE(MAX(id), 0) + 1 FROM orders`)
	now := Get[time.Time](t, db, `SELECT CURRENT_TIMESTAMP(6)`) // updated_at goes by the session's time zone
	utc := Get[time.Time](t, db, `SELECT UTC_TIMESTAMP(6)`)
	ids := make([]uint64, len(list))
	var rows, items, payments [][]any
	flush := func() {
		for _, insert := range []struct {
			head string
			rows [][]any
		}{{insertOrders, rows}, {insertItems, items}, {insertPaid, payments}} {
			_, err := mysql.Insert(t.Context(), db, insert.head, insert.rows, "")
			require.NoError(t, err)
		}
		rows, items, payments = nil, nil, nil
	}
	for i, o := range list {
		ids[i] = next + uint64(i)
		age := otherwise(o.Age, time.Hour)
		amount := otherwise(o.Amount, 12900)
		rows = append(rows, []any{
			ids[i], otherwise(o.Customer, "c"), otherwise(o.Status, "payment_in_progress"), amount, "KRW", utc.Add(-age), now.Add(-age),
		})
		for _, product := range slices.Sorted(maps.Keys(o.Items)) {
			items = append(items, []any{ids[i], product, o.Items[product]})
		}
		for n, p := range o.Payments {
			key := any(otherwise(p.Key, fmt.Sprintf("ord_%d-%d", ids[i], n+1)))
			if p.Key == NoKey {
				key = nil
			}
			age := otherwise(p.Age, age)
			payments = append(payments, []any{
				ids[i], otherwise(p.Gateway, "main"), otherwise(p.Status, "pending"), key, null(p.TransactionKey), null(p.Code),
				otherwise(p.Amount, amount), "KRW", utc.Add(-age), now.Add(-age),
			})
		}
		if len(rows) == atOnce {
			flush()
		}
	}
	flush()
	return ids
}

// Stock adds products with so much in stock, numbered from the last one's on, and returns their ids.
func Stock(t testing.TB, db *testdb.DB, stock ...int64) []uint64 {
	t.Helper()
	next := Get[uint64](t, db, `SELECT COALESCE(MAX(id), 0) + 1 FROM products`)
	ids := make([]uint64, len(stock))
	rows := make([][]any, len(stock))
	for i, n := range stock {
		ids[i] = next + uint64(i)
		rows[i] = []any{ids[i], fmt.Sprintf("product %d", ids[i]), n}
	}
	_, err := mysql.Insert(t.Context(), db, `INSERT INTO products (id, name, stock) VALUES `, rows, "")
	require.NoError(t, err)
	return ids
}

func otherwise[T comparable](v, instead T) T {
	var zero T
	if v == zero {
		return instead
	}
	return v
}

func null(s string) any {
	if s == "" {
		return nil
	}
	return s
}
