package query

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"duly/internal/mysql"
	"duly/internal/store"
)

// CountUndelivered counts the selected events that a sink has not got, those that a run has claimed included.
func CountUndelivered(ctx context.Context, db *mysql.DB, sink string, selection store.Selection) (Undelivered, error) {
	only, args := selection.OnlySubjects("d.subject")
	var row struct {
		Pending int64
		Failed  int64
		Next    sql.NullTime `db:"next_try"`
	}
	err := db.GetContext(ctx, &row, fmt.Sprintf(undeliveredRows, only), append([]any{sink}, args...)...)
	return Undelivered{row.Pending, row.Failed, row.Next.Time}, mysql.Classify(ctx, err)
}

const undeliveredRows = `SELECT COUNT(*) AS pending, COALESCE(SUM(d.tries > 0), 0) AS failed,
MIN(CASE WHEN d.tries > 0 THEN d.next_try_at END) AS next_try FROM event_deliveries d WHERE d.sink = ? AND d.status = 'pending'%s`

// Undelivered are the events that a sink has not got yet.
type Undelivered struct {
	Pending int64
	Failed  int64 // those of them that were tried
	NextTry time.Time
}
