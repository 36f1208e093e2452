package readers_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
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

const olderThan = 10 * time.Minute

func stale(db *mysql.DB) *readers.StaleOrders {
	return &readers.StaleOrders{DB: db, Policy: orders.Policy{OlderThan: olderThan, GiveUpAfter: 24 * time.Hour}, Now: time.Now}
}

func noneSkipped(string) bool { return false }

// readOrders reads until the walk is done.
func readOrders(ctx context.Context, t *testing.T, r *readers.StaleOrders, limit int, skip func(string) bool) []orders.Claimed {
	t.Helper()
	var all []orders.Claimed
	for {
		page, err := r.Read(ctx, batch.ClaimRequest{Limit: limit, Skip: skip})
		require.NoError(t, err)
		require.LessOrEqual(t, len(page.Items), limit)
		if all = append(all, page.Items...); page.Done {
			return all
		}
	}
}

// claimOrders is what a run of its own claims.
func claimOrders(t *testing.T, db *mysql.DB, r *readers.StaleOrders, limit int) ([]orders.Claimed, batch.Result) {
	t.Helper()
	var all []orders.Claimed
	result := worktest.Run(t, db, func(ctx context.Context, _ *batch.StepExecution) error {
		all = readOrders(ctx, t, r, limit, noneSkipped)
		return nil
	})
	return all, result
}

func orderIDs(items []orders.Claimed) []uint64 {
	ids := make([]uint64, len(items))
	for i, item := range items {
		ids[i] = item.ID
	}
	return ids
}

// remaining is what is still to be checked.
func remaining(t *testing.T, db *mysql.DB, run uint64) query.OrdersLeft {
	t.Helper()
	n, err := query.CountOrders(t.Context(), db, store.Selection{}, stale(db).Policy, time.Now(), run, nil)
	require.NoError(t, err)
	held := int64(0)
	for _, of := range n.Holders {
		held += of
	}
	require.Equal(t, n.InFlight, held, "the holder of each claim is known")
	n.Holders = nil
	return n
}

// Every order that is due is found, once, whichever index it is found in; and none that is not.
func TestWhichOrdersAreDue(t *testing.T) {
	t.Parallel()
	const checked = `INSERT INTO order_checks (order_id, checks, next_check_at, checked_at, reason) VALUES `
	young := olderThan - time.Minute
	for _, c := range []struct {
		name  string
		order worktest.Order
		check string // of the order's row of bookkeeping; none
		due   bool
	}{
		{"pending", worktest.Order{Status: "pending"}, "", true},
		{"in progress", worktest.Order{}, "", true},
		{"too young", worktest.Order{Age: young}, "", false},
		{"with a payment that is too young", worktest.Order{Payments: []worktest.Payment{{Age: young}}}, "", false},
		{"completed", worktest.Order{Status: "completed", Payments: []worktest.Payment{{Status: "succeeded"}}}, "", false},
		{"completed, and a payment is pending", worktest.Order{Status: "completed", Payments: []worktest.Payment{{Status: "succeeded"}, {}}}, "", true},
		{"the shop's own, and two payments are pending", worktest.Order{Status: "shipped", Payments: []worktest.Payment{{}, {}}}, "", true},
		{"failed without a word", worktest.Order{Status: "failed", Payments: []worktest.Payment{{Status: "failed"}}}, "", true},
		{"failed as never arrived", worktest.Order{Status: "failed", Payments: []worktest.Payment{{Status: "failed", Code: "request_failed"}}}, "", true},
		{"failed by the gateway's word", worktest.Order{Status: "failed", Payments: []worktest.Payment{{Status: "failed", Code: "insufficient_funds"}}}, "", false},
		{"to be refunded", worktest.Order{Status: "failed", Payments: []worktest.Payment{{Status: "refund_due"}}}, "", false},
		{"to be checked again later", worktest.Order{Payments: []worktest.Payment{{}}}, "1, UTC_TIMESTAMP(6) + INTERVAL 1 MINUTE, UTC_TIMESTAMP(6), NULL", false},
		{"to be checked again now", worktest.Order{Payments: []worktest.Payment{{}}}, "1, UTC_TIMESTAMP(6) - INTERVAL 1 SECOND, '2026-01-01', NULL", true},
		{"to be checked again now, and settled by the shop", worktest.Order{Status: "completed"}, "1, UTC_TIMESTAMP(6) - INTERVAL 1 SECOND, '2026-01-01', NULL", true},
		{"frozen", worktest.Order{Payments: []worktest.Payment{{}}}, "1, NULL, UTC_TIMESTAMP(6), 'why'", false},
		{"frozen and to be checked again", worktest.Order{}, "1, '2026-01-01', UTC_TIMESTAMP(6), 'why'", false},
		{"released", worktest.Order{Payments: []worktest.Payment{{}}}, "0, NULL, NULL, NULL", true},
		{"open again after it was settled", worktest.Order{Payments: []worktest.Payment{{}}}, "0, NULL, UTC_TIMESTAMP(6), NULL", true},
		{"paid anew after it was settled", worktest.Order{Status: "failed", Payments: []worktest.Payment{{Status: "failed", Code: "request_failed"}, {}}}, "0, NULL, UTC_TIMESTAMP(6), NULL", true},
		{"failed, and asked about for the last time", worktest.Order{Status: "failed", Payments: []worktest.Payment{{Status: "failed"}}}, "0, NULL, UTC_TIMESTAMP(6), NULL", false},
		{"failed after the last time", worktest.Order{Status: "failed", Payments: []worktest.Payment{{Status: "failed"}}}, "0, NULL, UTC_TIMESTAMP(6) - INTERVAL 2 HOUR, NULL", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			plain := testdb.New(t)
			db := worktest.Open(t, plain.DSN)
			worktest.Sell(t, plain, c.order)
			if c.check != "" {
				worktest.Exec(t, plain, checked+"(1, "+c.check+")")
			}
			want := query.OrdersLeft{}
			if c.due {
				want.Due = 1
			}
			got := remaining(t, db, 0)
			got.InDoubt, got.Next = 0, time.Time{}
			require.Equal(t, want, got)
			items, result := claimOrders(t, db, stale(db), 10)
			require.NoError(t, result.Err)
			require.Len(t, items, int(want.Due))
		})
	}
}

// A claim holds everything that the rules read, and the lease is in the table when it is returned.
func TestAClaimedOrder(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	db := worktest.Open(t, plain.DSN)
	worktest.Sell(t, plain, worktest.Order{
		Customer: "kim", Amount: 700, Items: map[uint64]int64{9: 1, 3: 2},
		Payments: []worktest.Payment{{Status: "failed", Code: "request_failed", Amount: 5}, {Gateway: "other", Key: worktest.NoKey, TransactionKey: "pay_9"}},
	})
	worktest.Exec(t, plain, `UPDATE payments SET refunded_amount = 3, updated_at = updated_at WHERE id = 1`)
	items, result := claimOrders(t, db, stale(db), 10)
	require.NoError(t, result.Err)
	require.Len(t, items, 1)
	got := items[0]
	require.WithinDuration(t, time.Now().Add(-time.Hour), got.CreatedAt, time.Minute)
	require.WithinDuration(t, time.Now().Add(-time.Hour), got.UpdatedAt, time.Minute)
	require.WithinDuration(t, time.Now(), got.At, time.Minute)
	krw := func(n int64) payment.Money { return payment.Money{Amount: n, Currency: "KRW"} }
	require.Equal(t, orders.Claimed{
		Order: orders.Order{
			ID: 1, CustomerID: "kim", Status: orders.OrderInProgress, Money: krw(700), Items: []orders.Item{{ProductID: 3, Quantity: 2}, {ProductID: 9, Quantity: 1}},
			CreatedAt: got.CreatedAt, UpdatedAt: got.UpdatedAt,
		},
		Payments: []orders.Payment{
			{
				ID: 1, OrderID: 1, Gateway: "main", Key: "ord_1-1", Status: orders.PaymentFailed, Money: krw(5), FailureCode: "request_failed", Refunded: 3,
				CreatedAt: got.Payments[0].CreatedAt, UpdatedAt: got.Payments[0].UpdatedAt,
			},
			{
				ID: 2, OrderID: 1, Gateway: "other", TransactionKey: "pay_9", Status: orders.PaymentPending, Money: krw(700),
				CreatedAt: got.Payments[1].CreatedAt, UpdatedAt: got.Payments[1].UpdatedAt,
			},
		},
		Lease: got.Lease, Checks: 1, At: got.At,
	}, got)
	require.Equal(t, 1, worktest.Get[int](t, plain, `SELECT COUNT(*) FROM order_checks WHERE lease = ? AND run_id = 1 AND checks = 1`, got.Lease[:]))
}

// A backlog of many pages is walked through once, the oldest first.
func TestABacklogOfOrders(t *testing.T) {
	t.Parallel()
	const n = 2_300
	plain := testdb.New(t)
	db := worktest.Open(t, plain.DSN)
	list := make([]worktest.Order, n)
	for i := range list {
		list[i] = worktest.Order{Age: 2*time.Hour - time.Duration(i)*time.Second, Payments: []worktest.Payment{{}, {Status: "failed"}}}
	}
	worktest.Sell(t, plain, list...)
	require.EqualValues(t, n, remaining(t, db, 0).Due)
	items, result := claimOrders(t, db, stale(db), 300)
	require.NoError(t, result.Err)
	require.Equal(t, upTo(n), orderIDs(items))
	require.Zero(t, remaining(t, db, 1).InFlight, "the run has ended")
}

// What a living run holds is left to it; what an ended one held is taken over; one's own claims are not taken again.
func TestOrdersOfOtherRuns(t *testing.T) {
	t.Parallel()
	for status, want := range map[string]query.OrdersLeft{
		"running": {InFlight: 2}, "completed": {Due: 2}, "failed": {Due: 2}, "stopped": {Due: 2}, "abandoned": {Due: 2},
	} {
		t.Run(status, func(t *testing.T) {
			t.Parallel()
			plain := testdb.New(t)
			db := worktest.Open(t, plain.DSN)
			worktest.Sell(t, plain, worktest.Order{}, worktest.Order{})
			worktest.Run(t, db, func(ctx context.Context, _ *batch.StepExecution) error {
				r := stale(db)
				require.Len(t, readOrders(ctx, t, r, 10, noneSkipped), 2)
				require.Empty(t, readOrders(ctx, t, r, 10, noneSkipped), "a second walk does not take them again")
				require.Equal(t, query.OrdersLeft{Due: 2}, remaining(t, db, 1), "its own are not in flight elsewhere")
				worktest.Exec(t, plain, `UPDATE job_runs SET status = ?`, status)
				require.Equal(t, want, remaining(t, db, 2))
				items, _ := claimOrders(t, db, stale(db), 10)
				require.Len(t, items, int(want.Due))
				for _, item := range items {
					require.Equal(t, 2, item.Checks)
				}
				worktest.Exec(t, plain, `UPDATE job_runs SET status = 'running' WHERE id = 1`)
				return nil
			})
		})
	}
}

// What an earlier step of the same run left under a lease is taken over: nothing of it is under way any more.
func TestOrdersLeftByTheSameRun(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	db := worktest.Open(t, plain.DSN)
	worktest.Sell(t, plain, worktest.Order{})
	worktest.Run(t, db, func(ctx context.Context, _ *batch.StepExecution) error {
		require.Len(t, readOrders(ctx, t, stale(db), 10, noneSkipped), 1)
		require.Len(t, readOrders(ctx, t, stale(db), 10, noneSkipped), 1)
		return nil
	})
}

// Two workers at once take each order once between them.
func TestTwoClaimsOfTheSameOrders(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	worktest.Sell(t, plain, make([]worktest.Order, 500)...)
	seen := make(chan []uint64, 2)
	var claiming sync.WaitGroup // what a run that has ended holds may be taken over
	claiming.Add(2)
	for range 2 {
		db := worktest.Open(t, plain.DSN)
		go func() {
			var ids []uint64
			worktest.Run(t, db, func(ctx context.Context, _ *batch.StepExecution) error {
				defer claiming.Wait()
				defer claiming.Done()
				r := stale(db)
				for {
					page, err := r.Read(ctx, batch.ClaimRequest{Limit: 7, Skip: noneSkipped})
					if ids = append(ids, orderIDs(page.Items)...); err != nil || page.Done {
						return err
					}
				}
			})
			seen <- ids
		}()
	}
	require.ElementsMatch(t, upTo(500), append(<-seen, <-seen...))
}

// Orders whose first question goes to a gateway that is skipped stay unclaimed.
func TestOrdersOfSkippedGateways(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	db := worktest.Open(t, plain.DSN)
	shut := worktest.Payment{Gateway: "shut"}
	answered := worktest.Payment{Gateway: "shut", Status: "failed", Code: "declined"}
	worktest.Sell(t, plain, worktest.Order{Payments: []worktest.Payment{shut}}, worktest.Order{Payments: []worktest.Payment{answered, {}}}, worktest.Order{})
	worktest.Run(t, db, func(ctx context.Context, _ *batch.StepExecution) error {
		r := stale(db)
		require.Equal(t, []uint64{2, 3}, orderIDs(readOrders(ctx, t, r, 10, func(name string) bool { return name == "shut" })))
		require.Equal(t, []uint64{1}, orderIDs(readOrders(ctx, t, r, 10, noneSkipped)), "it is taken when its gateway is open")
		return nil
	})
}

// The shop's locks hold up no claim, and the claim holds up no shop.
func TestOrdersLockNothingOfTheShops(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	db := worktest.Open(t, plain.DSN)
	worktest.Sell(t, plain, worktest.Order{Payments: []worktest.Payment{{}}}, worktest.Order{Payments: []worktest.Payment{{}}})
	begin(t, plain, `SELECT p.id FROM payments p JOIN orders o ON o.id = p.order_id FOR UPDATE`)
	items, result := claimOrders(t, db, stale(db), 10)
	require.NoError(t, result.Err)
	require.Len(t, items, 2)
}

// Rows of bookkeeping that somebody holds are passed over.
func TestAnOrderThatAnotherClaimHolds(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	db := worktest.Open(t, plain.DSN)
	worktest.Sell(t, plain, worktest.Order{}, worktest.Order{})
	worktest.Exec(t, plain, `INSERT INTO order_checks (order_id) VALUES (1)`)
	begin(t, plain, `SELECT * FROM order_checks WHERE order_id = 1 FOR UPDATE`)
	items, result := claimOrders(t, db, stale(db), 10)
	require.NoError(t, result.Err)
	require.Equal(t, []uint64{2}, orderIDs(items))
}

func TestOrdersOfASelection(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	db := worktest.Open(t, plain.DSN)
	worktest.Sell(t, plain, worktest.Order{}, worktest.Order{}, worktest.Order{Status: "completed"})
	selection := store.Selection{Orders: []uint64{3, 2, 7, 2}}
	missing, err := query.MissingOrders(t.Context(), db, selection)
	require.NoError(t, err)
	require.Equal(t, []uint64{7}, missing)
	r := stale(db)
	r.Selection = selection
	items, result := claimOrders(t, db, r, 10)
	require.NoError(t, result.Err)
	require.Equal(t, []uint64{2}, orderIDs(items))
}

// A claim whose COMMIT took effect though its answer was lost is known to have, and one that did not is made again.
func TestOrdersAfterALostCommit(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(*testdb.Proxy) <-chan struct{}{
		"its answer": (*testdb.Proxy).LoseCommitAnswer, "itself": (*testdb.Proxy).LoseCommit,
	} {
		t.Run(name, func(t *testing.T) {
			plain := testdb.New(t)
			worktest.Sell(t, plain, make([]worktest.Order, 3)...)
			proxy := testdb.NewProxy(t, plain.DSN)
			db := worktest.Open(t, proxy.DSN)
			worktest.Run(t, db, func(ctx context.Context, _ *batch.StepExecution) error {
				lost := lose(proxy)
				require.Equal(t, upTo(3), orderIDs(readOrders(ctx, t, stale(db), 10, noneSkipped)))
				<-lost
				return nil
			})
			require.Equal(t, []int{1}, worktest.List[int](t, plain, `SELECT DISTINCT checks FROM order_checks`))
		})
	}
}

// An order that cannot be claimed by itself is passed over, and fails the step in the end.
func TestAnOrderThatCannotBeClaimed(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	db := worktest.Open(t, plain.DSN)
	worktest.Sell(t, plain, make([]worktest.Order, 5)...)
	worktest.Exec(t, plain, `CREATE TRIGGER poison BEFORE UPDATE ON order_checks FOR EACH ROW
IF NEW.order_id = 2 THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'poison'; END IF`)
	items, result := claimOrders(t, db, stale(db), 10)
	require.Equal(t, []uint64{1, 3, 4, 5}, orderIDs(items))
	require.ErrorContains(t, result.Err, "order 2 cannot be claimed")
}

// Orders that are not decided are in doubt; a second look at what was given up is not.
func TestOrdersInDoubt(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	db := worktest.Open(t, plain.DSN)
	worktest.Sell(t, plain,
		worktest.Order{Payments: []worktest.Payment{{}}},
		worktest.Order{Status: "completed", Payments: []worktest.Payment{{}}},
		worktest.Order{Status: "failed", Payments: []worktest.Payment{{Status: "failed", Code: "request_failed"}}},
		worktest.Order{Payments: []worktest.Payment{{}}},
	)
	worktest.Exec(t, plain, `INSERT INTO order_checks (order_id, next_check_at, reason) SELECT id, UTC_TIMESTAMP(6) + INTERVAL id MINUTE, IF(id = 4, 'why', NULL) FROM orders`)
	got := remaining(t, db, 0)
	require.EqualValues(t, 2, got.InDoubt)
	require.Zero(t, got.Due)
	require.WithinDuration(t, time.Now().Add(time.Minute), got.Next, 50*time.Second)
}

// LockOrders reads what is there and leaves out what somebody holds.
func TestLockOrders(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	db := worktest.Open(t, plain.DSN)
	one := []worktest.Payment{{}}
	worktest.Sell(t, plain, worktest.Order{Payments: one}, worktest.Order{Payments: one}, worktest.Order{Payments: one}, worktest.Order{Payments: one}, worktest.Order{})
	items, _ := claimOrders(t, db, stale(db), 10)
	require.Len(t, items, 5)
	begin(t, plain, `SELECT id FROM orders WHERE id = 1 FOR UPDATE`)
	begin(t, plain, `SELECT id FROM payments WHERE order_id = 2 FOR UPDATE`)
	worktest.Exec(t, plain, `DELETE FROM orders WHERE id = 3`)
	worktest.Exec(t, plain, `INSERT INTO payments (order_id, gateway, status, amount, currency) VALUES (4, 'main', 'pending', 1, 'KRW')`)
	err := mysql.Tx(t.Context(), db, "reconcile", func(tx *sqlx.Tx) error {
		found, err := store.LockOrders(t.Context(), tx, items)
		require.NoError(t, err)
		require.NotContains(t, found, uint64(1))
		require.NotContains(t, found, uint64(2))
		require.Equal(t, orders.OrderStatus(""), found[3].Status, "it is gone")
		require.Len(t, found[4].Payments, 2, "with what the shop has added")
		require.Equal(t, items[4].Order, found[5].Order)
		_, err = plain.ExecContext(t.Context(), `SELECT id FROM orders WHERE id = 5 FOR UPDATE NOWAIT`)
		require.Error(t, err, "it is locked")
		return nil
	})
	require.NoError(t, err)
}

// The forecast of what a run would check.
func TestPeekOrders(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	db := worktest.Open(t, plain.DSN)
	worktest.Sell(t, plain, worktest.Order{Payments: []worktest.Payment{{}}}, worktest.Order{Status: "completed"}, worktest.Order{})
	var seen []uint64
	each := func(c orders.Claimed, _ bool) bool { seen = append(seen, c.ID); return len(seen) < 3 }
	require.NoError(t, query.Preview{DB: db, Size: 10}.Orders(t.Context(), stale(db).Policy, time.Now(), each))
	require.Equal(t, []uint64{1, 3}, seen)
	require.Zero(t, worktest.Get[int](t, plain, `SELECT COUNT(*) FROM order_checks`))
}
