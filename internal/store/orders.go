package store

import (
	"context"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/mysql"
	"duly/internal/orders"
	"duly/internal/payment"
)

const (
	orderRows = `SELECT id, customer_id, status, amount, currency, created_at, updated_at FROM orders WHERE id IN (?) ORDER BY id`

	paymentRows = `SELECT id, order_id, gateway, COALESCE(idempotency_key, '') AS idempotency_key,
COALESCE(transaction_key, '') AS transaction_key, status, amount, currency, COALESCE(failure_code, '') AS failure_code,
refunded_amount, created_at, updated_at FROM payments WHERE order_id IN (?) ORDER BY order_id, id`

	itemRows = `SELECT order_id, product_id, quantity FROM order_items WHERE order_id IN (?) ORDER BY order_id, product_id`

	// Rows that the shop holds are passed over: it waits for nobody here, and nobody for it.
	orderLock   = `SELECT id FROM orders WHERE id IN (?) ORDER BY id FOR UPDATE SKIP LOCKED`
	paymentLock = `SELECT id FROM payments WHERE id IN (?) ORDER BY id FOR UPDATE SKIP LOCKED`
)

type orderRow struct {
	ID       uint64
	Customer string `db:"customer_id"`
	Status   string
	Amount   int64
	Currency string
	Created  time.Time `db:"created_at"`
	Updated  time.Time `db:"updated_at"`
}

func (r orderRow) order() orders.Order {
	return orders.Order{
		ID: r.ID, CustomerID: r.Customer, Status: orders.StatusOf(r.Status),
		Money: payment.Money{Amount: r.Amount, Currency: r.Currency}, CreatedAt: r.Created, UpdatedAt: r.Updated,
	}
}

type paymentRow struct {
	ID       uint64
	OrderID  uint64 `db:"order_id"`
	Gateway  string
	Key      string `db:"idempotency_key"`
	ThereID  string `db:"transaction_key"`
	Status   string
	Amount   int64
	Currency string
	Code     string    `db:"failure_code"`
	Refunded int64     `db:"refunded_amount"`
	Created  time.Time `db:"created_at"`
	Updated  time.Time `db:"updated_at"`
}

func (r paymentRow) payment() orders.Payment {
	return orders.Payment{
		ID: r.ID, OrderID: r.OrderID, Gateway: r.Gateway, Key: r.Key, TransactionKey: r.ThereID,
		Status: orders.PaymentStatusOf(r.Status), Money: payment.Money{Amount: r.Amount, Currency: r.Currency},
		FailureCode: r.Code, Refunded: r.Refunded, CreatedAt: r.Created, UpdatedAt: r.Updated,
	}
}

// OrdersOf reads orders with their items and payments, without a lock. An order whose row is gone has no more than
// its id, and its payments.
func OrdersOf(ctx context.Context, q sqlx.QueryerContext, ids []uint64) (map[uint64]*orders.Claimed, error) {
	found := make(map[uint64]*orders.Claimed, len(ids))
	for _, id := range ids {
		found[id] = &orders.Claimed{Order: orders.Order{ID: id}}
	}
	if len(ids) == 0 {
		return found, nil
	}
	var rows []orderRow
	if err := mysql.SelectIn(ctx, q, &rows, orderRows, ids); err != nil {
		return nil, err
	}
	for _, r := range rows {
		found[r.ID].Order = r.order()
	}
	var items []struct {
		Order    uint64 `db:"order_id"`
		Product  uint64 `db:"product_id"`
		Quantity int64
	}
	if err := mysql.SelectIn(ctx, q, &items, itemRows, ids); err != nil {
		return nil, err
	}
	for _, i := range items {
		o := found[i.Order]
		o.Items = append(o.Items, orders.Item{ProductID: i.Product, Quantity: i.Quantity})
	}
	var payments []paymentRow
	if err := mysql.SelectIn(ctx, q, &payments, paymentRows, ids); err != nil {
		return nil, err
	}
	for _, p := range payments {
		o := found[p.OrderID]
		o.Payments = append(o.Payments, p.payment())
	}
	return found, nil
}

// LockOrders locks claimed orders and their payments without waiting, and reads them as they are now. An order of
// which the shop holds a row at the moment is not among them. Payments that the shop has added since are read and
// not locked.
func LockOrders(ctx context.Context, tx *sqlx.Tx, claimed []orders.Claimed) (map[uint64]*orders.Claimed, error) {
	ids := SortedIDs(claimed, func(c orders.Claimed) uint64 { return c.ID })
	lockedOrders, err := lockIDs(ctx, tx, orderLock, ids)
	if err != nil {
		return nil, err
	}
	var payments []uint64
	for _, c := range claimed {
		for _, p := range c.Payments {
			payments = append(payments, p.ID)
		}
	}
	lockedPayments, err := lockIDs(ctx, tx, paymentLock, payments)
	if err != nil {
		return nil, err
	}
	found, err := OrdersOf(ctx, tx, ids)
	if err != nil {
		return nil, err
	}
	for _, c := range claimed {
		o := found[c.ID]
		held := o.Status != "" && !lockedOrders[c.ID]
		there := make(map[uint64]bool, len(o.Payments))
		for _, p := range o.Payments {
			there[p.ID] = true
		}
		for _, p := range c.Payments {
			held = held || there[p.ID] && !lockedPayments[p.ID]
		}
		if held {
			delete(found, c.ID)
		}
	}
	return found, nil
}

// lockIDs locks rows by their ids and returns those that could be locked.
func lockIDs(ctx context.Context, tx *sqlx.Tx, query string, ids []uint64) (map[uint64]bool, error) {
	locked := make(map[uint64]bool, len(ids))
	if len(ids) == 0 {
		return locked, nil
	}
	var rows []uint64
	if err := mysql.SelectIn(ctx, tx, &rows, query, ids); err != nil {
		return nil, err
	}
	for _, id := range rows {
		locked[id] = true
	}
	return locked, nil
}
