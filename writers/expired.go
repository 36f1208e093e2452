package writers

import (
	"context"
	"slices"

	"github.com/jmoiron/sqlx"

	"duly/internal/batch"
	"duly/internal/mysql"
	"duly/internal/runs"
)

const (
	lockRuns          = `SELECT id FROM job_runs WHERE id IN (?) ORDER BY id FOR UPDATE`
	deleteSteps       = `DELETE FROM step_runs WHERE run_id IN (?)`
	deleteRunRows     = `DELETE FROM job_runs WHERE id IN (?)`
	lockFirings       = `SELECT id FROM schedule_firings WHERE id IN (?) ORDER BY id FOR UPDATE`
	lockEvents        = `SELECT id FROM events WHERE id IN (?) ORDER BY id FOR UPDATE`
	selectUndelivered = `SELECT event_id FROM event_deliveries WHERE event_id IN (?) AND status <> 'delivered'`

	deleteFiringRows = `DELETE FROM schedule_firings WHERE id IN (?)`
	deleteDeliveries = `DELETE FROM event_deliveries WHERE event_id IN (?)`
	deleteEventRows  = `DELETE FROM events WHERE id IN (?)`
)

// DeleteRuns deletes runs that have ended, with their steps. It returns how many there still were.
func DeleteRuns(ctx context.Context, db *mysql.DB, ids []uint64) (int64, error) {
	return deleteExpired(ctx, db, ids, lockRuns, nil, deleteSteps, deleteRunRows)
}

// DeleteFirings deletes firings that have ended. It returns how many there still were.
func DeleteFirings(ctx context.Context, db *mysql.DB, ids []uint64) (int64, error) {
	return deleteExpired(ctx, db, ids, lockFirings, nil, deleteFiringRows)
}

// DeleteEvents deletes those of the events that were delivered wherever they were to go, with their deliveries. It
// returns how many there were.
func DeleteEvents(ctx context.Context, db *mysql.DB, ids []uint64) (int64, error) {
	return deleteExpired(ctx, db, ids, lockEvents, withoutUndelivered, deleteDeliveries, deleteEventRows)
}

// Undelivered are those of the events that some sink has not got, and that DeleteEvents keeps.
func Undelivered(ctx context.Context, db *mysql.DB, ids []uint64) ([]uint64, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	var kept []uint64
	err := mysql.SelectIn(ctx, db, &kept, selectUndelivered, ids)
	slices.Sort(kept) // an event has a row for each sink
	return slices.Compact(kept), mysql.Classify(ctx, err)
}

// deleteExpired runs the statements for the rows that lock finds and keep lets go: what has been kept for long enough is deleted by
// primary key, in transactions as small as the caller makes them.
func deleteExpired(
	ctx context.Context, db *mysql.DB, ids []uint64, lock string,
	keep func(context.Context, *sqlx.Tx, []uint64) ([]uint64, error), statements ...string,
) (deleted int64, err error) {
	if len(ids) == 0 {
		return 0, nil
	}
	err = mysql.Tx(ctx, db, "prune", func(tx *sqlx.Tx) error {
		deleted = 0
		var old []uint64
		if err := mysql.SelectIn(ctx, tx, &old, lock, ids); err != nil {
			return err
		}
		if err := runs.Hold(ctx, tx, batch.Execution(ctx).Run); err != nil {
			return err
		}
		if keep != nil && len(old) > 0 {
			var err error
			if old, err = keep(ctx, tx, old); err != nil {
				return err
			}
		}
		if len(old) == 0 {
			return nil
		}
		for _, statement := range statements {
			query, args, err := mysql.In(statement, old)
			if err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, query, args...); err != nil {
				return err
			}
		}
		deleted = int64(len(old))
		return nil
	})
	return deleted, err
}

// withoutUndelivered leaves out events that some sink has not got.
func withoutUndelivered(ctx context.Context, tx *sqlx.Tx, ids []uint64) ([]uint64, error) {
	var kept []uint64
	if err := mysql.SelectIn(ctx, tx, &kept, selectUndelivered, ids); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(ids, func(id uint64) bool { return slices.Contains(kept, id) }), nil
}
