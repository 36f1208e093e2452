package e2e_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/gateway/simulator"
	"duly/internal/orders"
	"duly/internal/payment"
)

// mall is a world whose shop sells products.
type mall struct {
	*world

	began map[uint64]string // the statuses of orders when the shop left them
	stock map[uint64]int64  // of products then
}

// The products of a mall: everybody wants the first, and there is too little of it.
const (
	hot    = 1
	plenty = 2
)

// chargeRow is a payment of an order on both sides; an empty status is none on that side.
type chargeRow struct {
	here  orders.PaymentStatus
	code  string // failure code
	there payment.Status
	back  int64 // refunded there by hand
}

// purchase is an order as the shop leaves it.
type purchase struct {
	status  orders.OrderStatus
	items   map[uint64]int64
	charges []chargeRow
	old     bool // older than anything that is still waited for
}

// purchases are orders that were left in every way that leads to a refund, to stock, or to neither.
func purchases() []purchase {
	one, two := map[uint64]int64{plenty: 1}, map[uint64]int64{plenty: 2}
	scarce, both := map[uint64]int64{hot: 1}, map[uint64]int64{hot: 1, plenty: 3}
	lost := chargeRow{here: orders.PaymentPending, there: payment.Succeeded}
	never := chargeRow{here: orders.PaymentPending}
	arrived := chargeRow{here: orders.PaymentFailed, code: orders.FailureRequest, there: payment.Succeeded}
	due := chargeRow{here: orders.PaymentRefundDue, there: payment.Succeeded}
	kept := chargeRow{here: orders.PaymentSucceeded, there: payment.Succeeded}
	return []purchase{
		{status: orders.OrderInProgress, items: scarce, charges: []chargeRow{lost}},
		{status: orders.OrderInProgress, items: two, charges: []chargeRow{lost}},
		{status: orders.OrderInProgress, items: both, charges: []chargeRow{never, lost}},
		{status: orders.OrderPending, items: one, charges: nil},
		{status: orders.OrderInProgress, items: one, charges: []chargeRow{never}},
		{status: orders.OrderInProgress, items: both, charges: []chargeRow{lost}}, // too late for the hot product
		{status: orders.OrderPending, items: scarce, charges: []chargeRow{lost, lost}},
		{status: orders.OrderInProgress, items: two, charges: []chargeRow{lost, lost}},
		{status: orders.OrderFailed, items: one, charges: []chargeRow{arrived}},
		{status: orders.OrderCancelled, items: scarce, charges: []chargeRow{lost, arrived}},
		{status: orders.OrderCompleted, items: one, charges: []chargeRow{kept, due}},
		{status: orders.OrderCompleted, items: scarce, charges: []chargeRow{lost, never}},
		{status: "returned", items: one, charges: []chargeRow{due}},
		{status: "returned", items: one, charges: []chargeRow{{here: orders.PaymentRefundDue, there: payment.Succeeded, back: 1}}},
		{status: orders.OrderInProgress, items: one, charges: []chargeRow{{here: orders.PaymentPending, there: payment.Declined}}},
		{status: orders.OrderPending, items: two, charges: []chargeRow{{here: orders.PaymentPending, there: payment.Pending}}, old: true},
		{status: orders.OrderPending, items: map[uint64]int64{plenty: 1, 99: 1}, charges: []chargeRow{lost}}, // of a product that is gone
		{status: orders.OrderInProgress, items: one, charges: []chargeRow{never}},                            // see arrive
	}
}

// openMall makes a mall with these purchases, all left alone for long enough.
func openMall(w *world, list []purchase) *mall {
	w.t.Helper()
	m := &mall{world: w, began: map[uint64]string{}, stock: map[uint64]int64{hot: 2, plenty: 50}}
	for name, value := range map[string]any{"CHUNK_SIZE": 3, "PARALLELISM": 4} {
		m.set("DULY_RECONCILE_"+name, value)
	}
	m.exec(`INSERT INTO products (id, name, stock, low_stock_threshold) VALUES (1, 'hot', 2, 0), (2, 'plenty', 50, NULL)`)
	for _, p := range list {
		m.buy(p)
	}
	m.pass(20 * time.Minute)
	return m
}

// exec runs a statement of the shop's.
func (m *mall) exec(query string, args ...any) uint64 {
	m.t.Helper()
	result, err := m.db.ExecContext(m.t.Context(), query, args...)
	require.NoError(m.t, err)
	id, err := result.LastInsertId()
	require.NoError(m.t, err)
	return uint64(id)
}

// buy adds an order with its payments, here and there.
func (m *mall) buy(p purchase) {
	m.t.Helper()
	at := m.sim.Now().UTC()
	if p.old {
		at = at.Add(-aDay)
	}
	id := m.exec(`INSERT INTO orders (customer_id, status, amount, currency, created_at) VALUES ('c', ?, 500, 'KRW', ?)`, string(p.status), at)
	m.began[id] = string(p.status)
	for product, quantity := range p.items {
		m.exec(`INSERT INTO order_items (order_id, product_id, quantity) VALUES (?, ?, ?)`, id, product, quantity)
	}
	for i, c := range p.charges {
		key := fmt.Sprintf("ord_%d-%d", id, i+1)
		m.exec(`INSERT INTO payments (order_id, gateway, idempotency_key, status, failure_code, amount, currency, created_at)
VALUES (?, 'main', ?, ?, NULLIF(?, ''), 500, 'KRW', ?)`, id, key, string(c.here), c.code, at)
		if c.there != "" {
			m.inject(simulator.Entry{Key: key, Reference: orders.Reference(id), Status: c.there, Refunded: 500 * c.back})
		}
	}
}

func (m *mall) inject(e simulator.Entry) {
	m.t.Helper()
	e.CustomerID, e.Method, e.Amount, e.Currency = "c", "pm_ok", 500, "KRW"
	if e.Status == payment.Declined {
		e.DeclineCode = "insufficient_funds"
	}
	_, err := m.sim.Inject(e)
	require.NoError(m.t, err)
}

// arrive lets the charge of the last purchase arrive, which may have been given up by now.
func (m *mall) arrive() {
	id := uint64(len(m.began))
	m.inject(simulator.Entry{Key: fmt.Sprintf("ord_%d-1", id), Reference: orders.Reference(id), Status: payment.Succeeded})
}

// tidy starts `duly run reconcile`.
func (m *mall) tidy(at where) *process {
	m.t.Helper()
	return start(m.t, slices.Concat(m.env, at.env()), "run", "reconcile")
}

// settle runs as many workers at once, again and again while time passes, until all of them leave nothing behind;
// and once more when nothing can arrive any more of what was given up.
func (m *mall) settle(workers int) {
	m.t.Helper()
	m.work(workers)
	m.pass(aDay)
	m.work(workers)
}

func (m *mall) work(workers int) {
	m.t.Helper()
	for range mostRuns {
		running := make([]*process, workers)
		for i := range running {
			running[i] = m.tidy(where{})
		}
		done := true
		for _, p := range running {
			code := p.exit()
			require.Contains(m.t, []int{batch.ExitDone, batch.ExitUnfinished}, code, "%s", p.printed())
			done = done && code == batch.ExitDone
		}
		if done {
			return
		}
		m.pass(20 * time.Minute)
	}
	require.Fail(m.t, "unfinished after so many runs", "%d", mostRuns)
}

// audit compares the shop's tables, the events and the gateway's ledger, and fails the test with all that must not
// be once every order is settled.
func (m *mall) audit() {
	m.t.Helper()
	var problems []string
	problem := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	rows := m.orders()
	m.auditLedger(rows, problem)
	for _, o := range rows {
		if orders.OrderStatus(o.Status).Open() {
			problem("order %d is still %s", o.ID, o.Status)
		}
		if before := m.began[o.ID]; before != o.Status && !orders.OrderStatus(before).Open() {
			problem("order %d was %s and is %s", o.ID, before, o.Status)
		}
		if o.Dated != (o.Status != m.began[o.ID]) {
			problem("order %d is %s and was %s, and its dates do not say so", o.ID, o.Status, m.began[o.ID])
		}
	}
	for _, row := range m.list(`SELECT CONCAT(id, ' is ', status) FROM payments WHERE status IN ('pending', 'refund_due', 'review')`) {
		problem("payment %s", row)
	}
	for _, row := range m.list(`SELECT order_id FROM order_checks WHERE lease IS NOT NULL OR refund_next_at IS NOT NULL OR refund_tries > 0 OR reason IS NOT NULL`) {
		problem("the bookkeeping of order %s is not closed", row)
	}
	for _, key := range m.sim.BodyViolations() {
		problem("different bytes were sent under %s", key)
	}
	require.Empty(m.t, problems)
	m.agree()
}

// agree fails the test if stock or events do not tell of what the orders and payments are: that must hold at any
// moment, settled or not.
func (m *mall) agree() {
	m.t.Helper()
	var problems []string
	problem := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	rows := m.orders()
	m.auditStock(rows, problem)
	m.auditEvents(rows, problem)
	require.Empty(m.t, problems)
}

// sold is an order as it stands.
type sold struct {
	ID     uint64
	Status string
	Dated  bool
}

func (m *mall) orders() []sold {
	m.t.Helper()
	var rows []sold
	require.NoError(m.t, m.db.SelectContext(m.t.Context(), &rows, `SELECT id, status, completed_at IS NOT NULL OR failed_at IS NOT NULL AS dated FROM orders WHERE id < 9000000 ORDER BY id`),
		"but for those that only show that the gateway is the right one")
	require.Len(m.t, rows, len(m.began))
	return rows
}

func (m *mall) list(query string, args ...any) []string {
	m.t.Helper()
	var found []string
	require.NoError(m.t, sqlx.SelectContext(m.t.Context(), m.db, &found, query, args...))
	return found
}

// auditLedger: money is kept by one payment of a completed order alone, and else refunded once; and the rows say
// the same.
func (m *mall) auditLedger(rows []sold, problem func(string, ...any)) {
	m.t.Helper()
	var payments []struct {
		Order    uint64 `db:"order_id"`
		Key      string `db:"idempotency_key"`
		Status   string
		Refunded int64 `db:"refunded_amount"`
	}
	require.NoError(m.t, m.db.SelectContext(m.t.Context(), &payments, `SELECT order_id, idempotency_key, status, refunded_amount FROM payments
WHERE order_id < 9000000`))
	there := map[string]simulator.Entry{}
	for _, e := range m.sim.Ledger() {
		there[e.Key] = e
	}
	kept := map[uint64]int{}
	for _, p := range payments {
		e, took := there[p.Key]
		took = took && e.Status == payment.Succeeded
		switch {
		case took && e.Refunded == 0:
			if kept[p.Order]++; p.Status != "succeeded" {
				problem("%s was taken and kept, and is %s", p.Key, p.Status)
			}
		case took:
			if e.Refunds != 1 || e.Refunded != e.Amount || p.Status != "refunded" || p.Refunded != e.Amount {
				problem("%s was refunded in %d parts, %d of %d, and is %s with %d", p.Key, e.Refunds, e.Refunded, e.Amount, p.Status, p.Refunded)
			}
		case p.Status != "failed" && p.Status != "cancelled":
			problem("%s was not taken, and is %s", p.Key, p.Status)
		case e.Status == payment.Pending:
			problem("%s is pending there, and %s", p.Key, p.Status)
		}
	}
	for _, o := range rows {
		if want := map[bool]int{true: 1}[o.Status == "completed"]; kept[o.ID] != want {
			problem("order %d is %s, and %d payments of it were kept", o.ID, o.Status, kept[o.ID])
		}
	}
}

// auditStock: what duly completed took its stock, once, and nothing else did.
func (m *mall) auditStock(rows []sold, problem func(string, ...any)) {
	m.t.Helper()
	left := map[uint64]int64{hot: m.stock[hot], plenty: m.stock[plenty]}
	for _, o := range rows {
		if o.Status != "completed" || m.began[o.ID] == "completed" {
			continue
		}
		var items []struct {
			Product  uint64 `db:"product_id"`
			Quantity int64
		}
		require.NoError(m.t, m.db.SelectContext(m.t.Context(), &items, `SELECT product_id, quantity FROM order_items WHERE order_id = ?`, o.ID))
		for _, item := range items {
			left[item.Product] -= item.Quantity
		}
	}
	for product, want := range left {
		if got := m.count(`SELECT stock FROM products WHERE id = ?`, product); int64(got) != want {
			problem("product %d has a stock of %d, and %d were not sold", product, got, want)
		}
	}
}

// auditEvents: each change has its event, and each event its change, but for those that tell of a refund that takes
// more than a day.
func (m *mall) auditEvents(rows []sold, problem func(string, ...any)) {
	m.t.Helper()
	want := []string{}
	for _, o := range rows {
		if o.Status != m.began[o.ID] {
			want = append(want, fmt.Sprintf("order.%s order:%d", o.Status, o.ID))
		}
	}
	want = append(want, m.list(`SELECT CONCAT('refund.completed order:', order_id, ' ', id) FROM payments WHERE status = 'refunded'`)...)
	if m.count(`SELECT stock FROM products WHERE id = ?`, hot) == 0 {
		want = append(want, "stock.low product:1")
	}
	got := m.list(`SELECT CONCAT_WS(' ', type, subject, IF(type = 'refund.completed', JSON_VALUE(payload, '$.payment_id'), NULL))
FROM events WHERE COALESCE(JSON_VALUE(payload, '$.reason'), '') NOT LIKE '%not done after a day%'`)
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(want, got) {
		problem("the events are %q, and the changes %q", got, want)
	}
}

// TestOrders settles a mall without any crash: the state that crashes must lead to as well.
func TestOrders(t *testing.T) {
	t.Parallel()
	m := openMall(newWorld(t, mallFaults()), purchases())
	m.settle(1)
	m.audit()
	// Orders 1, 3, 6 and 7 want the hot product, of which there are two: an answer that a fault held up comes too late.
	require.Equal(t, []string{
		"2 completed", "4 failed", "5 failed", "8 completed", "9 failed", "10 cancelled", "11 completed", "12 completed",
		"13 returned", "14 returned", "15 failed", "16 failed", "17 failed", "18 failed",
	}, m.list(`SELECT CONCAT(id, ' ', status) FROM orders WHERE id < 9000000 AND id NOT IN (1, 3, 6, 7) ORDER BY id`))
	require.Equal(t, []string{"completed", "completed", "failed", "failed"}, m.list(`SELECT status FROM orders WHERE id IN (1, 3, 6, 7) ORDER BY status`))
	require.Zero(t, m.count(`SELECT stock FROM products WHERE id = ?`, hot))
}

// mallFaults lose answers and requests of look-ups and refunds, and are slow enough for a heartbeat.
func mallFaults() simulator.Config {
	return simulator.Config{
		Latency:      simulator.Latency{Fixed: heartbeat / 5},
		LookupFaults: simulator.Faults{DropBefore: 0.1, First: 1},
		ChangeFaults: simulator.Faults{DropBefore: 0.3, DropAfter: 0.3, Err5xxAfter: 0.2, First: tries + 1},
	}
}
