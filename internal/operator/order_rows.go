package operator

import (
	"context"
	"database/sql"
	"errors"

	"github.com/jmoiron/sqlx"

	"duly/internal/mysql"
	"duly/internal/orders"
	"duly/internal/query/details"
)

// OrderForOperator reads an order for an operator's command within its transaction; lock is the clause that locks
// the rows, if any. It returns nothing if there is none of that id.
func OrderForOperator(ctx context.Context, q sqlx.QueryerContext, id uint64, lock string) (*orders.Order, []orders.Payment, orders.Check, error) {
	var o details.Order
	if err := sqlx.GetContext(ctx, q, &o, details.ShowOrder+lock, id); errors.Is(err, sql.ErrNoRows) {
		return nil, nil, orders.Check{}, nil
	} else if err != nil {
		return nil, nil, orders.Check{}, err
	}
	if err := sqlx.SelectContext(ctx, q, &o.Payments, details.ShowPayments+lock, id); err != nil {
		return nil, nil, orders.Check{}, err
	}
	check, err := details.CheckOf(ctx, q, id)
	if err != nil {
		return nil, nil, orders.Check{}, err
	}
	order, list := o.Rules()
	return &order, list, check.Rules(), nil
}

const selectOrderOfPayment = `SELECT COALESCE(order_id, 0) FROM payments WHERE id = ?`

// OrderOfPayment is the order that a payment belongs to; 0 if there is no such payment.
func OrderOfPayment(ctx context.Context, db *mysql.DB, id uint64) (uint64, error) {
	var order uint64
	err := db.GetContext(ctx, &order, selectOrderOfPayment, id)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return order, mysql.Classify(ctx, err)
}
