package claims

import (
	"context"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/mysql"
)

// over_us: how long ago, in microseconds, the last lease that the run may have believed in ran out. Of a run that was found dead
// before its lease was over it is less than 0: until then, even if that was wrong, it sends.
const selectWorkers = `SELECT id, status = 'running' AS running, GREATEST(IF(status = 'abandoned', LEAST(0, silent_us - 1000 * lease_ms), 0), silent_us - 2000 * lease_ms) AS over_us
FROM (SELECT id, status, lease_ms, TIMESTAMPDIFF(MICROSECOND, heartbeat_at, UTC_TIMESTAMP(6)) AS silent_us FROM job_runs WHERE id IN (?)) r`

// Worker is a run that an attempt belonged to.
type Worker struct {
	ID      uint64
	Running bool
	OverUS  int64 `db:"over_us"`
}

// WorkersOf reads runs by their ids.
func WorkersOf(ctx context.Context, tx *sqlx.Tx, runs []uint64) (map[uint64]Worker, error) {
	var found []Worker
	if err := mysql.SelectIn(ctx, tx, &found, selectWorkers, runs); err != nil {
		return nil, err
	}
	workers := make(map[uint64]Worker, len(found))
	for _, w := range found {
		workers[w.ID] = w
	}
	return workers, nil
}

// SentBy is an instant by which the worker had sent what it held, or never would: it sends nothing once its lease has run
// out. A server that took over may lack its last heartbeat, so that one lease more is allowed for. now is the latest that it
// can be, unless the worker was found dead before its lease was over, and what it is where nothing is known of the worker.
func (w Worker) SentBy(now time.Time) time.Time {
	return mysql.Stored(now.Add(-time.Duration(w.OverUS) * time.Microsecond))
}
