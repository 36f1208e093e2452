package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/require"

	"duly/internal/gateway/simulator"
	"duly/internal/payment"
	"duly/internal/test/worktest"
)

// bazaar is a shop that sells, is paid, cancels and restocks all the while, from several processes. It names the old
// status in what it changes, and takes stock in the transaction that completes an order, as integration.md asks.
type bazaar struct {
	*market

	products []uint64
	orders   atomic.Uint64
	done     atomic.Int64 // transactions
	deadlock atomic.Int64 // of those that met one
}

// errRefused rolls a transaction of the shop back: a row was not as it had to be.
var errRefused = errors.New("refused")

// do runs a transaction of the shop's. Rows that are not as they had to be are the shop's usual business.
func (b *bazaar) do(work func(exec func(query string, args ...any) int64)) bool {
	tx, err := b.plain.BeginTxx(context.WithoutCancel(b.t.Context()), nil)
	if err != nil {
		b.t.Errorf("begin: %v", err)
		return false
	}
	err = attempt(tx, work)
	if err == nil {
		err = tx.Commit()
	} else {
		_ = tx.Rollback()
	}
	b.done.Add(1)
	var refused *mysql.MySQLError
	switch {
	case err == nil, errors.Is(err, errRefused):
	case errors.As(err, &refused) && refused.Number == 1213:
		b.deadlock.Add(1)
	default:
		b.t.Errorf("the shop met: %v", err)
	}
	return err == nil
}

// attempt runs work in tx; a statement that fails, and errRefused, end it.
func attempt(tx *sqlx.Tx, work func(exec func(query string, args ...any) int64)) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = p.(error) //nolint:errcheck,forcetypeassert // only errors are thrown below
		}
	}()
	work(func(query string, args ...any) int64 {
		result, err := tx.Exec(query, args...)
		if err != nil {
			panic(err)
		}
		n, err := result.RowsAffected()
		if err != nil {
			panic(err)
		}
		return n
	})
	return nil
}

// must refuses the transaction unless one row was as it had to be.
func must(n int64) {
	if n != 1 {
		panic(errRefused)
	}
}

// visit is one thing that happens in the shop.
func (b *bazaar) visit(rng *rand.Rand) {
	product := b.products[rng.IntN(len(b.products))]
	switch n := rng.IntN(10); {
	case n < 2:
		b.ledger(product, 1+rng.Int64N(20))
	case n < 3:
		b.ledger(product, -1)
	default:
		b.buy(rng)
	}
}

// ledger restocks a product, or sells of it over the counter.
func (b *bazaar) ledger(product uint64, delta int64) {
	b.do(func(exec func(string, ...any) int64) {
		must(exec(`UPDATE products SET stock = stock + ? WHERE id = ? AND stock + ? >= 0`, delta, product, delta))
		exec(`INSERT INTO shop_ledger (product_id, delta) VALUES (?, ?)`, product, delta)
	})
}

// buy is a customer's way through the shop; it may end anywhere.
func (b *bazaar) buy(rng *rand.Rand) {
	items := map[uint64]int64{}
	for range 1 + rng.IntN(3) {
		items[b.products[rng.IntN(len(b.products))]] = 1 + rng.Int64N(2)
	}
	id := b.order(items)
	if rng.IntN(10) == 0 {
		b.do(func(exec func(string, ...any) int64) {
			must(exec(`UPDATE orders SET status = 'cancelled' WHERE id = ? AND status = 'pending'`, id))
		})
	}
	key := fmt.Sprintf("ord_%d-1", id)
	paying := b.do(func(exec func(string, ...any) int64) {
		must(exec(`UPDATE orders SET status = 'payment_in_progress' WHERE id = ? AND status = 'pending'`, id))
		exec(`INSERT INTO payments (order_id, gateway, idempotency_key, status, amount, currency, created_at)
VALUES (?, 'main', ?, 'pending', 12900, 'KRW', UTC_TIMESTAMP(6) - INTERVAL 1 HOUR)`, id, key)
	})
	fate := rng.IntN(20)
	if !paying || fate == 0 {
		return
	}
	_, err := b.sims["main"].Inject(simulator.Entry{
		Key: key, Reference: fmt.Sprintf("ord_%d", id), CustomerID: "c", Method: "pm_ok", Amount: 12900, Currency: "KRW", Status: payment.Succeeded,
	})
	if err != nil {
		b.t.Errorf("pay: %v", err)
	}
	if fate < 10 { // the shop never hears of it
		return
	}
	sold := b.do(func(exec func(string, ...any) int64) {
		take := func() {
			for _, product := range b.products { // by id
				if q := items[product]; q > 0 {
					must(exec(`UPDATE products SET stock = stock - ? WHERE id = ? AND stock >= ?`, q, product, q))
				}
			}
		}
		if fate%2 == 0 { // some take the stock first, others last
			take()
		}
		must(exec(`UPDATE orders SET status = 'completed', completed_at = UTC_TIMESTAMP(6) WHERE id = ? AND status = 'payment_in_progress'`, id))
		must(exec(`UPDATE payments SET status = 'succeeded' WHERE order_id = ? AND status = 'pending'`, id))
		if fate%2 == 1 {
			take()
		}
		exec(`INSERT INTO shop_done (order_id) VALUES (?)`, id)
	})
	switch {
	case sold && fate == 19: // and sent back
		b.do(func(exec func(string, ...any) int64) {
			must(exec(`UPDATE orders SET status = 'cancelled' WHERE id = ? AND status = 'completed'`, id))
			must(exec(`UPDATE payments SET status = 'refund_due' WHERE order_id = ? AND status = 'succeeded'`, id))
			for _, product := range b.products {
				exec(`UPDATE products SET stock = stock + ? WHERE id = ?`, items[product], product)
			}
		})
	case !sold:
		b.do(func(exec func(string, ...any) int64) {
			must(exec(`UPDATE orders SET status = 'failed', failed_at = UTC_TIMESTAMP(6) WHERE id = ? AND status = 'payment_in_progress'`, id))
			must(exec(`UPDATE payments SET status = 'refund_due' WHERE order_id = ? AND status = 'pending'`, id))
		})
	}
}

// order puts an order over 12,900 won.
func (b *bazaar) order(items map[uint64]int64) uint64 {
	id := b.orders.Add(1)
	b.do(func(exec func(string, ...any) int64) {
		exec(`INSERT INTO orders (id, customer_id, status, amount, currency) VALUES (?, 'c', 'pending', 12900, 'KRW')`, id)
		for product, q := range items {
			exec(`INSERT INTO order_items (order_id, product_id, quantity) VALUES (?, ?, ?)`, id, product, q)
		}
	})
	return id
}

// What must hold at every instant: nothing is sold that is not there or sold twice, paid money belongs to a completed
// order, and one worker alone completes an order.
var rules = map[string]string{
	"stock that is not accounted for": `SELECT COUNT(*) FROM products p WHERE p.stock <>
COALESCE((SELECT SUM(l.delta) FROM shop_ledger l WHERE l.product_id = p.id), 0) -
COALESCE((SELECT SUM(i.quantity) FROM order_items i JOIN orders o ON o.id = i.order_id WHERE i.product_id = p.id AND o.status = 'completed'), 0)`,
	"completed orders that were not paid once": `SELECT COUNT(*) FROM orders o WHERE o.status = 'completed' AND
(SELECT COUNT(*) FROM payments p WHERE p.order_id = o.id AND p.status = 'succeeded') <> 1`,
	"money kept for orders that were not completed": `SELECT COUNT(*) FROM orders o JOIN payments p ON p.order_id = o.id
WHERE p.status = 'succeeded' AND o.status <> 'completed'`,
	"orders completed by none or two": `SELECT COUNT(*) FROM orders o WHERE o.status = 'completed' AND
(SELECT COUNT(*) FROM shop_done d WHERE d.order_id = o.id) +
(SELECT COUNT(*) FROM events e WHERE e.subject = CONCAT('order:', o.id) AND e.type = 'order.completed') <> 1`,
	"events of what did not happen": `SELECT COUNT(*) FROM events e JOIN orders o ON e.subject = CONCAT('order:', o.id)
WHERE e.type = 'order.completed' AND o.status <> 'completed' OR e.type = 'order.failed' AND o.status <> 'failed'`,
}

// look checks the rules in one snapshot.
func (b *bazaar) look() {
	b.t.Helper()
	tx, err := b.plain.BeginTxx(context.WithoutCancel(b.t.Context()), nil)
	require.NoError(b.t, err)
	defer func() { _ = tx.Rollback() }()
	for what, query := range rules {
		var n int
		require.NoError(b.t, tx.Get(&n, query))
		require.Zero(b.t, n, what)
	}
}

// A shop that sells, is paid, cancels and restocks the rows that two workers settle meanwhile.
func TestAShopAtWorkWhileOrdersAreSettled(t *testing.T) {
	t.Parallel()
	const tills = 4
	transactions := int64(worktest.Volume(4_000, 12_000))
	m := newMarket(t)
	m.options.Policy.OlderThan = 0 // so that they meet
	m.options.Steps = nil
	b := &bazaar{market: m, products: worktest.Stock(t, m.plain, 0, 0, 0, 0, 0)}
	worktest.Exec(t, m.plain, `CREATE TABLE shop_ledger (id BIGINT AUTO_INCREMENT PRIMARY KEY, product_id BIGINT UNSIGNED NOT NULL, delta BIGINT NOT NULL)`)
	worktest.Exec(t, m.plain, `CREATE TABLE shop_done (order_id BIGINT UNSIGNED NOT NULL PRIMARY KEY)`)
	for _, product := range b.products {
		b.ledger(product, 400)
	}
	var shop, workers sync.WaitGroup
	closed := make(chan struct{})
	for i := range tills {
		shop.Go(func() {
			rng := rand.New(rand.NewPCG(1, uint64(i)))
			for b.done.Load() < transactions {
				b.visit(rng)
			}
		})
	}
	for range 2 {
		work := m.worker(m.plain.DSN)
		workers.Go(func() {
			for {
				if result := work(t.Context()); result.Err != nil {
					t.Errorf("a worker failed: %v", result.Err)
				}
				select {
				case <-closed:
					return
				default:
				}
			}
		})
	}
	go func() { shop.Wait(); close(closed) }()
	for open := true; open; {
		select {
		case <-closed:
			open = false
		case <-time.After(200 * time.Millisecond):
			b.look()
		}
	}
	workers.Wait()
	t.Logf("%d transactions of the shop, %d deadlocks; %d orders settled by the workers", b.done.Load(), b.deadlock.Load(),
		worktest.Get[int](t, m.plain, `SELECT COUNT(*) FROM events WHERE type LIKE 'order.%'`))
	require.LessOrEqual(t, b.deadlock.Load(), max(1, b.done.Load()/10_000))

	// A day later everything is settled, and what was taken is kept for a completed order or refunded.
	for range 3 {
		m.pass(25 * time.Hour)
		worktest.Charged(t, m.plain, m.sims["main"], "main", time.Now().Add(-100*24*time.Hour), time.Now())
		m.run()
	}
	b.look()
	require.Equal(t, []string{"cancelled", "completed", "failed"}, worktest.List[string](t, m.plain, `SELECT DISTINCT status FROM orders ORDER BY status`))
	require.Zero(t, worktest.Get[int](t, m.plain, `SELECT COUNT(*) FROM order_checks WHERE lease IS NOT NULL OR reason IS NOT NULL`))
	kept := map[string]string{}
	var rows []struct{ Key, Status string }
	require.NoError(t, m.plain.SelectContext(t.Context(), &rows, `SELECT idempotency_key AS `+"`key`"+`, status FROM payments`))
	for _, r := range rows {
		kept[r.Key] = r.Status
	}
	for _, e := range m.sims["main"].Ledger() {
		if strings.HasPrefix(e.Key, "sub_") { // others'
			continue
		}
		want := "succeeded"
		if e.Refunded > 0 {
			want = "refunded"
			require.Equal(t, e.Amount, e.Refunded, e.Key)
			require.Equal(t, 1, e.Refunds, e.Key)
		}
		require.Equal(t, want, kept[e.Key], e.Key)
	}
}
