package query

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"
	"time"

	"duly/internal/batch"
	"duly/internal/mysql"
	"duly/internal/orders"
	"duly/internal/store"
	"duly/readers"
)

// OrdersLeft are the orders that are still to be checked.
type OrdersLeft struct {
	Due      int64 // to be checked now, by nobody yet
	InFlight int64 // being checked by other runs
	// Holders counts those in flight by the run that has claimed them.
	Holders map[uint64]int64
	// InDoubt are not decided and checked again later, the first of them at Next.
	InDoubt int64
	Next    time.Time
	// Elsewhere are due at gateways that are not configured on this host. They count among neither.
	Elsewhere []Elsewhere
}

// MostCounted is the most orders that are counted one by one: a backlog larger than that is reported as it.
const MostCounted = 10_000

// CountOrders counts the selected orders that are still to be checked and were due at that instant of the business
// clock. run is the run that asks; 0 for none. known says which gateways are configured; nil: that does not matter.
func CountOrders(ctx context.Context, db *mysql.DB, selection store.Selection, p orders.Policy, at time.Time, run uint64, known func(string) bool) (OrdersLeft, error) {
	left := OrdersLeft{Holders: map[uint64]int64{}}
	n := 0
	err := eachDue(ctx, db, selection, p, at, func(c orders.Claimed, holder uint64) bool {
		switch {
		case holder != 0 && holder != run:
			left.InFlight++
			left.Holders[holder]++
		case left.add(c, known):
		default:
			left.Due++
		}
		n++
		return n < MostCounted
	})
	if err == nil {
		err = countInDoubt(ctx, db, selection, at, &left)
	}
	return left, mysql.Classify(ctx, err)
}

// Orders hands every order that is to be checked now to each, page by page and without a lock; false from it ends the
// walk. held: a living run has claimed it.
func (p Preview) Orders(ctx context.Context, policy orders.Policy, now time.Time, each func(c orders.Claimed, held bool) bool) error {
	err := eachDue(ctx, p.DB, p.Selection, policy, now, func(c orders.Claimed, holder uint64) bool { return each(c, holder != 0) })
	return mysql.Classify(ctx, err)
}

// Later counts the selected orders that are not decided and are checked again later.
func (p Preview) Later(ctx context.Context, now time.Time) (OrdersLeft, error) {
	var left OrdersLeft
	err := countInDoubt(ctx, p.DB, p.Selection, now, &left)
	return left, mysql.Classify(ctx, err)
}

// eachDue hands every order that is due to each, once, with the living run that has claimed it.
func eachDue(ctx context.Context, db *mysql.DB, selection store.Selection, p orders.Policy, now time.Time, each func(c orders.Claimed, holder uint64) bool) error {
	walk := &readers.StaleOrders{DB: db, Selection: selection, Policy: p, Now: func() time.Time { return now }}
	seen := map[uint64]bool{}
	for {
		part, done, err := walk.Look(ctx)
		if err != nil || done {
			return err
		}
		ids := slices.DeleteFunc(slices.Clone(part), func(id uint64) bool { return seen[id] })
		page, holders, err := legibleOrders(ctx, db, ids, p, now)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if c, ok := page[id]; ok {
				seen[id] = true
				if !each(*c, holders[id]) {
					return nil
				}
			}
		}
	}
}

// legibleOrders is peekOrders, but that an order which cannot be read, since a column of a shop's view is NULL, has no more than its id: it
// is due until a run names it.
func legibleOrders(ctx context.Context, db *mysql.DB, ids []uint64, p orders.Policy, now time.Time) (map[uint64]*orders.Claimed, map[uint64]uint64, error) {
	page, holders, err := peekOrders(ctx, db, ids, p, now)
	if err == nil || !errors.Is(mysql.Classify(ctx, err), batch.ErrData) {
		return page, holders, err
	}
	page, holders = map[uint64]*orders.Claimed{}, map[uint64]uint64{}
	for _, id := range ids {
		one, held, err := peekOrders(ctx, db, []uint64{id}, p, now)
		switch {
		case err == nil:
			maps.Copy(page, one)
			maps.Copy(holders, held)
		case errors.Is(mysql.Classify(ctx, err), batch.ErrData):
			page[id] = &orders.Claimed{Order: orders.Order{ID: id}}
		default:
			return nil, nil, err
		}
	}
	return page, holders, nil
}

// peekOrders reads those of the orders that are due, and which living runs have claimed them.
func peekOrders(ctx context.Context, db *mysql.DB, ids []uint64, p orders.Policy, now time.Time) (map[uint64]*orders.Claimed, map[uint64]uint64, error) {
	if len(ids) == 0 {
		return nil, nil, nil
	}
	var rows []store.CheckRow
	if err := mysql.SelectIn(ctx, db, &rows, store.CheckRows, ids); err != nil {
		return nil, nil, err
	}
	holders := map[uint64]uint64{}
	var running []uint64
	known := make(map[uint64]bool, len(rows))
	if len(rows) > 0 {
		if err := mysql.SelectIn(ctx, db, &running, store.RunningRuns, store.SortedIDs(rows, func(r store.CheckRow) uint64 { return r.RunID.V })); err != nil {
			return nil, nil, err
		}
	}
	for _, r := range rows {
		known[r.OrderID] = true
		if len(r.Lease) == 16 && slices.Contains(running, r.RunID.V) {
			holders[r.OrderID] = r.RunID.V
		}
	}
	for _, id := range ids {
		if !known[id] {
			rows = append(rows, store.CheckRow{OrderID: id})
		}
	}
	page, err := store.DueOrders(ctx, db, rows, p, now)
	return page, holders, err
}

// Second looks at payments that were given up are no doubt: they are a precaution.
const inDoubtOrders = `SELECT COUNT(*) AS waiting, MIN(c.next_check_at) AS next_at FROM order_checks c LEFT JOIN orders o ON o.id = c.order_id
WHERE c.next_check_at > ? AND c.reason IS NULL AND (o.status IN ('pending', 'payment_in_progress')
OR EXISTS (SELECT 1 FROM payments p WHERE p.order_id = c.order_id AND p.status = 'pending'))`

func countInDoubt(ctx context.Context, db *mysql.DB, selection store.Selection, at time.Time, left *OrdersLeft) error {
	only, args := selection.OnlyOrders("c.order_id")
	var row struct {
		Waiting int64
		Next    sql.NullTime `db:"next_at"`
	}
	err := db.GetContext(ctx, &row, inDoubtOrders+only, append([]any{at.UTC()}, args...)...)
	left.InDoubt, left.Next = row.Waiting, row.Next.Time
	return err
}

const frozenOrders = `SELECT order_id FROM order_checks WHERE reason IS NOT NULL AND checked_at >= ? ORDER BY checked_at, order_id LIMIT ?`

// NewOrderReviews lists orders that were left to an operator at that instant of the database's clock or later.
func NewOrderReviews(ctx context.Context, db *mysql.DB, since time.Time, limit int) ([]uint64, error) {
	var ids []uint64
	err := db.SelectContext(ctx, &ids, frozenOrders, since.UTC(), limit)
	return ids, mysql.Classify(ctx, err)
}

const presentOrders = `SELECT id FROM orders WHERE id IN (?)`

// MissingOrders lists those of the selected orders that are not there.
func MissingOrders(ctx context.Context, db *mysql.DB, selection store.Selection) ([]uint64, error) {
	return store.Absent(ctx, db, presentOrders, selection.Orders)
}
