package store

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/mysql"
	"duly/internal/orders"
)

// CheckRows reads what is kept about orders as [CheckRow].
const CheckRows = `SELECT order_id, checks, lease, run_id, next_check_at, checked_at, reason, patience FROM order_checks WHERE order_id IN (?)`

// CheckRow is the bookkeeping about an order.
type CheckRow struct {
	OrderID   uint64 `db:"order_id"`
	Checks    int
	Lease     []byte
	RunID     sql.Null[uint64] `db:"run_id"`
	NextAt    sql.NullTime     `db:"next_check_at"`
	CheckedAt sql.NullTime     `db:"checked_at"`
	Reason    sql.NullString
	Patience  sql.NullString
}

// DueOrders reads the orders of rows that are to be checked now, those that a run has claimed included.
func DueOrders(ctx context.Context, q sqlx.QueryerContext, rows []CheckRow, p orders.Policy, now time.Time) (map[uint64]*orders.Claimed, error) {
	all, err := OrdersOf(ctx, q, SortedIDs(rows, func(r CheckRow) uint64 { return r.OrderID }))
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		c := all[r.OrderID]
		c.Checks, c.Patience = r.Checks, orders.ParsePatience(r.Patience.String)
		if !due(*c, r, p, now) {
			delete(all, r.OrderID)
		}
	}
	return all, nil
}

// due reports whether an order is to be checked now.
func due(c orders.Claimed, r CheckRow, p orders.Policy, now time.Time) bool {
	switch {
	case r.Reason.Valid: // an operator has it
		return false
	case !orders.Stale(c.Order, c.Payments, p, now):
		return false
	case r.NextAt.Valid:
		return !r.NextAt.Time.After(now)
	case c.Status.Open():
		return true
	}
	for _, pay := range c.Payments {
		switch {
		case pay.Status == orders.PaymentPending:
			return true
		case pay.Status != orders.PaymentFailed || !orders.MustAsk(c.Order, pay): // the gateway has given its word
		case !r.CheckedAt.Valid || pay.CreatedAt.After(r.CheckedAt.Time) || pay.UpdatedAt.After(r.CheckedAt.Time):
			return true // it failed after the check that said the last word
		}
	}
	return false
}

const presentChecks = `SELECT order_id FROM order_checks WHERE order_id IN (?)`

// AddChecks makes sure that each order has its row of bookkeeping.
func AddChecks(ctx context.Context, tx *sqlx.Tx, ids []uint64) error {
	var there []uint64
	if err := mysql.SelectIn(ctx, tx, &there, presentChecks, ids); err != nil {
		return err
	}
	slices.Sort(there)
	var rows [][]any
	for _, id := range ids {
		if _, is := slices.BinarySearch(there, id); !is {
			rows = append(rows, []any{id})
		}
	}
	_, err := mysql.Insert(ctx, tx, InsertChecks, rows, "")
	return err
}

// InsertChecks begins an INSERT of rows about orders that have none.
const InsertChecks = `INSERT IGNORE INTO order_checks (order_id) VALUES `
