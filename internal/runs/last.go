package runs

import (
	"context"
	"fmt"
	"time"

	"duly/internal/mysql"
)

// LastRun is the newest run of a job that has ended.
type LastRun struct {
	ID       uint64
	Job      string
	Status   string
	ExitCode *int      `db:"exit_code"` // nil: it died
	Started  time.Time `db:"started_at"`
	Ended    time.Time `db:"ended_at"` // of one that died: its last heartbeat
}

// A run that died has no end; what is known of it is its last heartbeat.
const selectLastRuns = `SELECT id, job, status, exit_code, started_at, COALESCE(finished_at, heartbeat_at) AS ended_at FROM job_runs
WHERE id IN (SELECT MAX(id) FROM job_runs WHERE status <> 'running' GROUP BY job) ORDER BY job`

// LastRuns reads the newest run of each job that has ended.
func LastRuns(ctx context.Context, db *mysql.DB) ([]LastRun, error) {
	var rows []LastRun
	if err := db.SelectContext(ctx, &rows, selectLastRuns); err != nil {
		return nil, fmt.Errorf("read the last runs: %w", mysql.Classify(ctx, err))
	}
	return rows, nil
}

// A run of some rows or steps alone, or for another day than its own, leaves the others behind, whatever it exits with.
const selectLastSuccesses = `SELECT job, MAX(finished_at) AS ended_at FROM job_runs WHERE status = 'completed' AND exit_code = 0
AND JSON_CONTAINS_PATH(params, 'one', '$.subscriptions', '$.orders', '$.steps', '$.elsewhen') = 0 GROUP BY job`

// LastSuccesses reads when the last run of each job ended that covered all of its work for its own day and exited with 0.
func LastSuccesses(ctx context.Context, db *mysql.DB) (map[string]time.Time, error) {
	var rows []struct {
		Job   string
		Ended time.Time `db:"ended_at"`
	}
	if err := db.SelectContext(ctx, &rows, selectLastSuccesses); err != nil {
		return nil, fmt.Errorf("read the last successes: %w", mysql.Classify(ctx, err))
	}
	ends := make(map[string]time.Time, len(rows))
	for _, row := range rows {
		ends[row.Job] = row.Ended
	}
	return ends, nil
}
