package readers

import (
	"context"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/mysql"
	"duly/internal/orders"
)

// Every query of the walk reads an index in its own order, without a lock.
const (
	// An instant is handed back as it is stored: the shop's may be none.
	scheduledWalk = `SELECT order_id AS id, CAST(next_check_at AS CHAR) AS at FROM order_checks
WHERE next_check_at <= ? AND (next_check_at > ? OR (next_check_at = ? AND order_id > ?)) ORDER BY next_check_at, order_id LIMIT ?`

	staleWalk = `SELECT id, CAST(created_at AS CHAR) AS at FROM orders
WHERE status = ? AND created_at <= ? AND (created_at > ? OR (created_at = ? AND id > ?)) ORDER BY created_at, id LIMIT ?`

	pendingWalk = `SELECT id FROM payments WHERE status = 'pending' AND id > ? ORDER BY id LIMIT ?`

	failedWalk     = `SELECT id FROM payments WHERE status = 'failed' AND failure_code = ? AND id > ? ORDER BY id LIMIT ?`
	failedNullWalk = `SELECT id FROM payments WHERE status = 'failed' AND failure_code IS NULL AND id > ? ORDER BY id LIMIT ?`

	// Orders that are frozen, or not yet due again.
	notDueOrders = `SELECT order_id FROM order_checks WHERE order_id IN (?) AND (reason IS NOT NULL OR next_check_at > ?)`

	// The orders of payments that nobody has touched lately, but for those that are frozen or not yet due again. Those
	// that failed count only if they were not there at the last check, which said its last word.
	ordersOfPayments = `SELECT DISTINCT p.order_id FROM payments p LEFT JOIN order_checks c ON c.order_id = p.order_id
WHERE p.id IN (?) AND p.created_at <= ? AND p.updated_at <= ? AND (c.order_id IS NULL OR c.reason IS NULL AND (c.next_check_at <= ?
OR c.next_check_at IS NULL AND (p.status = 'pending' OR c.checked_at IS NULL OR p.created_at > c.checked_at OR p.updated_at > c.checked_at)))`
)

const (
	// walkPage is how many index entries are read at once. It is large because MariaDB, where most entries are of one
	// status, enters the index at its first of them, and reads again with each page what is behind the walk.
	walkPage = 50_000
	// lookPage is how many of them are looked at at once. Of a long history most are passed over.
	lookPage = 1000
)

// source is one index that orders are found in, in the order of the walk.
type source int

const (
	scheduled  source = iota // orders whose next check is due
	inProgress               // orders that wait for their payment
	pending                  // orders that nobody has begun to pay
	unpaid                   // payments that are pending, whatever their order's status
	failedNull               // payments that failed without the gateway's word
	failedEmpty
	failedRequest
	walkEnd
)

// orderWalk finds orders that look due, source by source.
type orderWalk struct {
	source source
	at     string // the key that was read last
	id     uint64
	read   []uint64 // index entries that are yet to be looked at
	last   bool     // they are the source's last
}

// found is an entry of an index: an order, or a payment.
type found struct {
	ID uint64
	At string
}

// next looks at the next entries, oldest first, and moves on. No candidates among them say nothing about those that
// come; the walk is over at walkEnd.
func (w *orderWalk) next(ctx context.Context, q sqlx.QueryerContext, p orders.Policy, now time.Time) ([]uint64, error) {
	stale := now.Add(-p.OlderThan)
	if len(w.read) == 0 {
		if err := w.fill(ctx, q, stale, now); err != nil {
			return nil, err
		}
	}
	ids := w.read[:min(lookPage, len(w.read))]
	rest := w.read[len(ids):]
	var err error
	switch {
	case len(ids) == 0:
	case w.source >= unpaid:
		ids, err = orderIDs(ctx, q, ids, stale, now)
	default:
		ids, err = dueIDs(ctx, q, ids, now)
	}
	if err != nil {
		return nil, err
	}
	if w.read = rest; len(rest) == 0 && w.last {
		*w = orderWalk{source: w.source + 1}
	}
	return ids, nil
}

// fill reads the next entries of the source.
func (w *orderWalk) fill(ctx context.Context, q sqlx.QueryerContext, stale, now time.Time) error {
	page, err := w.page(ctx, q, stale, now)
	if err != nil {
		return err
	}
	w.read = make([]uint64, len(page))
	for i, f := range page {
		w.read[i], w.at, w.id = f.ID, f.At, f.ID
	}
	w.last = len(page) < walkPage
	return nil
}

func (w *orderWalk) page(ctx context.Context, q sqlx.QueryerContext, stale, now time.Time) ([]found, error) {
	from := w.at
	if from == "" {
		from = "0000-00-00 00:00:00"
	}
	var query string
	var args []any
	switch w.source {
	case scheduled:
		query, args = scheduledWalk, []any{now, from, from, w.id}
	case inProgress:
		query, args = staleWalk, []any{string(orders.OrderInProgress), stale, from, from, w.id}
	case pending:
		query, args = staleWalk, []any{string(orders.OrderPending), stale, from, from, w.id}
	case unpaid:
		query, args = pendingWalk, []any{w.id}
	case failedNull:
		query, args = failedNullWalk, []any{w.id}
	case failedEmpty:
		query, args = failedWalk, []any{"", w.id}
	case failedRequest:
		query, args = failedWalk, []any{orders.FailureRequest, w.id}
	case walkEnd:
		return nil, nil
	}
	var page []found
	err := sqlx.SelectContext(ctx, q, &page, query, append(args, walkPage)...)
	return page, err
}

// orderIDs are the orders of payments that look due.
func orderIDs(ctx context.Context, q sqlx.QueryerContext, payments []uint64, stale, now time.Time) ([]uint64, error) {
	var ids []uint64
	err := mysql.SelectIn(ctx, q, &ids, ordersOfPayments, payments, stale, stale, now)
	return ids, err
}

// dueIDs keeps the orders that look due.
func dueIDs(ctx context.Context, q sqlx.QueryerContext, ids []uint64, now time.Time) ([]uint64, error) {
	var not []uint64
	if err := mysql.SelectIn(ctx, q, &not, notDueOrders, ids, now); err != nil || len(not) == 0 {
		return ids, err
	}
	slices.Sort(not)
	return slices.DeleteFunc(ids, func(id uint64) bool {
		_, is := slices.BinarySearch(not, id)
		return is
	}), nil
}
