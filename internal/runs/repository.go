package runs

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/batch"
	"duly/internal/mysql"
	"duly/internal/runlock"
)

// Repository keeps runs in job_runs and step_runs. It implements batch.JobRepository.
type Repository struct {
	DB *mysql.DB
	// Server is the one that a run began on: it is renewed and settled on no other. Zero: any.
	Server mysql.Server
	// Now is the business clock, by which runs are dated.
	Now func() time.Time
	// State, if set, is what the run tells of itself with each heartbeat: kept as JSON for those who look at it.
	State func() any
	// Clean, if set, is what is kept of an error, and of the JSON of State and Report.
	Clean func(text string) string
	// Report, if set, is what the run keeps of itself for good, with each heartbeat and with how it ended; res is nil
	// while it has not.
	Report func(res *batch.Result) any
	// Locks is where runs hold the locks that prove on this host that they live; nil: nothing proves it, and their leases are waited for.
	Locks *runlock.Host
	// Unlocked, if set, is called with the reason why a run has no lock although it should.
	Unlocked func(err error)

	mu   sync.Mutex
	held map[uint64]*runlock.Lock // by run
	// reported: Unlocked was called, and the run still has no lock.
	reported bool
}

func (r *Repository) cleaned(text string) string {
	if r.Clean == nil {
		return text
	}
	return r.Clean(text)
}

// NewLease is a fresh random name for a lease.
func NewLease() ([]byte, error) {
	b := make([]byte, 16)
	if _, err := rand.Read(b); err != nil {
		return nil, fmt.Errorf("make a lease: %w", err)
	}
	return b, nil
}

const insertRun = `INSERT INTO job_runs (job, business_date, params, status, rerun_of, lease, lease_ms, host, pid, version, boot_id, lock_proof, heartbeat_at, started_at)
VALUES (?, ?, ?, 'running', ?, ?, ?, ?, ?, ?, ?, ?, UTC_TIMESTAMP(6), ?)`

// Start implements batch.JobRepository.
func (r *Repository) Start(ctx context.Context, s batch.Spec) (*batch.Run, error) {
	token, err := NewLease()
	if err != nil {
		return nil, err
	}
	run := &batch.Run{Job: s.Job, Token: token, Lease: s.Lease}
	lock, proof := r.lock(token) // before anybody can read of the run
	for try := 1; ; try++ {
		err = r.insert(ctx, s, run, proof)
		if !errors.Is(err, mysql.ErrCommitUnknown) || ctx.Err() != nil || try == mysql.Reconnect {
			break
		}
	}
	if err != nil {
		lock.Release(!errors.Is(err, mysql.ErrCommitUnknown)) // its row may be there
		return run, err
	}
	r.keep(run, lock, proof)
	r.tidy(ctx)
	return run, nil
}

// insert writes the run's row, or finds it if a COMMIT had no certain answer.
func (r *Repository) insert(ctx context.Context, s batch.Spec, run *batch.Run, proof string) error {
	err := mysql.Tx(ctx, r.DB, "start", func(tx *sqlx.Tx) error {
		run.Started = mysql.Stored(r.Now())
		var rerun any
		if s.RerunOf != 0 {
			rerun = s.RerunOf
		}
		result, err := tx.ExecContext(ctx, insertRun, s.Job, s.BusinessDate, string(s.Params), rerun, run.Token,
			s.Lease.Milliseconds(), mysql.Cut(s.Host, 255), s.PID, mysql.Cut(s.Version, 64), r.boot(proof), orNull(proof), run.Started)
		if err != nil {
			return err
		}
		id, err := result.LastInsertId()
		run.ID = uint64(id) //nolint:gosec // AUTO_INCREMENT is positive
		return err
	})
	if errors.Is(err, mysql.ErrCommitUnknown) {
		return r.started(ctx, run, err)
	}
	return err
}

const startedRun = `SELECT id FROM job_runs WHERE lease = ? ORDER BY id DESC LIMIT 1`

// started finds out whether a run was started whose COMMIT had no certain answer; lost is the error if it was not.
func (r *Repository) started(ctx context.Context, run *batch.Run, lost error) error {
	var ids []uint64
	if err := r.DB.SelectContext(ctx, &ids, startedRun, run.Token); err != nil {
		return errors.Join(lost, err)
	}
	if len(ids) == 0 {
		return lost
	}
	run.ID = ids[0]
	return nil
}

// A heartbeat counts only while the lease that it renews still holds, on the server that gave it.
const beatRun = `UPDATE job_runs SET heartbeat_at = UTC_TIMESTAMP(6), state = ?, report = ?, lock_proof = ?
WHERE id = ? AND lease = ? AND status = 'running' AND heartbeat_at > UTC_TIMESTAMP(6) - INTERVAL ? MICROSECOND`

// Beat implements batch.JobRepository.
func (r *Repository) Beat(ctx context.Context, run *batch.Run, progress []batch.Progress) error {
	state, report := r.stateDocument(), r.reportDocument(nil)
	proof, confirm := r.next(run)
	err := mysql.Tx(ctx, r.DB, "heartbeat", func(tx *sqlx.Tx) error {
		query, args := beatRun, []any{state, report, orNull(proof), run.ID, run.Token, run.Lease.Microseconds()}
		if r.Server.Known() {
			query, args = query+" AND "+r.Server.Column()+" = ?", append(args, r.Server.Value)
		}
		result, err := tx.ExecContext(ctx, query, args...)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errors.Join(r.lost(ctx, tx), err)
		}
		return r.write(ctx, tx, run, progress)
	})
	if err == nil {
		confirm()
	}
	return err
}

// lost is why the lease of a run is not renewed.
func (r *Repository) lost(ctx context.Context, tx *sqlx.Tx) error {
	if !r.Server.Known() {
		return batch.ErrLeaseLost
	}
	var server sql.NullString
	if err := tx.GetContext(ctx, &server, "SELECT "+r.Server.Column()); err != nil {
		return err
	}
	if err := r.Server.Check(server.String); err != nil {
		return err
	}
	return batch.ErrLeaseLost
}

// stateDocument is the run's state as JSON; nil for none. One that cannot be written down costs no heartbeat.
func (r *Repository) stateDocument() any {
	if r.State == nil {
		return nil
	}
	return r.document(r.State())
}

// reportDocument is what is kept of the run, likewise.
func (r *Repository) reportDocument(res *batch.Result) any {
	if r.Report == nil {
		return nil
	}
	return r.document(r.Report(res))
}

func (r *Repository) document(v any) any {
	b, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return r.cleaned(string(b))
}

// A run whose lease ran out is left for the next one to mark as abandoned.
const finishRun = `UPDATE job_runs SET status = ?, exit_code = ?, error = ?, finished_at = ?, report = COALESCE(?, report)
WHERE id = ? AND lease = ? AND status = 'running' AND heartbeat_at > UTC_TIMESTAMP(6) - INTERVAL ? MICROSECOND`

// Finish implements batch.JobRepository.
func (r *Repository) Finish(ctx context.Context, run *batch.Run, progress []batch.Progress, res batch.Result) error {
	report := r.reportDocument(&res)
	err := mysql.Repeat(ctx, r.DB, "finish", func(tx *sqlx.Tx) error {
		var message any
		if res.Err != nil {
			message = mysql.Cut(r.cleaned(res.Err.Error()), 2000)
		}
		result, err := tx.ExecContext(ctx, finishRun, res.Status, res.Exit, message, r.Now().UTC().Round(0), report, run.ID, run.Token,
			run.Lease.Microseconds())
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errors.Join(r.finished(ctx, tx, run, res), err)
		}
		return r.write(ctx, tx, run, progress)
	})
	if err == nil {
		r.unlock(run, true)
	}
	return err
}

const finishedRun = `SELECT COUNT(*) FROM job_runs WHERE id = ? AND lease = ? AND status = ? AND exit_code = ?`

// finished is nil if the run was finished already, by a COMMIT whose answer was lost.
func (r *Repository) finished(ctx context.Context, tx *sqlx.Tx, run *batch.Run, res batch.Result) error {
	var n int
	if err := tx.GetContext(ctx, &n, finishedRun, run.ID, run.Token, res.Status, res.Exit); err != nil {
		return err
	}
	if n == 0 {
		return batch.ErrLeaseLost
	}
	return nil
}

const (
	selectSteps = `SELECT step, id FROM step_runs WHERE run_id = ?`
	insertStep  = `INSERT INTO step_runs (run_id, step, status, started_at) VALUES (?, ?, 'running', ?)`
	updateStep  = `UPDATE step_runs SET status = ?, read_count = ?, succeeded = ?, declined = ?, released = ?, in_doubt = ?,
rejected = ?, review = ?, amounts = ?, finished_at = IF(? = 'running', NULL, COALESCE(finished_at, ?)) WHERE id = ?`
)

// write brings step_runs up to date. The run's row is locked, so that no other write of this run is under way.
func (r *Repository) write(ctx context.Context, tx *sqlx.Tx, run *batch.Run, progress []batch.Progress) error {
	var have []struct {
		Step string
		ID   int64
	}
	if err := tx.SelectContext(ctx, &have, selectSteps, run.ID); err != nil {
		return err
	}
	ids := map[string]int64{}
	for _, h := range have {
		ids[h.Step] = h.ID
	}
	now := r.Now().UTC().Round(0)
	for _, p := range progress {
		id, ok := ids[p.Step]
		if !ok {
			result, err := tx.ExecContext(ctx, insertStep, run.ID, p.Step, now.Add(-p.Began))
			if err != nil {
				return err
			}
			if id, err = result.LastInsertId(); err != nil {
				return err
			}
		}
		amounts, err := json.Marshal(p.Tally.Amounts)
		if err != nil {
			return err
		}
		t := p.Tally
		if _, err := tx.ExecContext(ctx, updateStep, p.Status, t.Read, t.Succeeded, t.Declined, t.Released, t.InDoubt,
			t.Rejected, t.Review, string(amounts), p.Status, now.Add(-p.Ended), id); err != nil {
			return err
		}
	}
	return nil
}

// holdRun keeps the run's row from being marked abandoned until the transaction ends. It also reads the session settings that
// decisions depend on, so that a settlement that a proxy runs in another session writes nothing.
const holdRun = `SELECT %s AS server, CONCAT(@@session.time_zone, ' ', @@session.sql_mode) AS session FROM job_runs WHERE id = ? AND lease = ? AND status = 'running'
AND heartbeat_at > UTC_TIMESTAMP(6) - INTERVAL ? MICROSECOND LOCK IN SHARE MODE`

// Hold returns batch.ErrLeaseLost unless the run's lease holds, and keeps it from being taken over until tx ends.
func Hold(ctx context.Context, tx *sqlx.Tx, run *batch.Run) error {
	return HoldOn(ctx, tx, run, mysql.Server{})
}

// HoldOn is Hold on the server that the run began on: another one is a batch.ErrOtherServer.
func HoldOn(ctx context.Context, tx *sqlx.Tx, run *batch.Run, server mysql.Server) error {
	var found []struct {
		Server  sql.NullString
		Session string
	}
	if err := tx.SelectContext(ctx, &found, fmt.Sprintf(holdRun, server.Column()), run.ID, run.Token, run.Lease.Microseconds()); err != nil {
		return err
	}
	if len(found) == 0 {
		return batch.ErrLeaseLost
	}
	if s := found[0].Session; !strings.HasPrefix(s, mysql.SessionZone+" ") || !strings.Contains(s, mysql.StrictMode) {
		return mysql.SessionLost("time zone and sql_mode " + s)
	}
	return server.Check(found[0].Server.String)
}

// Live is a run of somebody else that is under way.
type Live struct {
	ID      uint64
	Job     string
	Host    string
	Beat    time.Time `db:"heartbeat_at"`
	LeaseMS int64     `db:"lease_ms"`
}

// FreeAt is when the lease of l ends, unless its heartbeat goes on.
func (l Live) FreeAt() time.Time { return l.Beat.Add(time.Duration(l.LeaseMS) * time.Millisecond) }

const selectLive = `SELECT id, job, host, heartbeat_at, lease_ms FROM job_runs WHERE status = 'running' AND id <> ?
AND heartbeat_at >= UTC_TIMESTAMP(6) - INTERVAL lease_ms * 1000 MICROSECOND ORDER BY id`

// Others lists the live runs but for the one given.
func (r *Repository) Others(ctx context.Context, except uint64) ([]Live, error) {
	var live []Live
	if err := r.DB.SelectContext(ctx, &live, selectLive, except); err != nil {
		return nil, fmt.Errorf("list live runs: %w", mysql.Classify(ctx, err))
	}
	return live, nil
}
