package query

import (
	"context"
	"fmt"
	"time"

	"duly/internal/mysql"
)

// DeclineSum is how many charges were declined for one reason.
type DeclineSum struct {
	Class, Code string
	Count       int64
}

const selectDeclineSums = `SELECT COALESCE(decline_class, '') AS class, COALESCE(decline_code, '') AS code,
COUNT(*) AS count FROM payment_attempts WHERE created_at >= ? AND created_at <= ? AND run_id = ? AND status = 'declined'
GROUP BY class, code ORDER BY count DESC, class, code LIMIT ?`

// DeclineSums counts the charges that a run made between two instants of the business clock and that were declined, by
// reason, the commonest first.
func DeclineSums(ctx context.Context, db *mysql.DB, run uint64, from, to time.Time, limit int) ([]DeclineSum, error) {
	var list []DeclineSum
	if err := db.SelectContext(ctx, &list, selectDeclineSums, from.UTC(), to.UTC(), run, limit); err != nil {
		return nil, fmt.Errorf("count declines: %w", mysql.Classify(ctx, err))
	}
	return list, nil
}
