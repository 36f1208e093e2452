package writers_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/mysql"
	"duly/internal/orders"
	"duly/internal/payment"
	"duly/internal/store"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
	"duly/readers"
	"duly/writers"
)

const (
	keyLife = 24 * time.Hour
	longest = 2 * time.Minute
)

func ordersPolicy() orders.Policy {
	return orders.Policy{OlderThan: 10 * time.Minute, GiveUpAfter: 24 * time.Hour}
}

func orderWriter(db *mysql.DB) *writers.StaleOrders {
	return &writers.StaleOrders{DB: db, Policy: ordersPolicy(), Lock: store.LockOrders, Now: time.Now}
}

// claimOrders takes every order that is due.
func claimOrders(ctx context.Context, t *testing.T, db *mysql.DB) []orders.Claimed {
	t.Helper()
	r := &readers.StaleOrders{DB: db, Policy: ordersPolicy(), Now: time.Now}
	var all []orders.Claimed
	for {
		page, err := r.Read(ctx, batch.ClaimRequest{Limit: 100, Skip: func(string) bool { return false }})
		require.NoError(t, err)
		if all = append(all, page.Items...); page.Done {
			return all
		}
	}
}

// answered is an order of which the gateway has said so of each payment; change, if it is not nil, makes its records
// others.
func answered(item orders.Claimed, status payment.Status, change func(*payment.Payment)) orders.Result {
	r := orders.Result{Claimed: item}
	for _, p := range item.Payments {
		seen := &payment.Payment{
			ID: "pay_" + p.Key, Status: status, Key: p.Key, Reference: item.Reference(), CustomerID: item.CustomerID, Money: p.Money,
		}
		if change != nil {
			change(seen)
		}
		r.Checked = append(r.Checked, orders.Checked{
			Payment: p, Asked: true, Sight: payment.LookupResult{Payment: seen},
			Guarantees: orders.Guarantees{Known: true, KeyLife: keyLife, Longest: longest, FindByKey: true, LookupOutlivesKey: true},
		})
	}
	return r
}

// ordered are n orders of one item each of a product, with one payment.
func ordered(t *testing.T, n int, stock int64) *testdb.DB {
	t.Helper()
	plain := testdb.New(t)
	product := worktest.Stock(t, plain, stock)[0]
	list := make([]worktest.Order, n)
	for i := range list {
		list[i] = worktest.Order{
			Age: time.Hour + time.Duration(n-i)*time.Minute, Items: map[uint64]int64{product: 1}, Payments: []worktest.Payment{{}},
		}
	}
	worktest.Sell(t, plain, list...)
	return plain
}

// orderRows are orders, payments and bookkeeping in words.
func orderRows(t *testing.T, plain *testdb.DB) []string {
	t.Helper()
	return worktest.List[string](t, plain, `SELECT CONCAT_WS(' ', o.status, p.status, COALESCE(p.transaction_key, '-'),
IF(c.lease IS NULL, 'free', 'held'), c.checks, c.reason) FROM orders o JOIN payments p ON p.order_id = o.id JOIN order_checks c ON c.order_id = o.id ORDER BY p.id`)
}

// The oldest get of the stock first, whatever the order of their answers; dates, keys and events are written with it.
func TestOrdersOldestFirst(t *testing.T) {
	t.Parallel()
	plain := ordered(t, 3, 2)
	worktest.Exec(t, plain, `UPDATE products SET low_stock_threshold = 1`)
	db := worktest.Open(t, plain.DSN)
	began := worktest.Get[time.Time](t, plain, `SELECT UTC_TIMESTAMP(6)`)
	worktest.Run(t, db, func(ctx context.Context, _ *batch.StepExecution) error {
		items := claimOrders(ctx, t, db)
		tally, err := orderWriter(db).Write(ctx, []orders.Result{
			answered(items[2], payment.Succeeded, nil), answered(items[0], payment.Succeeded, nil), answered(items[1], payment.Succeeded, nil),
		})
		require.NoError(t, err)
		require.Equal(t, batch.Tally{Succeeded: 2, Declined: 1, Amounts: map[string]int64{"KRW": 2 * 12900}}, tally)
		return nil
	})
	require.Equal(t, []string{
		"completed succeeded pay_ord_1-1 free 0", "completed succeeded pay_ord_2-1 free 0", "failed refund_due pay_ord_3-1 free 0",
	}, orderRows(t, plain))
	require.Equal(t, []int{3}, worktest.List[int](t, plain, `SELECT COUNT(*) FROM orders WHERE COALESCE(completed_at, failed_at) >= ?`, began.Add(-time.Second)))
	require.Equal(t, []string{"order.completed", "order.completed", "order.failed", "stock.low"}, worktest.List[string](t, plain, `SELECT type FROM events ORDER BY type`))
	require.Zero(t, worktest.Get[int64](t, plain, `SELECT stock FROM products`))
}

// What was refunded by hand is written with its amount; a late success loses the reason that it was given up for.
func TestOrdersWriteWhatTheGatewaySays(t *testing.T) {
	t.Parallel()
	plain := ordered(t, 2, 5)
	worktest.Exec(t, plain, `UPDATE payments SET status = 'failed', failure_code = 'request_failed', failure_reason = 'why', updated_at = updated_at WHERE id = 2`)
	db := worktest.Open(t, plain.DSN)
	worktest.Run(t, db, func(ctx context.Context, _ *batch.StepExecution) error {
		items := claimOrders(ctx, t, db)
		_, err := orderWriter(db).Write(ctx, []orders.Result{
			answered(items[0], payment.Succeeded, func(p *payment.Payment) { p.Refunded = p.Money.Amount }),
			answered(items[1], payment.Succeeded, nil),
		})
		require.NoError(t, err)
		return nil
	})
	require.Equal(t, []string{"failed refunded pay_ord_1-1 free 0", "completed succeeded pay_ord_2-1 free 0"}, orderRows(t, plain))
	require.Equal(t, 1, worktest.Get[int](t, plain, `SELECT COUNT(*) FROM payments WHERE id = 1 AND refunded_amount = 12900 AND refunded_at IS NOT NULL`))
	require.Equal(t, 1, worktest.Get[int](t, plain, `SELECT COUNT(*) FROM payments WHERE id = 2 AND failure_code IS NULL AND failure_reason IS NULL`))
}

// Who lost the lease of an order, or of the run, writes nothing.
func TestOrdersWithoutTheirLease(t *testing.T) {
	t.Parallel()
	plain := ordered(t, 2, 5)
	db := worktest.Open(t, plain.DSN)
	worktest.Run(t, db, func(ctx context.Context, _ *batch.StepExecution) error {
		items := claimOrders(ctx, t, db)
		worktest.Exec(t, plain, `UPDATE order_checks SET lease = UNHEX(REPEAT('ab', 16)) WHERE order_id = 1`)
		results := []orders.Result{answered(items[0], payment.Succeeded, nil), answered(items[1], payment.Succeeded, nil)}
		tally, err := orderWriter(db).Write(ctx, results)
		require.NoError(t, err)
		require.Equal(t, batch.Tally{Succeeded: 1, Released: 1, Amounts: map[string]int64{"KRW": 12900}}, tally)
		require.Equal(t, []string{"payment_in_progress pending - held 1", "completed succeeded pay_ord_2-1 free 0"}, orderRows(t, plain))
		require.EqualValues(t, 4, worktest.Get[int64](t, plain, `SELECT stock FROM products`))

		_, err = orderWriter(db).Reject(ctx, results[0], errors.New("why"))
		require.NoError(t, err)
		require.Equal(t, "payment_in_progress pending - held 1", orderRows(t, plain)[0])

		worktest.Exec(t, plain, `UPDATE order_checks SET lease = ? WHERE order_id = 1`, items[0].Lease[:])
		worktest.Exec(t, plain, `UPDATE job_runs SET status = 'abandoned'`)
		_, err = orderWriter(db).Write(ctx, results[:1])
		require.ErrorIs(t, err, batch.ErrLeaseLost)
		_, err = orderWriter(db).Reject(ctx, results[0], errors.New("why"))
		require.ErrorIs(t, err, batch.ErrLeaseLost)
		require.Equal(t, "payment_in_progress pending - held 1", orderRows(t, plain)[0])
		return nil
	})
}

// A settlement that was lost on its way is made again; one of which only the answer was lost is counted, and takes no
// stock twice.
func TestOrdersAfterALostCommit(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(*testdb.Proxy) <-chan struct{}{
		"its answer": (*testdb.Proxy).LoseCommitAnswer, "itself": (*testdb.Proxy).LoseCommit,
	} {
		t.Run(name, func(t *testing.T) {
			plain := ordered(t, 3, 5)
			proxy := testdb.NewProxy(t, plain.DSN)
			db := worktest.Open(t, proxy.DSN)
			worktest.Run(t, db, func(ctx context.Context, _ *batch.StepExecution) error {
				items := claimOrders(ctx, t, db)
				results := []orders.Result{
					answered(items[0], payment.Succeeded, nil), answered(items[1], payment.Declined, nil), {Claimed: items[2], Left: "stopped"},
				}
				w := orderWriter(db)
				lost := lose(proxy)
				_, err := w.Write(ctx, results)
				require.ErrorIs(t, err, mysql.ErrCommitUnknown)
				<-lost
				worktest.Free(t, plain, "orders", "payments", "order_checks") // until then the repeated write passes them over
				tally, err := w.Write(ctx, results)
				require.NoError(t, err)
				require.Equal(t, batch.Tally{Succeeded: 1, Declined: 1, Released: 1, Amounts: map[string]int64{"KRW": 12900}}, tally)
				tally, err = w.Write(ctx, results)
				require.NoError(t, err)
				require.Equal(t, batch.Tally{Released: 3}, tally, "nothing is theirs any more")
				return nil
			})
			require.Equal(t, []string{
				"completed succeeded pay_ord_1-1 free 0", "failed failed pay_ord_2-1 free 0", "payment_in_progress pending - free 0",
			}, orderRows(t, plain))
			require.EqualValues(t, 4, worktest.Get[int64](t, plain, `SELECT stock FROM products`))
			require.Equal(t, 2, worktest.Get[int](t, plain, `SELECT COUNT(*) FROM events`))
		})
	}
}

// An order whose settlement fails for a reason of its own is frozen, and nothing else of it changes.
func TestOrdersReject(t *testing.T) {
	t.Parallel()
	plain := ordered(t, 1, 5)
	db := worktest.Open(t, plain.DSN)
	worktest.Run(t, db, func(ctx context.Context, _ *batch.StepExecution) error {
		r := answered(claimOrders(ctx, t, db)[0], payment.Succeeded, nil)
		tally, err := orderWriter(db).Reject(ctx, r, errors.New("too wide"))
		require.NoError(t, err)
		require.Equal(t, batch.Tally{Review: 1}, tally)
		return orderWriter(db).Keep(ctx, []orders.Result{r})
	})
	require.Equal(t, []string{"payment_in_progress pending - free 0 what became of it could not be written: too wide"}, orderRows(t, plain))
	require.Equal(t, []string{"review.needed"}, worktest.List[string](t, plain, `SELECT type FROM events`))
}

// Two settlements at once of orders of the same products, in every order, never wait for each other in a circle, and
// take the stock once each.
func TestOrdersOfTheSameProductsAtOnce(t *testing.T) {
	t.Parallel()
	const n = 16
	plain := testdb.New(t)
	products := worktest.Stock(t, plain, n, n, n)
	list := make([]worktest.Order, n)
	for i := range list {
		list[i] = worktest.Order{
			Items: map[uint64]int64{products[i%3]: 1, products[(i+1)%3]: 1}, Payments: []worktest.Payment{{}},
		}
	}
	worktest.Sell(t, plain, list...)
	db := worktest.Open(t, plain.DSN)
	worktest.Run(t, db, func(ctx context.Context, _ *batch.StepExecution) error {
		items := claimOrders(ctx, t, db)
		failed := make(chan error, n)
		for i := range items {
			go func() {
				_, err := orderWriter(db).Write(ctx, []orders.Result{answered(items[i], payment.Succeeded, nil)})
				failed <- err
			}()
		}
		for range items {
			require.NoError(t, <-failed)
		}
		return nil
	})
	require.EqualValues(t, 3*n-2*n, worktest.Get[int64](t, plain, `SELECT SUM(stock) FROM products`))
	require.Equal(t, n, worktest.Get[int](t, plain, `SELECT COUNT(*) FROM orders WHERE status = 'completed'`))
}
