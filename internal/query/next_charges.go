package query

import (
	"context"
	"fmt"
	"time"

	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/store"
)

// NextCharge is what follows for some of the invoices whose charges a run saw declined.
type NextCharge struct {
	Date    payment.Date // of the next retry; zero: there is none
	NewCard bool         `db:"new_card"` // the customer must enter another payment method before
	Count   int64
}

// Of an invoice that was declined more than once, the newest decline counts. A hard decline and one that asks the customer to act bar the method: see billing.
const selectNextCharges = `SELECT CASE WHEN i.status = 'open' THEN i.next_attempt_date END AS date,
COALESCE(i.status = 'open' AND a.decline_class IN ('hard', 'action'), FALSE) AS new_card, COUNT(*) AS count
FROM payment_attempts a FORCE INDEX (created_walk) JOIN invoices i ON i.id = a.invoice_id
WHERE a.created_at >= ? AND a.run_id = ? AND a.status = 'declined' AND a.attempt_no = i.attempts AND i.status IN ('open', 'uncollectible')
GROUP BY date, new_card ORDER BY date, new_card`

// NextCharges counts what follows for the charges that a run, which began at that instant, made and that were declined.
func NextCharges(ctx context.Context, db *mysql.DB, run uint64, since time.Time) ([]NextCharge, error) {
	var list []NextCharge
	if err := db.SelectContext(ctx, &list, selectNextCharges, since.UTC(), run); err != nil {
		return nil, fmt.Errorf("count what follows declines: %w", mysql.Classify(ctx, err))
	}
	return list, nil
}

const selectClaimCount = `SELECT COUNT(*) FROM payment_attempts WHERE status = 'in_flight' AND run_id = ?`

// CountClaims counts the charges that a run has claimed and not settled.
func CountClaims(ctx context.Context, db *mysql.DB, run uint64) (int64, error) {
	n, err := store.Count(ctx, db, selectClaimCount, run)
	return n, mysql.Classify(ctx, err)
}
