package worklist

import (
	"context"
	"time"

	"duly/internal/mysql"
	"duly/internal/payment"
)

// StuckRow is a row that several runs have left because the database failed on it.
type StuckRow struct {
	Kind   string    `json:"kind"` // subscription, invoice, order or event
	ID     uint64    `json:"id" db:"row_id"`
	Runs   int       `json:"runs"`
	Reason string    `json:"reason"`
	Since  time.Time `json:"since" db:"first_seen_at"`
}

// StuckRuns is how many runs must have left a row before it is listed by itself.
const StuckRuns = 3

// A row that was written since is not stuck any more.
const failedRows = `SELECT kind, row_id, runs, reason, first_seen_at FROM row_failures f
WHERE f.last_seen_at > UTC_TIMESTAMP(6) - INTERVAL 7 DAY AND f.runs >= ?
AND (f.kind <> 'invoice' OR EXISTS (SELECT 1 FROM invoices i WHERE i.id = f.row_id AND i.status IN ('open', 'charging')))
AND (f.kind <> 'subscription' OR EXISTS (SELECT 1 FROM subscriptions s WHERE s.id = f.row_id AND s.status IN ('active', 'past_due') AND s.next_billing_date <= ?))
AND (f.kind <> 'event' OR EXISTS (SELECT 1 FROM event_deliveries d WHERE d.event_id = f.row_id AND d.status = 'pending'))
ORDER BY f.first_seen_at, f.kind, f.row_id LIMIT ?`

// StuckRows lists the rows that at least [StuckRuns] runs have left, the oldest first.
func StuckRows(ctx context.Context, db *mysql.DB, business payment.Date, limit int) ([]StuckRow, error) {
	list := []StuckRow{}
	err := db.SelectContext(ctx, &list, failedRows, StuckRuns, business, limit)
	return list, mysql.Classify(ctx, err)
}
