package store

import (
	"context"

	"github.com/jmoiron/sqlx"

	"duly/internal/mysql"
)

// FailedRow is a row that a run left because the database failed on it.
type FailedRow struct {
	Kind string // subscription, invoice, order, payment or event
	ID   uint64
}

const (
	// A row that failed long ago and was written since begins anew.
	addRowFailure = `INSERT INTO row_failures (kind, row_id, run_id, reason) VALUES (?, ?, ?, ?) ON DUPLICATE KEY UPDATE
runs = IF(run_id = VALUES(run_id), runs, IF(last_seen_at < UTC_TIMESTAMP(6) - INTERVAL 7 DAY, 1, runs + 1)),
first_seen_at = IF(last_seen_at < UTC_TIMESTAMP(6) - INTERVAL 7 DAY, UTC_TIMESTAMP(6), first_seen_at),
run_id = VALUES(run_id), reason = VALUES(reason), last_seen_at = UTC_TIMESTAMP(6)`
	selectRowFailure = `SELECT runs FROM row_failures WHERE kind = ? AND row_id = ?`
	oldRowFailures   = `DELETE FROM row_failures WHERE last_seen_at < UTC_TIMESTAMP(6) - INTERVAL 90 DAY LIMIT 100`
)

// RowFailed records that a run left a row. It returns how many runs have left it so far; runs more than a week apart do not count
// together.
func RowFailed(ctx context.Context, db *mysql.DB, row FailedRow, run uint64, reason string) (runs int, err error) {
	err = mysql.Repeat(ctx, db, "row-failure", func(tx *sqlx.Tx) error {
		if _, err := tx.ExecContext(ctx, oldRowFailures); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, addRowFailure, row.Kind, row.ID, run, mysql.Cut(reason, 255)); err != nil {
			return err
		}
		return tx.GetContext(ctx, &runs, selectRowFailure, row.Kind, row.ID)
	})
	return runs, err
}
