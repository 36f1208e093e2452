package query

import (
	"context"
	"database/sql"
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

// A run of another job, such as one before it in the night, may have found the dead one.
const deadStart = `SELECT MIN(started_at) FROM job_runs WHERE status = 'abandoned' AND (recovered_by = ? OR finished_at >= ? AND finished_at <= ?)`

// TakenOverSince is the instant from which charges were made that a run may have settled that ran between two instants: the start of the
// first run that it recovered, or that was found dead meanwhile, or else its own.
func TakenOverSince(ctx context.Context, db *mysql.DB, run uint64, from, to time.Time) (time.Time, error) {
	var started sql.NullTime
	if err := db.GetContext(ctx, &started, deadStart, run, from.UTC(), to.UTC()); err != nil {
		return from, fmt.Errorf("look for runs that died: %w", mysql.Classify(ctx, err))
	}
	if started.Valid && started.Time.Before(from) {
		return started.Time, nil
	}
	return from, nil
}
