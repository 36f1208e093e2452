package writers

import (
	"context"
	"slices"

	"github.com/jmoiron/sqlx"

	"duly/internal/batch"
	"duly/internal/mysql"
	"duly/internal/runs"
)

// Expired deletes what has been kept for long enough, by primary key and in transactions as small as its caller
// makes them.
type Expired struct {
	DB *mysql.DB
}

const (
	lockRuns    = `SELECT id FROM job_runs WHERE id IN (?) ORDER BY id FOR UPDATE`
	deleteSteps = `DELETE FROM step_runs WHERE run_id IN (?)`
	deleteRuns  = `DELETE FROM job_runs WHERE id IN (?)`
	lockFirings = `SELECT id FROM schedule_firings WHERE id IN (?) ORDER BY id FOR UPDATE`
	lockEvents  = `SELECT id FROM events WHERE id IN (?) ORDER BY id FOR UPDATE`
	undelivered = `SELECT event_id FROM event_deliveries WHERE event_id IN (?) AND status <> 'delivered'`

	deleteFirings    = `DELETE FROM schedule_firings WHERE id IN (?)`
	deleteDeliveries = `DELETE FROM event_deliveries WHERE event_id IN (?)`
	deleteEvents     = `DELETE FROM events WHERE id IN (?)`
)

// Runs deletes runs that have ended, with their steps. It returns how many there still were.
func (w *Expired) Runs(ctx context.Context, ids []uint64) (int64, error) {
	return w.delete(ctx, ids, lockRuns, nil, deleteSteps, deleteRuns)
}

// Firings deletes firings that have ended. It returns how many there still were.
func (w *Expired) Firings(ctx context.Context, ids []uint64) (int64, error) {
	return w.delete(ctx, ids, lockFirings, nil, deleteFirings)
}

// Events deletes those of the events that were delivered wherever they were to go, with their deliveries. It
// returns how many there were.
func (w *Expired) Events(ctx context.Context, ids []uint64) (int64, error) {
	return w.delete(ctx, ids, lockEvents, withoutUndelivered, deleteDeliveries, deleteEvents)
}

// Undelivered are those of the events that some sink has not got, and that Events keeps.
func (w *Expired) Undelivered(ctx context.Context, ids []uint64) ([]uint64, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	var kept []uint64
	err := mysql.SelectIn(ctx, w.DB, &kept, undelivered, ids)
	slices.Sort(kept) // an event has a row for each sink
	return slices.Compact(kept), mysql.Classify(ctx, err)
}

// delete runs the statements for the rows that lock finds and keep lets go.
func (w *Expired) delete(
	ctx context.Context, ids []uint64, lock string,
	keep func(context.Context, *sqlx.Tx, []uint64) ([]uint64, error), statements ...string,
) (deleted int64, err error) {
	if len(ids) == 0 {
		return 0, nil
	}
	err = mysql.Tx(ctx, w.DB, "prune", func(tx *sqlx.Tx) error {
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
	if err := mysql.SelectIn(ctx, tx, &kept, undelivered, ids); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(ids, func(id uint64) bool { return slices.Contains(kept, id) }), nil
}
