package details

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/mysql"
	"duly/internal/orders"
	"duly/internal/payment"
	"duly/internal/store"
)

// Order is an order with its items and payments, as it stands.
type Order struct {
	ID            uint64     `json:"id" db:"id"`
	CustomerID    string     `json:"customer_id" db:"customer_id"`
	Status        string     `json:"status" db:"status"`
	FailureReason *string    `json:"failure_reason,omitempty" db:"failure_reason"`
	Amount        int64      `json:"amount" db:"amount"` // minor units
	Currency      string     `json:"currency" db:"currency"`
	CreatedAt     time.Time  `json:"created_at" db:"created_at"`
	CompletedAt   *time.Time `json:"completed_at,omitempty" db:"completed_at"`
	FailedAt      *time.Time `json:"failed_at,omitempty" db:"failed_at"`
	UpdatedAt     time.Time  `json:"updated_at" db:"updated_at"`

	Items    []Item    `json:"items" db:"-"`
	Payments []Payment `json:"payments" db:"-"` // oldest first
	Check    *Check    `json:"check" db:"-"`    // null: it was never checked
}

// Item is a position of an order, with the product as it is now.
type Item struct {
	ProductID uint64  `json:"product_id" db:"product_id"`
	Name      *string `json:"name" db:"name"` // null: the product is gone
	Quantity  int64   `json:"quantity" db:"quantity"`
	Stock     *int64  `json:"stock" db:"stock"`
}

// Payment is a payment of an order.
type Payment struct {
	ID             uint64     `json:"id" db:"id"`
	Gateway        string     `json:"gateway" db:"gateway"`
	MethodType     *string    `json:"method_type,omitempty" db:"method_type"`
	Key            *string    `json:"idempotency_key,omitempty" db:"idempotency_key"`
	TransactionKey *string    `json:"transaction_key,omitempty" db:"transaction_key"`
	Status         string     `json:"status" db:"status"`
	Amount         int64      `json:"amount" db:"amount"` // minor units
	Currency       string     `json:"currency" db:"currency"`
	FailureCode    *string    `json:"failure_code,omitempty" db:"failure_code"`
	FailureReason  *string    `json:"failure_reason,omitempty" db:"failure_reason"`
	Refunded       int64      `json:"refunded_amount" db:"refunded_amount"` // minor units
	RefundedAt     *time.Time `json:"refunded_at,omitempty" db:"refunded_at"`
	CreatedAt      time.Time  `json:"created_at" db:"created_at"`
	UpdatedAt      time.Time  `json:"updated_at" db:"updated_at"`
}

// Check is duly's own bookkeeping on an order.
type Check struct {
	Checks int `json:"checks" db:"checks"`
	// Patience is, by payment, what look-ups have brought that decides nothing.
	Patience    map[uint64]payment.Patience `json:"patience,omitempty" db:"-"`
	NextCheckAt *time.Time                  `json:"next_check_at,omitempty" db:"next_check_at"`
	CheckedAt   *time.Time                  `json:"checked_at,omitempty" db:"checked_at"`
	Reason      *string                     `json:"reason,omitempty" db:"reason"` // why it is in review
	Run         *uint64                     `json:"run_id,omitempty" db:"run_id"` // that works on it
	RefundTries int                         `json:"refund_tries" db:"refund_tries"`
	RefundNext  *time.Time                  `json:"refund_next_at,omitempty" db:"refund_next_at"`
	RefundSince *time.Time                  `json:"refund_since,omitempty" db:"refund_since"`

	Counted  string `json:"-" db:"patience"`
	RunLives bool   `json:"-" db:"run_lives"`
}

const (
	// ShowOrder reads an order. A shop's view may have NULL in any column. What is missing reads as empty, 0 or the year 1970: no gateway's word agrees with that.
	ShowOrder = `SELECT id, COALESCE(customer_id, '') AS customer_id, COALESCE(status, '') AS status, failure_reason, COALESCE(amount, 0) AS amount,
COALESCE(currency, '') AS currency, COALESCE(created_at, ` + store.UnknownTime + `) AS created_at, completed_at, failed_at,
COALESCE(updated_at, ` + store.UnknownTime + `) AS updated_at FROM orders WHERE id = ?`

	showItems = `SELECT COALESCE(i.product_id, 0) AS product_id, p.name, COALESCE(i.quantity, 0) AS quantity, p.stock FROM order_items i LEFT JOIN products p ON p.id = i.product_id
WHERE i.order_id = ? ORDER BY i.product_id`

	// ShowPayments reads the payments of orders, as people see them.
	ShowPayments = `SELECT id, COALESCE(gateway, '') AS gateway, method_type, idempotency_key, transaction_key, COALESCE(status, '') AS status,
COALESCE(amount, 0) AS amount, COALESCE(currency, '') AS currency, failure_code, failure_reason, COALESCE(refunded_amount, 0) AS refunded_amount,
refunded_at, COALESCE(created_at, ` + store.UnknownTime + `) AS created_at, COALESCE(updated_at, ` + store.UnknownTime + `) AS updated_at FROM payments WHERE order_id = ? ORDER BY id`

	showCheck = `SELECT c.checks, c.next_check_at, c.checked_at, c.reason, IF(c.lease IS NULL, NULL, c.run_id) AS run_id, c.refund_tries,
c.refund_next_at, c.refund_since, COALESCE(c.patience, '') AS patience,
COALESCE(c.lease IS NOT NULL AND r.status = 'running' AND r.heartbeat_at >= UTC_TIMESTAMP(6) - INTERVAL r.lease_ms * 1000 MICROSECOND, FALSE) AS run_lives
FROM order_checks c LEFT JOIN job_runs r ON r.id = c.run_id WHERE c.order_id = ?`
)

// FindOrder reads an order with all that hangs on it; nil if there is none of that id.
func FindOrder(ctx context.Context, db *mysql.DB, id uint64) (*Order, error) {
	o := &Order{Items: []Item{}, Payments: []Payment{}}
	if err := db.GetContext(ctx, o, ShowOrder, id); errors.Is(err, sql.ErrNoRows) {
		return nil, nil //nolint:nilnil // none
	} else if err != nil {
		return nil, mysql.Classify(ctx, err)
	}
	if err := db.SelectContext(ctx, &o.Items, showItems, id); err != nil {
		return nil, mysql.Classify(ctx, err)
	}
	if err := db.SelectContext(ctx, &o.Payments, ShowPayments, id); err != nil {
		return nil, mysql.Classify(ctx, err)
	}
	check, err := CheckOf(ctx, db, id)
	o.Check = check
	return o, mysql.Classify(ctx, err)
}

// CheckOf reads what is kept about an order; nil for nothing.
func CheckOf(ctx context.Context, q sqlx.QueryerContext, order uint64) (*Check, error) {
	c := &Check{}
	if err := sqlx.GetContext(ctx, q, c, showCheck, order); errors.Is(err, sql.ErrNoRows) {
		return nil, nil //nolint:nilnil // never checked
	} else if err != nil {
		return nil, err
	}
	c.Patience = orders.ParsePatience(c.Counted)
	return c, nil
}

// Rules is what the rules read of the bookkeeping; nil stands for none.
func (c *Check) Rules() orders.Check {
	if c == nil {
		return orders.Check{}
	}
	check := orders.Check{
		Checks: c.Checks, Next: at(c.NextCheckAt), At: at(c.CheckedAt), Reason: or(c.Reason), RunLives: c.RunLives, Patience: c.Patience,
		RefundTries: c.RefundTries, RefundNext: at(c.RefundNext), RefundSince: at(c.RefundSince),
	}
	if c.Run != nil {
		check.Run = *c.Run
	}
	return check
}

// Rules is what the rules read of the order and its payments.
func (o Order) Rules() (orders.Order, []orders.Payment) {
	order := orders.Order{
		ID: o.ID, CustomerID: o.CustomerID, Status: orders.StatusOf(o.Status), Money: payment.Money{Amount: o.Amount, Currency: o.Currency},
		CreatedAt: o.CreatedAt, UpdatedAt: o.UpdatedAt,
	}
	for _, i := range o.Items {
		order.Items = append(order.Items, orders.Item{ProductID: i.ProductID, Quantity: i.Quantity})
	}
	list := make([]orders.Payment, 0, len(o.Payments))
	for _, p := range o.Payments {
		list = append(list, orders.Payment{
			ID: p.ID, OrderID: o.ID, Gateway: p.Gateway, Key: or(p.Key), TransactionKey: or(p.TransactionKey), Status: orders.PaymentStatusOf(p.Status),
			Money: payment.Money{Amount: p.Amount, Currency: p.Currency}, FailureCode: or(p.FailureCode), Refunded: p.Refunded,
			CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt,
		})
	}
	return order, list
}

func at(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}
