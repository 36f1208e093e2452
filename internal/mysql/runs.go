package mysql

import (
	"context"
	"fmt"
	"time"
)

// PastRun is a run as it stands in job_runs.
type PastRun struct {
	ID           uint64
	Job          string
	BusinessDate string `db:"business_date"` // 2026-01-31
	Params       []byte
	Status       string
	ExitCode     *int    `db:"exit_code"`
	RerunOf      *uint64 `db:"rerun_of"`
	Host         string
	PID          int
	Version      string
	LeaseMS      int64      `db:"lease_ms"`
	Beat         time.Time  `db:"heartbeat_at"`
	Started      time.Time  `db:"started_at"`
	Finished     *time.Time `db:"finished_at"`
	Error        *string
}

const runColumns = `id, job, DATE_FORMAT(business_date, '%Y-%m-%d') AS business_date, params, status, exit_code, rerun_of, host, pid, version, lease_ms, heartbeat_at,
started_at, finished_at, error`

// FindRun reads one run; nil if there is none of that id.
func FindRun(ctx context.Context, db *DB, id uint64) (*PastRun, error) {
	var rows []PastRun
	if err := db.SelectContext(ctx, &rows, `SELECT `+runColumns+` FROM job_runs WHERE id = ?`, id); err != nil {
		return nil, fmt.Errorf("read run %d: %w", id, Classify(ctx, err))
	}
	if len(rows) == 0 {
		return nil, nil //nolint:nilnil // none
	}
	return &rows[0], nil
}

// Pause is a job or a gateway that an operator holds back.
type Pause struct {
	Subject string
	Who     string
	Reason  string
	Since   time.Time
}

// Paused reads the pause of a job; nil if it is not paused.
func Paused(ctx context.Context, db *DB, subject string) (*Pause, error) {
	var rows []Pause
	if err := db.SelectContext(ctx, &rows, `SELECT subject, who, reason, since FROM pauses WHERE subject = ?`, subject); err != nil {
		return nil, fmt.Errorf("read pauses: %w", Classify(ctx, err))
	}
	if len(rows) == 0 {
		return nil, nil //nolint:nilnil // none
	}
	return &rows[0], nil
}
