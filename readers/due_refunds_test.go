package readers_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/mysql"
	"duly/internal/orders"
	"duly/internal/payment"
	"duly/internal/query"
	"duly/internal/store"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
	"duly/readers"
)

// till is a database with n failed orders, numbered from 1 on, each with a payment of the same number to be given
// back.
func till(t *testing.T, n int) *testdb.DB {
	t.Helper()
	plain := testdb.New(t)
	for range n {
		worktest.Exec(t, plain, `INSERT INTO orders (customer_id, status, amount, currency) VALUES ('c', 'failed', 500, 'KRW')`)
		worktest.Exec(t, plain, `INSERT INTO payments (order_id, gateway, idempotency_key, status, amount, currency)
VALUES (LAST_INSERT_ID(), 'main', CONCAT('ord_', LAST_INSERT_ID(), '-1'), 'refund_due', 500, 'KRW')`)
	}
	return plain
}

func refunds(db *mysql.DB) *readers.DueRefunds {
	return &readers.DueRefunds{DB: db, Unkeyed: func(string) time.Duration { return 0 }, Now: time.Now}
}

// readRefunds reads until the walk is done.
func readRefunds(ctx context.Context, t *testing.T, r *readers.DueRefunds, limit int, skip func(string) bool) []orders.RefundClaim {
	t.Helper()
	var all []orders.RefundClaim
	for {
		page, err := r.Read(ctx, batch.ClaimRequest{Limit: limit, Skip: skip})
		require.NoError(t, err)
		require.LessOrEqual(t, len(page.Items), limit)
		if all = append(all, page.Items...); page.Done {
			return all
		}
	}
}

// claimRefunds is what a run of its own claims.
func claimRefunds(t *testing.T, db *mysql.DB, r *readers.DueRefunds, limit int) []orders.RefundClaim {
	t.Helper()
	var all []orders.RefundClaim
	result := worktest.Run(t, db, func(ctx context.Context, _ *batch.StepExecution) error {
		all = readRefunds(ctx, t, r, limit, func(string) bool { return false })
		return nil
	})
	require.NoError(t, result.Err)
	return all
}

func claimedOrders(items []orders.RefundClaim) []uint64 {
	ids := make([]uint64, len(items))
	for i, item := range items {
		ids[i] = item.ID
	}
	return ids
}

func TestRefundsAreClaimedOnceInAWalk(t *testing.T) {
	t.Parallel()
	plain := till(t, 7)
	db := worktest.Open(t, plain.DSN)
	worktest.Exec(t, plain, `INSERT INTO payments (order_id, gateway, status, amount, currency, transaction_key)
VALUES (2, 'other', 'refund_due', 70, 'USD', 'pay_9'), (2, 'main', 'succeeded', 1, 'KRW', NULL), (99, 'main', 'refund_due', 5, 'KRW', NULL)`)
	worktest.Exec(t, plain, `UPDATE payments SET status = 'refunded' WHERE id = 3`)
	worktest.Exec(t, plain, `UPDATE orders SET failure_reason = 'out of stock' WHERE id = 2`)
	worktest.Exec(t, plain, `INSERT INTO order_checks (order_id, reason, checks) VALUES (4, 'frozen', 3)`)

	items := claimRefunds(t, db, refunds(db), 2)
	require.Equal(t, []uint64{1, 2, 4, 5, 6, 7, 99}, claimedOrders(items), "also a frozen order, and one whose row is gone")
	second := items[1]
	require.Equal(t, orders.Order{
		ID: 2, CustomerID: "c", Status: orders.OrderFailed, Money: payment.Money{Amount: 500, Currency: "KRW"},
		CreatedAt: second.CreatedAt, UpdatedAt: second.UpdatedAt,
	}, second.Order)
	require.False(t, items[0].Kept)
	require.True(t, second.Kept)
	require.Equal(t, "out of stock", second.FailureReason)
	require.Len(t, second.Due, 2, "both payments of an order at once")
	require.Equal(t, orders.Payment{
		ID: 8, OrderID: 2, Gateway: "other", TransactionKey: "pay_9", Status: orders.PaymentRefundDue,
		Money: payment.Money{Amount: 70, Currency: "USD"}, CreatedAt: second.Due[1].CreatedAt, UpdatedAt: second.Due[1].UpdatedAt,
	}, second.Due[1])
	require.Equal(t, "ord_2-1", second.Due[0].Key)
	require.Equal(t, 1, second.Tries)
	require.WithinDuration(t, time.Now(), second.Since, time.Minute)
	require.Equal(t, orders.OrderStatus(""), items[6].Status)
	require.Equal(t, 7, worktest.Get[int](t, plain, `SELECT COUNT(*) FROM order_checks WHERE lease IS NOT NULL AND run_id = 1
AND refund_tries = 1 AND refund_since IS NOT NULL AND refund_next_at IS NULL`))
	require.Equal(t, 3, worktest.Get[int](t, plain, `SELECT checks FROM order_checks WHERE order_id = 4`))
}

// An order is due when its next try is reached, or none was set.
func TestRefundsWaitForTheirNextTry(t *testing.T) {
	t.Parallel()
	plain := till(t, 4)
	db := worktest.Open(t, plain.DSN)
	worktest.Exec(t, plain, `INSERT INTO order_checks (order_id, refund_tries, refund_next_at, refund_since) VALUES
(1, 2, UTC_TIMESTAMP(6) + INTERVAL 1 MINUTE, '2026-01-01'), (2, 2, UTC_TIMESTAMP(6) - INTERVAL 1 SECOND, '2026-01-01'), (3, 0, NULL, NULL)`)
	left, err := query.CountRefunds(t.Context(), db, store.Selection{}, time.Now())
	require.NoError(t, err)
	require.Equal(t, int64(3), left.Due)
	require.Equal(t, int64(1), left.Waiting)
	require.WithinDuration(t, time.Now().Add(time.Minute), left.Next, worktest.Patience)

	items := claimRefunds(t, db, refunds(db), 10)
	require.Equal(t, []uint64{2, 3, 4}, claimedOrders(items))
	require.Equal(t, 3, items[0].Tries)
	require.Equal(t, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), items[0].Since)
}

// Gateways that keep no keys: what was claimed is not due again before the claimant's request can do nothing more,
// even if the claimant is dead.
func TestRefundsWithoutKeysWaitForTheClaimantsRequest(t *testing.T) {
	t.Parallel()
	plain := till(t, 2)
	db := worktest.Open(t, plain.DSN)
	worktest.Exec(t, plain, `UPDATE payments SET gateway = 'bare' WHERE order_id = 2`)
	now := time.Now()
	r := refunds(db)
	r.Now = func() time.Time { return now }
	r.Unkeyed = func(name string) time.Duration { return map[string]time.Duration{"bare": 3 * time.Minute}[name] }
	require.Len(t, claimRefunds(t, db, r, 10), 2)
	worktest.Exec(t, plain, `UPDATE job_runs SET status = 'abandoned'`)
	require.Equal(t, []uint64{1}, claimedOrders(claimRefunds(t, db, &readers.DueRefunds{DB: db, Unkeyed: r.Unkeyed, Now: r.Now}, 10)))
	now = now.Add(3 * time.Minute)
	require.Equal(t, []uint64{1, 2}, claimedOrders(claimRefunds(t, db, &readers.DueRefunds{DB: db, Unkeyed: r.Unkeyed, Now: r.Now}, 10)))
}

// What a living run holds is left to it, whichever step of it; what an ended one held is taken over; one's own
// claims are not taken again.
func TestRefundsOfOtherRuns(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status string
		want   []uint64
	}{
		{"running", nil},
		{"completed", []uint64{1, 2}},
		{"failed", []uint64{1, 2}},
		{"abandoned", []uint64{1, 2}},
	} {
		t.Run(c.status, func(t *testing.T) {
			plain := till(t, 2)
			db := worktest.Open(t, plain.DSN)
			worktest.Run(t, db, func(ctx context.Context, _ *batch.StepExecution) error {
				r := refunds(db)
				open := func(string) bool { return false }
				require.Len(t, readRefunds(ctx, t, r, 10, open), 2)
				require.Empty(t, readRefunds(ctx, t, r, 10, open), "a second walk does not take them again")
				worktest.Exec(t, plain, `UPDATE job_runs SET status = ?`, c.status)
				require.ElementsMatch(t, c.want, claimedOrders(claimRefunds(t, db, refunds(db), 10)))
				worktest.Exec(t, plain, `UPDATE job_runs SET status = 'running' WHERE id = 1`)
				return nil
			})
		})
	}
}

// Payments of a gateway that is left alone stay, and those of others are taken.
func TestRefundsOfSkippedGateways(t *testing.T) {
	t.Parallel()
	plain := till(t, 3)
	db := worktest.Open(t, plain.DSN)
	worktest.Exec(t, plain, `UPDATE payments SET gateway = 'shut' WHERE order_id = 1`)
	worktest.Exec(t, plain, `INSERT INTO payments (order_id, gateway, status, amount, currency) VALUES (2, 'shut', 'refund_due', 1, 'KRW')`)
	worktest.Run(t, db, func(ctx context.Context, _ *batch.StepExecution) error {
		items := readRefunds(ctx, t, refunds(db), 10, func(name string) bool { return name == "shut" })
		require.Equal(t, []uint64{2, 3}, claimedOrders(items))
		require.Len(t, items[0].Due, 1)
		return nil
	})
	require.Equal(t, 0, worktest.Get[int](t, plain, `SELECT COALESCE(MAX(refund_tries), 0) FROM order_checks WHERE order_id = 1`))
}

// The shop's locks hold up no claim, and the claim holds up no shop.
func TestRefundsLockNothingOfTheShops(t *testing.T) {
	t.Parallel()
	plain := till(t, 3)
	db := worktest.Open(t, plain.DSN)
	begin(t, plain, `SELECT p.id FROM payments p JOIN orders o ON o.id = p.order_id FOR UPDATE`)
	require.Len(t, claimRefunds(t, db, refunds(db), 10), 3)
}

func TestRefundsOfASelection(t *testing.T) {
	t.Parallel()
	plain := till(t, 3)
	db := worktest.Open(t, plain.DSN)
	r := refunds(db)
	r.Selection.Orders = []uint64{2, 7}
	require.Equal(t, []uint64{2}, claimedOrders(claimRefunds(t, db, r, 10)))
	left, err := query.CountRefunds(t.Context(), db, r.Selection, time.Now())
	require.NoError(t, err)
	require.Equal(t, int64(1), left.Due)
}

// A claim whose COMMIT took effect though its answer was lost is known to have, and one that did not is made again.
func TestRefundsAfterALostCommit(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(*testdb.Proxy) <-chan struct{}{
		"its answer": (*testdb.Proxy).LoseCommitAnswer, "itself": (*testdb.Proxy).LoseCommit,
	} {
		t.Run(name, func(t *testing.T) {
			plain := till(t, 3)
			proxy := testdb.NewProxy(t, plain.DSN)
			db := worktest.Open(t, proxy.DSN)
			worktest.Run(t, db, func(ctx context.Context, _ *batch.StepExecution) error {
				lost := lose(proxy)
				require.Len(t, readRefunds(ctx, t, refunds(db), 10, func(string) bool { return false }), 3)
				<-lost
				return nil
			})
			require.Equal(t, []int{1}, worktest.List[int](t, plain, `SELECT DISTINCT refund_tries FROM order_checks`))
		})
	}
}
