package demo

import (
	"context"
	"fmt"
	"time"

	"duly/internal/gateway/simulator"
	"duly/internal/mysql"
	"duly/internal/orders"
	"duly/internal/payment"
)

// fate is what became of an order before duly sees it.
type fate int

// The fates.
const (
	bought     fate = iota // paid and completed by the shop
	browsing               // left before paying
	vanished               // left while paying: the charge never arrived
	lostAnswer             // charged, and the shop never heard of it
	declined               // refused, and the shop never heard of it
	hot                    // charged for a product that too many wanted, and the shop never heard of it
	givenUp                // failed by the shop, and the charge arrives when nobody waits for it any more
)

// fates is how they follow on one another, in every twenty orders. The first and the last are bought: what the gateway
// shows of them proves that it would know the charges in between.
func fates() []fate {
	return []fate{
		bought, browsing, lostAnswer, declined, vanished,
		vanished, browsing, lostAnswer, hot, bought,
		vanished, browsing, lostAnswer, declined, bought,
		vanished, browsing, givenUp, hot, bought,
	}
}

// product is what the shop has, with its price in won.
type product struct {
	id           uint64
	name         string
	price, stock int64
}

// hotProduct is the one of which there is too little.
const hotProduct = 1

// products are the shop's for n orders, before anybody bought anything.
func products(n int) []product {
	const plenty = 1000
	return []product{
		{hotProduct, "Limited winter box", 39000, int64(n / 25)},
		{2, "Vitamin C", 12900, plenty},
		{3, "Omega 3", 24900, plenty},
		{4, "Magnesium", 15900, plenty},
		{5, "Zinc", 8900, plenty},
	}
}

// sale is one order of the demo.
type sale struct {
	id      uint64
	fate    fate
	items   []orders.Item
	amount  int64
	created time.Time
}

// sales are n orders of the last hours before now at a gateway of a type, oldest first.
func sales(kind string, n int, now time.Time) []sale {
	const (
		youngest = 20 * time.Minute // left alone for long enough to be settled
		span     = 3 * time.Hour
	)
	all := products(n)
	list := make([]sale, n)
	for i := range list {
		s := sale{id: uint64(i) + 1, fate: fates()[i%len(fates())], created: now.Add(-youngest - span + span*time.Duration(i)/time.Duration(n))}
		if knowsByID(kind) && (s.fate == vanished || s.fate == givenUp) {
			s.fate = browsing // there is no payment without an id
		}
		picked := []product{all[1+i%4]}
		if i%3 == 0 {
			picked = append(picked, all[1+(i+1)%4])
		}
		if s.fate == hot {
			picked = all[:1]
		}
		for _, p := range picked {
			quantity := int64(1)
			if s.fate != hot {
				quantity += int64(i % 2)
			}
			s.items = append(s.items, orders.Item{ProductID: p.id, Quantity: quantity})
			s.amount += p.price * quantity
		}
		list[i] = s
	}
	return list
}

// key and customer are the shop's own.
func (s sale) key() string      { return orders.Reference(s.id) + "-1" }
func (s sale) customer() string { return fmt.Sprintf("buyer-%d", s.id) }

// entry is the charge as the gateway books it.
func (s sale) entry() simulator.Entry {
	return simulator.Entry{
		Key: s.key(), Reference: orders.Reference(s.id), CustomerID: s.customer(), Method: "card-of-" + s.customer(),
		Amount: s.amount, Currency: "KRW", CreatedAt: s.created.Add(2 * time.Second),
	}
}

const (
	insertProducts = `INSERT INTO products (id, name, stock, low_stock_threshold) VALUES `
	insertOrders   = `INSERT INTO orders (id, customer_id, status, failure_reason, amount, currency, created_at, completed_at, failed_at, updated_at) VALUES `
	insertItems    = `INSERT INTO order_items (order_id, product_id, quantity) VALUES `
	insertPayments = `INSERT INTO payments (order_id, gateway, method_type, transaction_key, idempotency_key, status, amount, currency,
failure_code, failure_reason, created_at, updated_at) VALUES `
)

// Orders opens a shop with n orders of the last hours, in an empty database, and books their charges at the gateway:
// a fifth was left while paying and a fifth before; for others the gateway's answer was lost, yes or no; of one
// product there is too little; a few were given up, and their charges arrive with LateCharges; the rest the shop
// completed itself.
//
// Kind is the type of the gateway. Where a payment of an order is known by the provider's id alone, the shop has stored each, and
// nothing was charged of the orders that lack one.
func Orders(ctx context.Context, db *mysql.DB, sim *simulator.Simulator, gateway, kind string, n int, now time.Time) error {
	w := &rows{gateway: gateway, ids: knowsByID(kind), stock: map[uint64]int64{}}
	for _, s := range sales(kind, n, now) {
		if err := w.add(sim, s); err != nil {
			return err
		}
	}
	for _, p := range products(n) {
		w.products = append(w.products, []any{p.id, p.name, p.stock - w.stock[p.id], p.stock / 10})
	}
	for _, part := range []struct {
		head string
		rows [][]any
	}{{insertProducts, w.products}, {insertOrders, w.orders}, {insertItems, w.items}, {insertPayments, w.payments}} {
		for len(part.rows) > 0 {
			chunk := min(len(part.rows), 500)
			if _, err := mysql.Insert(ctx, db, part.head, part.rows[:chunk], ""); err != nil {
				return fmt.Errorf("open the demo's shop: %w", err)
			}
			part.rows = part.rows[chunk:]
		}
	}
	return nil
}

// rows gathers what is written of the shop.
type rows struct {
	gateway                           string
	ids                               bool             // the shop has stored the provider's id of each payment
	stock                             map[uint64]int64 // what the shop sold itself, by product
	products, orders, items, payments [][]any
}

func (w *rows) add(sim *simulator.Simulator, s sale) error {
	status, payStatus := orders.OrderInProgress, orders.PaymentPending
	touched := s.created.Add(5 * time.Second)
	var completed, failed, reason, transaction, code, why any
	switch s.fate {
	case bought:
		status, payStatus, completed = orders.OrderCompleted, orders.PaymentSucceeded, touched
		for _, item := range s.items {
			w.stock[item.ProductID] += item.Quantity
		}
	case browsing:
		status = orders.OrderPending
	case givenUp:
		status, payStatus, failed = orders.OrderFailed, orders.PaymentFailed, touched
		reason, code, why = "the payment did not come", orders.FailureRequest, "no answer"
	case vanished, lostAnswer, declined, hot:
	}
	if s.fate == bought || s.fate == lostAnswer || s.fate == declined || s.fate == hot {
		e := s.entry()
		if s.fate == declined {
			e.Status, e.DeclineCode = payment.Declined, "insufficient_funds"
		}
		id, err := sim.Inject(e)
		if err != nil {
			return fmt.Errorf("book a charge of the demo: %w", err)
		}
		if s.fate == bought || w.ids {
			transaction = id
		}
	}
	w.orders = append(w.orders, []any{s.id, s.customer(), string(status), reason, s.amount, "KRW", s.created, completed, failed, touched})
	for _, item := range s.items {
		w.items = append(w.items, []any{s.id, item.ProductID, item.Quantity})
	}
	if s.fate != browsing {
		w.payments = append(w.payments, []any{
			s.id, w.gateway, "card", transaction, s.key(), string(payStatus), s.amount, "KRW", code, why, s.created.Add(time.Second), touched,
		})
	}
	return nil
}

const givenUpOrders = `SELECT o.id, o.amount, o.customer_id FROM orders o JOIN payments p ON p.order_id = o.id
WHERE o.status = 'failed' AND p.failure_code = 'request_failed' AND o.failure_reason = 'the payment did not come' ORDER BY o.id`

// LateCharges lets the charges of the orders that the shop gave up arrive at the gateway, and returns how many.
func LateCharges(ctx context.Context, db *mysql.DB, sim *simulator.Simulator) (int, error) {
	var list []struct {
		ID       uint64
		Amount   int64
		Customer string `db:"customer_id"`
	}
	if err := db.SelectContext(ctx, &list, givenUpOrders); err != nil {
		return 0, fmt.Errorf("look for the demo's orders: %w", err)
	}
	for _, o := range list {
		s := sale{id: o.ID, amount: o.Amount}
		e := s.entry()
		e.CreatedAt = time.Time{} // now, by the gateway
		if _, err := sim.Inject(e); err != nil {
			return 0, fmt.Errorf("book a late charge of the demo: %w", err)
		}
	}
	return len(list), nil
}
