package jobs_test

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/gateway/httpapi"
	"duly/internal/gateway/simulator"
	"duly/internal/payment"
	"duly/internal/test/worktest"
	"duly/jobs"
)

// before makes gateway main call a function before it answers.
func (m *market) before(do func(r *http.Request)) {
	m.t.Helper()
	sim := m.sims["main"]
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		do(r)
		sim.ServeHTTP(w, r)
	}))
	m.t.Cleanup(server.Close)
	m.urls["main"] = server.URL
}

// paid is n orders that were paid, of one item each.
func (m *market) paid(n int, product uint64) []uint64 {
	m.t.Helper()
	list := make([]worktest.Order, n)
	for i := range list { // the first is the oldest
		list[i] = worktest.Order{
			Age: time.Hour + time.Duration(n-i)*time.Second, Payments: []worktest.Payment{{}}, Items: map[uint64]int64{product: 1},
		}
	}
	ids := m.sell(list...)
	for _, id := range ids {
		m.took(id, 1, nil)
	}
	return ids
}

// A customer who began to pay 9 minutes and 59 seconds ago is left alone, however old the order.
func TestAnOrderThatIsBeingPaidIsLeftAlone(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	const almost = 10*time.Minute - time.Second
	ids := m.sell(
		worktest.Order{Age: 9 * time.Hour, Payments: []worktest.Payment{{Age: almost}}},
		worktest.Order{Age: almost},
		worktest.Order{Age: 9 * time.Hour, Payments: []worktest.Payment{{Status: "failed", Code: "request_failed", Age: almost}, {Status: "failed"}}},
	)
	m.took(ids[0], 1, nil)
	result := m.run()
	require.Equal(t, batch.Tally{}, result.Tally)
	require.Equal(t, batch.ExitDone, result.Exit)
	require.Zero(t, m.sims["main"].Stats().Requests["findPaymentByKey"])
	m.pass(2 * time.Second)
	require.EqualValues(t, 3, m.run().Tally.Read)
	require.Equal(t, "completed | succeeded", m.order(ids[0]))
}

// What the shop changes between the claim and the settlement stays as the shop has it.
func TestTheShopChangesAnOrderThatIsBeingChecked(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, change, want string }{
		{"completes it", `UPDATE orders SET status = 'completed' WHERE id = 1`, "completed | pending"},
		{"cancels it", `UPDATE orders SET status = 'cancelled' WHERE id = 1`, "cancelled | pending"},
		{"settles the payment", `UPDATE payments SET status = 'succeeded' WHERE order_id = 1`, "payment_in_progress | succeeded"},
		{"lets the customer pay again", `INSERT INTO payments (order_id, gateway, status, amount, currency) VALUES (1, 'main', 'pending', 12900, 'KRW')`, "payment_in_progress | pending | pending"},
		{"changes what was ordered", `UPDATE order_items SET quantity = 2 WHERE order_id = 1`, "payment_in_progress | pending"},
		{"changes the amount", `UPDATE orders SET amount = 1 WHERE id = 1`, "payment_in_progress | pending"},
		{"deletes the payment", `DELETE FROM payments WHERE order_id = 1`, "payment_in_progress"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := newMarket(t)
			product := worktest.Stock(t, m.plain, 5)[0]
			m.paid(1, product)
			m.before(func(*http.Request) { worktest.Exec(t, m.plain, c.change) })
			result := m.run()
			require.NoError(t, result.Err)
			require.EqualValues(t, 1, result.Tally.Released)
			require.Equal(t, c.want, m.order(1))
			require.Equal(t, "free 0", m.check(1), "as if it had not been claimed")
			require.EqualValues(t, 5, m.stock(product))
			require.Empty(t, m.events("order:1"))
		})
	}
}

// An order or a payment that the shop holds at the moment is left to it, and costs the others nothing.
func TestTheShopHoldsAnOrder(t *testing.T) {
	t.Parallel()
	for _, hold := range []string{`SELECT id FROM orders WHERE id = 2 FOR UPDATE`, `SELECT id FROM payments WHERE order_id = 2 FOR UPDATE`} {
		t.Run(hold, func(t *testing.T) {
			m := newMarket(t)
			product := worktest.Stock(t, m.plain, 5)[0]
			m.paid(3, product)
			tx, err := m.plain.BeginTxx(t.Context(), nil)
			require.NoError(t, err)
			defer func() { _ = tx.Rollback() }()
			_, err = tx.ExecContext(t.Context(), hold)
			require.NoError(t, err)

			result := m.run()
			require.NoError(t, result.Err)
			require.Equal(t, batch.ExitUnfinished, result.Exit)
			require.Equal(t, []string{"1 order due and not settled"}, result.Left)
			require.EqualValues(t, 2, result.Tally.Succeeded)
			require.Equal(t, "payment_in_progress | pending", m.order(2))
			require.EqualValues(t, 3, m.stock(product))

			require.NoError(t, tx.Rollback())
			require.Equal(t, batch.ExitDone, m.run().Exit)
			require.Equal(t, "completed | succeeded", m.order(2))
			require.EqualValues(t, 2, m.stock(product))
		})
	}
}

// A product that the shop holds is waited for, and what stays locked is left for the next run.
func TestTheShopHoldsAProduct(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	products := worktest.Stock(t, m.plain, 5, 5)
	m.paid(1, products[0])
	m.paid(2, products[1])
	tx, err := m.plain.BeginTxx(t.Context(), nil)
	require.NoError(t, err)
	defer func() { _ = tx.Rollback() }()
	_, err = tx.ExecContext(t.Context(), `SELECT id FROM products WHERE id = ? FOR UPDATE`, products[0])
	require.NoError(t, err)
	result := m.run()
	require.NoError(t, result.Err)
	require.Equal(t, batch.ExitUnfinished, result.Exit)
	require.Contains(t, result.Left, "a row stayed locked by another transaction")
	require.Equal(t, []string{"payment_in_progress | pending", "completed | succeeded", "completed | succeeded"}, []string{m.order(1), m.order(2), m.order(3)})
	require.NoError(t, tx.Rollback())
	require.Equal(t, batch.ExitDone, m.run().Exit)
	require.Equal(t, "completed | succeeded", m.order(1))
}

// Whole orders get of the stock, the oldest first; one that does not get all that it needs takes nothing.
func TestWholeOrdersOldestFirst(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	p := worktest.Stock(t, m.plain, 3, 2, 10)
	var list []worktest.Order
	for i, items := range []map[uint64]int64{
		{p[0]: 2, p[1]: 1}, {p[0]: 2}, {p[0]: 1, p[2]: 10}, {p[1]: 1, p[2]: 1}, {p[1]: 1},
	} {
		list = append(list, worktest.Order{Age: time.Duration(9-i) * time.Hour, Items: items, Payments: []worktest.Payment{{}}})
	}
	for _, id := range m.sell(list...) {
		m.took(id, 1, nil)
	}
	worktest.Exec(t, m.plain, `UPDATE products SET low_stock_threshold = 1`)
	require.Equal(t, batch.ExitDone, m.run().Exit)
	require.Equal(t, []string{"completed", "failed", "completed", "failed", "completed"}, worktest.List[string](t, m.plain, `SELECT status FROM orders ORDER BY id`))
	require.Equal(t, []int64{0, 0, 0}, worktest.List[int64](t, m.plain, `SELECT stock FROM products ORDER BY id`))
	require.Equal(t, []string{"product:1", "product:2", "product:3"}, worktest.List[string](t, m.plain, `SELECT subject FROM events WHERE type = 'stock.low' ORDER BY subject`))
}

// Ten thousand stale orders of one product with stock for six thousand.
func TestAHotProduct(t *testing.T) {
	t.Parallel()
	all := worktest.Volume(2_500, 10_000)
	stock := all * 3 / 5
	m := newMarket(t)
	product := worktest.Stock(t, m.plain, int64(stock))[0]
	m.paid(all, product)
	result := m.run()
	require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
	require.Equal(t, batch.Tally{
		Read: int64(all), Succeeded: int64(stock), Declined: int64(all - stock), Amounts: map[string]int64{"KRW": int64(stock) * 12900},
	}, result.Tally)
	require.Zero(t, m.stock(product))
	require.EqualValues(t, stock, worktest.Get[int](t, m.plain, `SELECT COUNT(*) FROM orders o JOIN payments p ON p.order_id = o.id WHERE o.status = 'completed' AND p.status = 'succeeded'`))
	require.EqualValues(t, all-stock, worktest.Get[int](t, m.plain, `SELECT COUNT(*) FROM orders o JOIN payments p ON p.order_id = o.id WHERE o.failure_reason = 'out of stock' AND p.status = 'refund_due'`))
	// The oldest first, but for orders that were asked about at the same time.
	require.Less(t, worktest.Get[int](t, m.plain, `SELECT MAX(id) FROM orders WHERE status = 'completed'`), stock+200)
}

// Two workers at once: each order is settled by one of them, and takes its stock once.
func TestTwoWorkersOnTheSameOrders(t *testing.T) {
	t.Parallel()
	const all, stock = 2_000, 1_500
	m := newMarket(t)
	product := worktest.Stock(t, m.plain, stock)[0]
	m.paid(all, product)
	var results [2]batch.Result
	var workers sync.WaitGroup
	for i := range results {
		workers.Go(func() { results[i] = m.run() })
	}
	workers.Wait()
	tally := results[0].Tally
	tally.Add(results[1].Tally)
	require.NoError(t, results[0].Err)
	require.NoError(t, results[1].Err)
	require.EqualValues(t, all, tally.Read)
	require.EqualValues(t, stock, tally.Succeeded)
	require.EqualValues(t, all-stock, tally.Declined)
	require.Zero(t, m.stock(product))
	require.Equal(t, all, m.sims["main"].Stats().Requests["findPaymentByKey"], "each is asked about once")
	require.Equal(t, all, worktest.Get[int](t, m.plain, `SELECT COUNT(*) FROM events`))
}

// A payment that arrives after it was given up is found, and refunded once.
func TestALatePaymentIsRefunded(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	m.options.Steps = nil
	id := m.sell(worktest.Order{Payments: []worktest.Payment{{}}})[0]
	m.proven()
	require.Equal(t, batch.ExitDone, m.run().Exit, "a second look is no doubt")
	m.took(id, 1, nil)
	m.pass(24*time.Hour + 2*time.Minute)
	require.Equal(t, batch.ExitDone, m.run().Exit)
	require.Equal(t, "failed (not paid: payment failed, request_failed: the charge never arrived at the gateway) | refunded request_failed", m.order(id))
	require.Equal(t, []string{"order.failed", "refund.completed"}, m.events("order:1"))
	require.EqualValues(t, 12900, m.sims["main"].Ledger()[2].Refunded)

	m.pass(48 * time.Hour)
	require.Zero(t, m.run().Tally.Read, "nothing is left to find out")
}

// A no that was said after it can have arrived is the last word, until the shop tries again.
func TestAPaymentThatNeverArrivesIsAskedAboutTwice(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	id := m.sell(worktest.Order{Payments: []worktest.Payment{{}}})[0]
	m.proven()
	const look = 4 // about the payment, about one of before and one of after it, and about the payment again
	asked := func() int { return m.sims["main"].Stats().Requests["findPaymentByKey"] }
	m.run()
	require.Equal(t, look, asked())
	m.pass(time.Hour)
	m.run()
	require.Equal(t, look, asked())
	m.pass(24 * time.Hour)
	for range 3 {
		require.Equal(t, batch.ExitDone, m.run().Exit)
		require.Equal(t, 2*look, asked())
		m.pass(time.Hour)
	}
	require.Equal(t, "free 0", m.check(id))
	worktest.Exec(t, m.plain, `INSERT INTO payments (order_id, gateway, idempotency_key, status, amount, currency) VALUES (?, 'main', 'ord_1-2', 'failed', 12900, 'KRW')`, id)
	m.pass(time.Hour)
	m.proven()
	m.run()
	require.Greater(t, asked(), 2*look)
	require.Equal(t, "free 1 in 1382m", m.check(id))
}

// A URL that answers 404 to everything gives up no order, however few there are; once it is right, they are completed.
func TestAWrongURLGivesUpNoOrder(t *testing.T) {
	t.Parallel()
	for name, n := range map[string]int{"a few": 15, "many": 150} {
		t.Run(name, func(t *testing.T) {
			m := newMarket(t)
			m.options.Steps = nil
			product := worktest.Stock(t, m.plain, int64(n))[0]
			m.paid(n, product)
			worktest.Charged(t, m.plain, m.sims["main"], "main", time.Now().Add(-100*24*time.Hour), time.Now())
			right := m.urls["main"]
			m.urls["main"] = serve(t, nowhere())
			result := m.run()
			require.NoError(t, result.Err)
			require.Equal(t, batch.ExitUnfinished, result.Exit)
			require.True(t, contains(result.Left, "gateway main does not show payment pay_"), "%v", result.Left)
			require.Equal(t, n, worktest.Get[int](t, m.plain, `SELECT COUNT(*) FROM orders WHERE status = 'payment_in_progress'`))
			require.Equal(t, n, worktest.Get[int](t, m.plain, `SELECT COUNT(*) FROM payments WHERE status = 'pending'`))
			require.Zero(t, worktest.Get[int](t, m.plain, `SELECT COUNT(*) FROM order_checks WHERE lease IS NOT NULL OR checks <> 0 OR next_check_at IS NOT NULL OR reason IS NOT NULL`))
			require.Zero(t, worktest.Get[int](t, m.plain, `SELECT COUNT(*) FROM events`))

			m.urls["main"] = right
			require.Equal(t, batch.ExitDone, m.run().Exit)
			require.Zero(t, worktest.Get[int](t, m.plain, `SELECT COUNT(*) FROM orders WHERE status <> 'completed'`))
			require.Zero(t, m.stock(product))
		})
	}
}

// An order that a gateway does not know is left and asked about again while nothing shows that it would know it, and after
// a while it is listed with the commands that free it.
func TestAnOrderWithNothingToControlBy(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	id := m.sell(worktest.Order{Payments: []worktest.Payment{{}}})[0]
	require.Equal(t, batch.ExitUnfinished, m.run().Exit)
	require.Equal(t, "payment_in_progress | pending", m.order(id))
	require.Equal(t, "free 1 in 10m", m.check(id))
	m.pass(25 * time.Hour)
	require.Equal(t, batch.ExitReview, m.run().Exit)
	require.Equal(t, "payment_in_progress | pending", m.order(id), "it can be checked again")
	require.Contains(t, m.check(id), "duly doctor --control main PAYMENT_ID, duly requeue order 1; or duly resolve payment 1 --as not_executed")

	m.proven()
	worktest.Exec(t, m.plain, `UPDATE order_checks SET reason = NULL, next_check_at = UTC_TIMESTAMP(6)`)
	require.Equal(t, batch.ExitDone, m.run().Exit)
	require.Equal(t, "failed (not paid: payment failed, request_failed: the charge never arrived at the gateway) | failed request_failed", m.order(id))
}

// Honest absences are settled, however many there are.
func TestHonestAbsencesAreSettled(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name         string
		orders, here int
	}{{"a few", 19, 0}, {"all of sixty", 60, 0}, {"half of a hundred", 100, 50}} {
		t.Run(c.name, func(t *testing.T) {
			m := newMarket(t)
			list := make([]worktest.Order, c.orders)
			for i := range list {
				list[i] = worktest.Order{Age: 2*time.Hour - time.Duration(i)*time.Second, Payments: []worktest.Payment{{}}}
			}
			for i, id := range m.sell(list...) {
				if i%2 == 0 && c.here > 0 {
					m.took(id, 1, nil)
				}
			}
			m.proven()
			result := m.run()
			require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
			require.EqualValues(t, c.here, result.Tally.Succeeded)
			require.EqualValues(t, c.orders-c.here, result.Tally.Declined)
		})
	}
}

// Never more look-ups are open than allowed, and always as many while there are more orders: one is answered only when
// all places are taken, or none is still to come. A place that stayed free would leave the others without an answer.
func TestLookUpsAreBounded(t *testing.T) {
	t.Parallel()
	const all, places = 300, 10
	m := newMarket(t)
	m.options.ChunkSize = 20
	m.lease = time.Hour
	m.client = func(c *httpapi.Config) { c.MaxConns, c.Timeout = 64, 2*time.Minute }
	product := worktest.Stock(t, m.plain, all)[0]
	m.paid(all, product)
	sim := m.sims["main"]
	var mu sync.Mutex
	var open, most, came int
	var waiting []chan struct{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		turn := make(chan struct{})
		mu.Lock()
		came++
		open++
		most = max(most, open)
		waiting = append(waiting, turn)
		for len(waiting) >= places || came == all && len(waiting) > 0 {
			close(waiting[0])
			waiting = waiting[1:]
		}
		mu.Unlock()
		defer func() { // before the answer leaves, which is short
			mu.Lock()
			defer mu.Unlock()
			open--
		}()
		select {
		case <-turn:
		case <-r.Context().Done():
		}
		sim.ServeHTTP(w, r)
	}))
	defer server.Close()
	m.urls["main"] = server.URL
	require.Equal(t, batch.ExitDone, m.run().Exit)
	require.Equal(t, all, came, "each of them once")
	require.Equal(t, places, most)
}

// An order that cannot be settled for a reason of its own is left to an operator; the others go on.
func TestAnOrderThatCannotBeSettled(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	product := worktest.Stock(t, m.plain, 5)[0]
	m.paid(3, product)
	worktest.Exec(t, m.plain, `CREATE TRIGGER poison BEFORE UPDATE ON orders FOR EACH ROW
IF NEW.id = 2 AND NEW.status = 'completed' THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'poison'; END IF`)
	result := m.run()
	require.NoError(t, result.Err)
	require.Equal(t, batch.ExitReview, result.Exit)
	require.Equal(t, []string{"completed | succeeded", "payment_in_progress | pending", "completed | succeeded"}, []string{m.order(1), m.order(2), m.order(3)})
	require.Equal(t, "free 0 (what became of it could not be written: error 1644 (45000): poison)", m.check(2))
	require.Equal(t, []string{"review.needed"}, m.events("order:2"))
	require.EqualValues(t, 3, m.stock(product))
	require.Zero(t, m.run().Tally.Read, "it is frozen")
}

// What a gateway cannot be asked about in this run is as if it had not been claimed.
func TestAGatewayThatIsDown(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	ids := m.sell(worktest.Order{Payments: []worktest.Payment{{}}}, worktest.Order{Payments: []worktest.Payment{{Gateway: "other"}}})
	m.took(ids[0], 1, stands(payment.Declined))
	m.sims["other"].Update(func(c *simulator.Config) { c.Forbidden = true })
	result := m.run()
	require.Equal(t, batch.ExitFailed, result.Exit)
	require.ErrorContains(t, result.Err, "check gateways.other.token")
	require.Equal(t, "payment_in_progress | pending", m.order(ids[1]))
	require.Equal(t, "free 0", m.check(ids[1]))
	require.Contains(t, m.order(ids[0]), "failed")
}

// Only the selected orders are touched.
func TestSelectedOrders(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	product := worktest.Stock(t, m.plain, 5)[0]
	m.paid(3, product)
	m.only(2, 99)
	result := m.run()
	require.Equal(t, batch.ExitDone, result.Exit)
	require.EqualValues(t, 1, result.Tally.Read)
	require.Equal(t, []string{"payment_in_progress | pending", "completed | succeeded", "payment_in_progress | pending"}, []string{m.order(1), m.order(2), m.order(3)})
	require.Equal(t, []string{jobs.StepReconcile, jobs.StepRefund}, jobs.ReconcileSteps())
}
