package demo

import (
	"context"
	"fmt"
	"strings"

	"duly/internal/gateway/simulator"
	"duly/internal/mysql"
	"duly/internal/orders"
)

const selectOrderEndings = `SELECT CASE
 WHEN o.status = 'completed' AND c.order_id IS NULL THEN 'paid, completed by the shop'
 WHEN o.status = 'completed' AND p.status = 'succeeded' THEN 'paid, the answer was lost: completed'
 WHEN o.status = 'failed' AND p.id IS NULL THEN 'left before paying: failed'
 WHEN o.status = 'failed' AND p.status = 'failed' AND p.failure_code = 'request_failed' THEN 'left while paying: failed'
 WHEN o.status = 'failed' AND p.status = 'failed' THEN 'declined: failed'
 WHEN o.status = 'failed' AND p.status = 'refunded' AND o.failure_reason = 'out of stock' THEN 'out of stock: refunded'
 WHEN o.status = 'failed' AND p.status = 'refunded' THEN 'paid after it was given up: refunded'
 WHEN p.status = 'review' OR c.reason IS NOT NULL THEN 'in review'
 ELSE CONCAT('unfinished (', o.status, ', payment ', COALESCE(p.status, 'none'), ')') END AS what,
COUNT(*) AS count, o.currency AS currency, SUM(o.amount) AS amount
FROM orders o LEFT JOIN payments p ON p.order_id = o.id LEFT JOIN order_checks c ON c.order_id = o.id
GROUP BY what, o.currency ORDER BY what LIKE 'un%', what, o.currency`

// OrderEndings counts what became of every order.
func OrderEndings(ctx context.Context, db *mysql.DB) ([]Line, error) {
	var lines []Line
	if err := db.SelectContext(ctx, &lines, selectOrderEndings); err != nil {
		return nil, fmt.Errorf("count the demo's orders: %w", err)
	}
	return lines, nil
}

const (
	openOrders   = `SELECT COUNT(*) FROM orders WHERE status IN ('pending', 'payment_in_progress')`
	openPayments = `SELECT COUNT(*) FROM payments WHERE status NOT IN ('succeeded', 'failed', 'cancelled', 'refunded')`
	stockLeft    = `SELECT p.id, p.name, p.stock, COALESCE(SUM(IF(o.status = 'completed', i.quantity, 0)), 0) AS sold
FROM products p LEFT JOIN order_items i ON i.product_id = p.id LEFT JOIN orders o ON o.id = i.order_id GROUP BY p.id, p.name, p.stock ORDER BY p.id`
	takenFor = `SELECT o.id, o.status, p.status AS payment, p.amount, p.refunded_amount FROM payments p JOIN orders o ON o.id = p.order_id`
)

// CheckOrders says what of n orders does not add up: an order that is not settled, stock that is not what was there
// less what was sold, money that was taken and is neither kept for a completed order nor refunded, or the other
// way round. Nothing, if all is well.
func CheckOrders(ctx context.Context, db *mysql.DB, sim *simulator.Simulator, n int) ([]string, error) {
	var wrong []string
	for _, q := range []struct{ what, query string }{{"orders are not settled", openOrders}, {"payments are not settled", openPayments}} {
		var count int
		if err := db.GetContext(ctx, &count, q.query); err != nil {
			return nil, fmt.Errorf("count what is open in the demo: %w", err)
		}
		if count > 0 {
			wrong = append(wrong, fmt.Sprintf("%d %s", count, q.what))
		}
	}
	stock, err := checkStock(ctx, db, n)
	if err != nil {
		return nil, err
	}
	money, err := checkMoney(ctx, db, sim)
	return append(append(wrong, stock...), money...), err
}

func checkStock(ctx context.Context, db *mysql.DB, n int) ([]string, error) {
	var left []struct {
		ID          uint64
		Name        string
		Stock, Sold int64
	}
	if err := db.SelectContext(ctx, &left, stockLeft); err != nil {
		return nil, fmt.Errorf("count the demo's stock: %w", err)
	}
	there := map[uint64]int64{}
	for _, p := range products(n) {
		there[p.id] = p.stock
	}
	var wrong []string
	for _, p := range left {
		if p.Stock+p.Sold != there[p.ID] {
			wrong = append(wrong, fmt.Sprintf("%s: %d left and %d sold of %d", p.Name, p.Stock, p.Sold, there[p.ID]))
		}
	}
	return wrong, nil
}

// money is what the tables say of an order's payment.
type money struct {
	ID       uint64
	Status   string
	Payment  string
	Amount   int64
	Refunded int64 `db:"refunded_amount"`
}

// should is what the gateway must have taken and refunded then.
func (m money) should() (taken, given int64, known bool) {
	switch orders.PaymentStatus(m.Payment) {
	case orders.PaymentSucceeded:
		return m.Amount, 0, m.Status == string(orders.OrderCompleted)
	case orders.PaymentRefunded:
		return m.Amount, m.Refunded, m.Refunded == m.Amount && m.Status != string(orders.OrderCompleted)
	case orders.PaymentFailed, orders.PaymentCancelled:
		return 0, 0, true
	case orders.PaymentPending, orders.PaymentRefundDue, orders.PaymentReview:
	}
	return 0, 0, false
}

func checkMoney(ctx context.Context, db *mysql.DB, sim *simulator.Simulator) ([]string, error) {
	var rows []money
	if err := db.SelectContext(ctx, &rows, takenFor); err != nil {
		return nil, fmt.Errorf("read the demo's payments: %w", err)
	}
	taken, given := map[string]int64{}, map[string]int64{}
	for e := range sim.Entries() {
		if strings.HasPrefix(e.Reference, "ord_") && e.Status == "succeeded" {
			taken[e.Reference] += e.Amount
			given[e.Reference] += e.Refunded
		}
	}
	var wrong []string
	for _, m := range rows {
		reference := orders.Reference(m.ID)
		mustTake, mustGive, known := m.should()
		if !known || taken[reference] != mustTake || given[reference] != mustGive {
			wrong = append(wrong, fmt.Sprintf("order %d is %s, its payment %s, and the gateway took %d and refunded %d",
				m.ID, m.Status, m.Payment, taken[reference], given[reference]))
		}
		delete(taken, reference)
	}
	for reference, amount := range taken {
		if amount > 0 {
			wrong = append(wrong, fmt.Sprintf("the gateway took %d for %s, which has no payment here", amount, reference))
		}
	}
	return wrong, nil
}
