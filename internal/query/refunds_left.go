package query

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"duly/internal/mysql"
	"duly/internal/refunds"
	"duly/internal/store"
	"duly/internal/text"
)

const (
	// holds is the condition that b, a row of refunds, blocks other refunds of its payment until an operator resolves it.
	holds = `b.status = 'review' AND b.unsettled = 1`

	// behindAReview is the condition that f, a row of refunds, waits for such a refund.
	behindAReview = `f.status = 'requested' AND (EXISTS (SELECT 1 FROM refunds b WHERE b.payment_id = f.payment_id AND ` + holds + `) OR
EXISTS (SELECT 1 FROM refunds b WHERE b.invoice_id = f.invoice_id AND ` + holds + `))`
)

const selectRefundsLeft = `SELECT COUNT(*) AS waiting, COALESCE(SUM(c.refund_next_at IS NULL OR c.refund_next_at <= ?), 0) AS due,
COALESCE(SUM((c.refund_next_at IS NULL OR c.refund_next_at <= ?) AND EXISTS (SELECT 1 FROM refunds b WHERE b.payment_id = p.id AND ` + holds + `)), 0) AS behind,
MIN(CASE WHEN c.refund_next_at > ? THEN c.refund_next_at END) AS next_at FROM payments p LEFT JOIN order_checks c ON c.order_id = p.order_id WHERE p.status = 'refund_due'%s`

// RefundsLeft are the payments that are still to be refunded.
type RefundsLeft struct {
	Due     int64 // to be tried now
	Behind  int64 // to be tried once an operator has decided about another refund of the payment, which is in review
	Waiting int64 // to be tried at a later time, the first of them at Next
	Next    time.Time
}

// Reasons says what is left, n of it due.
func (l RefundsLeft) Reasons(n int64, what, due, waiting string) (reasons []string) {
	if n > 0 {
		reasons = append(reasons, text.Plural(n, what)+due)
	}
	if l.Waiting > 0 {
		reasons = append(reasons, text.Plural(l.Waiting, what)+waiting+", next try "+l.Next.UTC().Format(time.TimeOnly)+" UTC")
	}
	return reasons
}

// And adds up both: what waits behind a refund in review is due as well.
func (l RefundsLeft) And(other RefundsLeft) RefundsLeft {
	l.Due, l.Behind, l.Waiting = l.Due+l.Behind+other.Due+other.Behind, 0, l.Waiting+other.Waiting
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

const selectRequestedLeft = `SELECT COUNT(*) AS waiting, COALESCE(SUM(f.next_try_at IS NULL OR f.next_try_at <= ?), 0) AS due,
COALESCE(SUM((f.next_try_at IS NULL OR f.next_try_at <= ?) AND ` + behindAReview + `), 0) AS behind,
MIN(CASE WHEN f.next_try_at > ? THEN f.next_try_at END) AS next_at FROM refunds f WHERE f.status IN ('requested', 'in_flight', 'in_doubt') AND f.origin = 'request'%s`

// CountRequestedRefunds counts the selected rows of refunds that are not settled, those that a run has claimed included.
func CountRequestedRefunds(ctx context.Context, db *mysql.DB, selection store.Selection, now time.Time) (RefundsLeft, error) {
	only, args := selection.OnlyRefunds("f.")
	return readRefunds(ctx, db, fmt.Sprintf(selectRequestedLeft, only), now, args)
}

func readRefunds(ctx context.Context, db *mysql.DB, query string, now time.Time, selected []any) (RefundsLeft, error) {
	var row struct {
		Waiting int64
		Due     int64
		Behind  int64
		Next    sql.NullTime `db:"next_at"`
	}
	err := db.GetContext(ctx, &row, query, append([]any{now.UTC(), now.UTC(), now.UTC()}, selected...)...)
	return RefundsLeft{Due: row.Due - row.Behind, Behind: row.Behind, Waiting: row.Waiting - row.Due, Next: row.Next.Time}, mysql.Classify(ctx, err)
}

const selectBlockingRefunds = `SELECT b.id, b.sent_at IS NOT NULL AS sent, b.sent_at IS NULL AND COALESCE(b.refunded_before, 0) > 0 AS shown FROM refunds b WHERE ` + holds + ` AND (
EXISTS (SELECT 1 FROM refunds f WHERE f.payment_id = b.payment_id AND f.status = 'requested' AND f.origin = 'request') OR
EXISTS (SELECT 1 FROM refunds f WHERE f.invoice_id = b.invoice_id AND f.status = 'requested' AND f.origin = 'request') OR
EXISTS (SELECT 1 FROM payments p WHERE p.id = b.payment_id AND p.status = 'refund_due'))%s ORDER BY b.id LIMIT ?`

// mostBlocking is how many refunds are named one by one.
const mostBlocking = 3

// BlockingRefunds names the selected refunds in review that others of their payment wait for, each with the words that it may be resolved by.
func BlockingRefunds(ctx context.Context, db *mysql.DB, selection store.Selection) (reasons []string, err error) {
	only, args := selection.OnlyRefunds("b.")
	var rows []refunds.Held
	if err := db.SelectContext(ctx, &rows, fmt.Sprintf(selectBlockingRefunds, only), append(args, mostBlocking+1)...); err != nil {
		return nil, mysql.Classify(ctx, err)
	}
	for i, held := range rows {
		if i == mostBlocking {
			return append(reasons, "more refunds in review hold others of their payment up: duly list review --what refund"), nil
		}
		reasons = append(reasons, fmt.Sprintf("refund %d is in review, and others of its payment wait for it: %s", held.ID, held.Either()))
	}
	return reasons, nil
}
