package runs

import (
	"context"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/mysql"
)

// Dead is a run that died: it was marked as abandoned by a later one.
type Dead struct {
	ID           uint64
	Job          string
	BusinessDate string `db:"business_date"` // 2026-01-31
	Host         string
	Beat         time.Time `db:"heartbeat_at"` // its last
}

const (
	untoldDead = `SELECT id, job, DATE_FORMAT(business_date, '%Y-%m-%d') AS business_date, host, heartbeat_at FROM job_runs
WHERE status = 'abandoned' AND heartbeat_at >= UTC_TIMESTAMP(6) - INTERVAL ? SECOND
AND told_at IS NULL ORDER BY heartbeat_at DESC, id DESC LIMIT ? FOR UPDATE SKIP LOCKED`
	markTold   = `UPDATE job_runs SET told_at = UTC_TIMESTAMP(6) WHERE told_at IS NULL AND id IN (?)`
	unmarkTold = `UPDATE job_runs SET told_at = NULL WHERE id IN (?)`
)

// TakeDead takes those of the runs that died within so long, newest first, that people were not told of: nobody else
// tells of them unless NotTold gives them back.
func TakeDead(ctx context.Context, db *mysql.DB, within time.Duration, limit int) ([]Dead, error) {
	var dead []Dead
	err := mysql.Tx(ctx, db, "told", func(tx *sqlx.Tx) error {
		dead = dead[:0]
		if err := tx.SelectContext(ctx, &dead, untoldDead, int64(within.Seconds()), limit); err != nil || len(dead) == 0 {
			return err
		}
		ids := make([]uint64, len(dead))
		for i, d := range dead {
			ids[i] = d.ID
		}
		return inIDs(ctx, tx, markTold, ids)
	})
	return dead, err
}

// MarkNotified marks runs that people were told of.
func MarkNotified(ctx context.Context, db *mysql.DB, ids []uint64) error {
	return told(ctx, db, markTold, ids)
}

// UnmarkNotified takes the mark back: people could not be told.
func UnmarkNotified(ctx context.Context, db *mysql.DB, ids []uint64) error {
	return told(ctx, db, unmarkTold, ids)
}

func told(ctx context.Context, db *mysql.DB, query string, ids []uint64) error {
	if len(ids) == 0 {
		return nil
	}
	return mysql.Tx(ctx, db, "told", func(tx *sqlx.Tx) error { return inIDs(ctx, tx, query, ids) })
}

func inIDs(ctx context.Context, tx *sqlx.Tx, query string, ids []uint64) error {
	query, args, err := mysql.In(query, ids)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, query, args...)
	return err
}
