package query

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"duly/internal/mysql"
	"duly/internal/store"
)

const selectRefundsLeft = `SELECT COUNT(*) AS waiting, COALESCE(SUM(c.refund_next_at IS NULL OR c.refund_next_at <= ?), 0) AS due,
MIN(CASE WHEN c.refund_next_at > ? THEN c.refund_next_at END) AS next_at FROM payments p LEFT JOIN order_checks c ON c.order_id = p.order_id WHERE p.status = 'refund_due'%s`

// RefundsLeft are the payments that are still to be refunded.
type RefundsLeft struct {
	Due     int64 // to be tried now
	Waiting int64 // to be tried at a later time, the first of them at Next
	Next    time.Time
}

// And adds up both.
func (l RefundsLeft) And(other RefundsLeft) RefundsLeft {
	l.Due, l.Waiting = l.Due+other.Due, l.Waiting+other.Waiting
	if l.Next.IsZero() || !other.Next.IsZero() && other.Next.Before(l.Next) {
		l.Next = other.Next
	}
	return l
}

// CountRefunds counts the selected payments that are still to be refunded, those that a run has claimed included.
func CountRefunds(ctx context.Context, db *mysql.DB, selection store.Selection, now time.Time) (RefundsLeft, error) {
	only, args := selection.OnlyOrders("p.order_id")
	return readRefunds(ctx, db, fmt.Sprintf(selectRefundsLeft, only), now, args)
}

const selectRequestedLeft = `SELECT COUNT(*) AS waiting, COALESCE(SUM(next_try_at IS NULL OR next_try_at <= ?), 0) AS due,
MIN(CASE WHEN next_try_at > ? THEN next_try_at END) AS next_at FROM refunds WHERE status IN ('requested', 'in_flight', 'in_doubt') AND origin = 'request'%s`

// CountRequestedRefunds counts the selected rows of refunds that are not settled, those that a run has claimed included.
func CountRequestedRefunds(ctx context.Context, db *mysql.DB, selection store.Selection, now time.Time) (RefundsLeft, error) {
	only, args := selection.OnlyRefunds("")
	return readRefunds(ctx, db, fmt.Sprintf(selectRequestedLeft, only), now, args)
}

func readRefunds(ctx context.Context, db *mysql.DB, query string, now time.Time, selected []any) (RefundsLeft, error) {
	var row struct {
		Waiting int64
		Due     int64
		Next    sql.NullTime `db:"next_at"`
	}
	err := db.GetContext(ctx, &row, query, append([]any{now.UTC(), now.UTC()}, selected...)...)
	return RefundsLeft{Due: row.Due, Waiting: row.Waiting - row.Due, Next: row.Next.Time}, mysql.Classify(ctx, err)
}
