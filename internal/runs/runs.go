package runs

import (
	"context"
	"fmt"
	"time"

	"duly/internal/batch"
	"duly/internal/mysql"
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
	RecoveredBy  *uint64 `db:"recovered_by"` // of one that died: the run that took over what it left; nil or 0: none that is known
	Host         string
	PID          int
	Version      string
	LeaseMS      int64      `db:"lease_ms"`
	Beat         time.Time  `db:"heartbeat_at"`
	Started      time.Time  `db:"started_at"`
	Finished     *time.Time `db:"finished_at"`
	Error        *string
	Control      []byte // JSON: what operators told it; nil for nothing
	State        []byte // JSON: what it told of itself with its last heartbeat; nil for nothing
}

const runColumns = `id, job, DATE_FORMAT(business_date, '%Y-%m-%d') AS business_date, params, status, exit_code, rerun_of, recovered_by, host, pid, version, lease_ms, heartbeat_at,
started_at, finished_at, error, control, state`

// FindRun reads one run; nil if there is none of that id.
func FindRun(ctx context.Context, db *mysql.DB, id uint64) (*PastRun, error) {
	var rows []PastRun
	if err := db.SelectContext(ctx, &rows, `SELECT `+runColumns+` FROM job_runs WHERE id = ?`, id); err != nil {
		return nil, fmt.Errorf("read run %d: %w", id, mysql.Classify(ctx, err))
	}
	if len(rows) == 0 {
		return nil, nil //nolint:nilnil // none
	}
	return &rows[0], nil
}

// ReadReport is what a run kept of itself, as JSON; nil for nothing.
func ReadReport(ctx context.Context, db *mysql.DB, id uint64) ([]byte, error) {
	var report []byte
	if err := db.GetContext(ctx, &report, `SELECT report FROM job_runs WHERE id = ?`, id); err != nil {
		return nil, fmt.Errorf("read the report of run %d: %w", id, mysql.Classify(ctx, err))
	}
	return report, nil
}

// Runs reads the newest runs, newest first.
func Runs(ctx context.Context, db *mysql.DB, limit int) ([]PastRun, error) {
	var rows []PastRun
	if err := db.SelectContext(ctx, &rows, `SELECT `+runColumns+` FROM job_runs ORDER BY id DESC LIMIT ?`, limit); err != nil {
		return nil, fmt.Errorf("list runs: %w", mysql.Classify(ctx, err))
	}
	return rows, nil
}

// LiveRuns reads the runs whose lease holds, oldest first.
func LiveRuns(ctx context.Context, db *mysql.DB) ([]PastRun, error) {
	var rows []PastRun
	if err := db.SelectContext(ctx, &rows, `SELECT `+runColumns+` FROM job_runs WHERE status = 'running'
AND heartbeat_at >= UTC_TIMESTAMP(6) - INTERVAL lease_ms * 1000 MICROSECOND ORDER BY id`); err != nil {
		return nil, fmt.Errorf("list live runs: %w", mysql.Classify(ctx, err))
	}
	return rows, nil
}

// Alive reports whether the run still held its lease at that instant of the database's clock.
func (r PastRun) Alive(now time.Time) bool {
	return r.Status == string(batch.Running) && now.Sub(r.Beat) <= time.Duration(r.LeaseMS)*time.Millisecond
}

// PastStep is a step of a run as it stands in step_runs.
type PastStep struct {
	Run       uint64 `db:"run_id"`
	Step      string
	Status    string
	Read      int64 `db:"read_count"`
	Succeeded int64
	Declined  int64
	Released  int64
	InDoubt   int64 `db:"in_doubt"`
	Rejected  int64
	Review    int64
	Amounts   []byte     // JSON: minor units by currency
	Started   time.Time  `db:"started_at"`
	Finished  *time.Time `db:"finished_at"`
}

const selectPastSteps = `SELECT run_id, step, status, read_count, succeeded, declined, released, in_doubt, rejected, review,
COALESCE(amounts, '{}') AS amounts, started_at, finished_at FROM step_runs WHERE run_id IN (?) ORDER BY id`

// Steps reads the steps of runs, by run.
func Steps(ctx context.Context, db *mysql.DB, runs ...uint64) (map[uint64][]PastStep, error) {
	if len(runs) == 0 {
		return map[uint64][]PastStep{}, nil
	}
	var rows []PastStep
	if err := mysql.SelectIn(ctx, db, &rows, selectPastSteps, runs); err != nil {
		return nil, fmt.Errorf("read steps: %w", mysql.Classify(ctx, err))
	}
	steps := make(map[uint64][]PastStep, len(runs))
	for _, row := range rows {
		steps[row.Run] = append(steps[row.Run], row)
	}
	return steps, nil
}

// Pause is a job or a gateway that an operator holds back.
type Pause struct {
	Subject string    `json:"subject"` // the name of a job, or gateway: and the name of a gateway
	Who     string    `json:"who"`
	Reason  string    `json:"reason"`
	Since   time.Time `json:"since"`
}

// String says who paused it and why.
func (p Pause) String() string {
	return fmt.Sprintf("%s (%s, since %s)", p.Reason, p.Who, p.Since.UTC().Format("2006-01-02 15:04:05 UTC"))
}

// Pauses are what operators hold back, by subject.
type Pauses map[string]Pause

// ReadPauses reads every pause.
func ReadPauses(ctx context.Context, db *mysql.DB) (Pauses, error) {
	var rows []Pause
	if err := db.SelectContext(ctx, &rows, `SELECT subject, who, reason, since FROM pauses`); err != nil {
		return nil, fmt.Errorf("read pauses: %w", mysql.Classify(ctx, err))
	}
	pauses := make(Pauses, len(rows))
	for _, p := range rows {
		pauses[p.Subject] = p
	}
	return pauses, nil
}

// Job is the pause of a job; false if it is not paused.
func (p Pauses) Job(name string) (Pause, bool) { found, ok := p[name]; return found, ok }

// Gateway is the pause of a gateway; false if it is not paused.
func (p Pauses) Gateway(name string) (Pause, bool) {
	found, ok := p[GatewaySubject(name)]
	return found, ok
}

// GatewaySubject is the subject of a gateway in pauses and operator_actions.
func GatewaySubject(name string) string { return "gateway:" + name }

// BrakeWho is who paused a gateway that the brake has stopped. No user has such a name.
const BrakeWho = "duly: brake"

// ByBrake reports whether the brake has made the pause.
func (p Pause) ByBrake() bool { return p.Who == BrakeWho }
