package runs

import (
	"context"
	"fmt"
	"slices"

	"github.com/jmoiron/sqlx"

	"duly/internal/mysql"
	"duly/internal/runlock"
)

// Taker is the run that takes over what dead runs left. The zero one takes nothing over: it only wants to know who lives.
type Taker struct {
	Run uint64
	Job string
}

// recovers is what recovered_by becomes for a dead run of a job: the taker, or 0 until a run of that job comes.
func (t Taker) recovers(job string) uint64 {
	if t.Job == job {
		return t.Run
	}
	return 0
}

const (
	selectDead = `SELECT id FROM job_runs WHERE status = 'running'
AND heartbeat_at < UTC_TIMESTAMP(6) - INTERVAL lease_ms * 1000 MICROSECOND ORDER BY id FOR UPDATE SKIP LOCKED`
	// A heartbeat that came in the meantime has changed the proof: then the run lives, wherever that is.
	selectProven = `SELECT id FROM job_runs WHERE id = ? AND status = 'running' AND lease = ? AND lock_proof = ? FOR UPDATE SKIP LOCKED`
	selectJobs   = `SELECT id, job FROM job_runs WHERE id IN (?)`
	abandonRun   = `UPDATE job_runs SET status = 'abandoned', finished_at = ?, recovered_by = ? WHERE status = 'running' AND id = ?`

	selectUnrecovered = `SELECT id FROM job_runs WHERE status = 'abandoned' AND job = ? AND recovered_by = 0 ORDER BY id`
	recoverRuns       = `UPDATE job_runs SET recovered_by = ? WHERE recovered_by = 0 AND id IN (?)`

	recoverEmptied = recoverRuns + ` AND NOT EXISTS (SELECT 1 FROM payment_attempts a WHERE a.status = 'in_flight' AND a.run_id = job_runs.id)`
)

// Abandon marks every run as abandoned whose lease ran out, or whose process is proven to be gone from this host, and returns their ids,
// and those of the taker's job that another run had found dead before and that it is the first to recover. From then on such a run can neither renew its lease nor settle.
func (r *Repository) Abandon(ctx context.Context, taker Taker) ([]uint64, error) {
	proven, err := r.gone(ctx, taker)
	if err != nil {
		return nil, err
	}
	var dead, left []uint64
	err = mysql.Tx(ctx, r.DB, "abandon", func(tx *sqlx.Tx) error {
		dead = dead[:0]
		if err := tx.SelectContext(ctx, &dead, selectDead); err != nil {
			return err
		}
		for _, p := range proven {
			ids, err := p.still(ctx, tx)
			if err != nil {
				return err
			}
			dead = append(dead, ids...)
		}
		slices.Sort(dead)
		dead = slices.Compact(dead)
		left, err = r.mark(ctx, tx, dead, taker)
		return err
	})
	for _, p := range proven {
		if err == nil && slices.Contains(dead, p.ID) {
			p.file.Remove()
		} else {
			p.file.Close()
		}
	}
	return append(dead, left...), err
}

// mark marks dead runs as abandoned, and those of the taker's job as recovered by it. It returns those that a run of another job had found
// dead before.
func (r *Repository) mark(ctx context.Context, tx *sqlx.Tx, dead []uint64, taker Taker) (left []uint64, err error) {
	var found []struct {
		ID  uint64
		Job string
	}
	if len(dead) > 0 {
		if err := mysql.SelectIn(ctx, tx, &found, selectJobs, dead); err != nil {
			return nil, err
		}
	}
	now := r.Now().UTC().Round(0)
	for _, f := range found {
		if _, err := tx.ExecContext(ctx, abandonRun, now, taker.recovers(f.Job), f.ID); err != nil {
			return nil, err
		}
	}
	if taker.Run == 0 {
		return nil, nil
	}
	if err := tx.SelectContext(ctx, &left, selectUnrecovered, taker.Job); err != nil || len(left) == 0 {
		return nil, err
	}
	query, args, err := mysql.In(recoverRuns, taker.Run, left)
	if err != nil {
		return nil, err
	}
	_, err = tx.ExecContext(ctx, query, args...)
	return left, err
}

// provenRun is a run that does not live any more, with its file, which is locked until it is removed or closed: nobody else takes
// the name meanwhile.
type provenRun struct {
	ID    uint64
	Lease []byte
	Proof string `db:"lock_proof"`

	file *runlock.Remains
}

// still returns the run's id, locked, unless its heartbeat has gone on, or somebody holds its row.
func (p provenRun) still(ctx context.Context, tx *sqlx.Tx) (ids []uint64, err error) {
	err = tx.SelectContext(ctx, &ids, selectProven, p.ID, p.Lease, p.Proof)
	return ids, err
}

const lockedHere = `SELECT id, lease, lock_proof FROM job_runs WHERE status = 'running' AND boot_id = ? AND lock_proof IS NOT NULL AND id <> ? ORDER BY id`

// gone finds the runs whose processes are gone from this host.
func (r *Repository) gone(ctx context.Context, taker Taker) ([]provenRun, error) {
	if r.Locks == nil {
		return nil, nil
	}
	var rows []provenRun
	if err := r.DB.SelectContext(ctx, &rows, lockedHere, r.Locks.Boot(), taker.Run); err != nil {
		return nil, fmt.Errorf("look for runs of this host: %w", mysql.Classify(ctx, err))
	}
	var proven []provenRun
	for _, row := range rows {
		if row.file = r.Locks.Gone(row.Lease, row.Proof); row.file != nil {
			proven = append(proven, row)
		}
	}
	return proven, nil
}

// Recovered notes that a run has taken over the last that was left of those that died and that nobody has recovered. It leaves those of
// which there is more.
func (r *Repository) Recovered(ctx context.Context, run uint64, dead []uint64) error {
	if len(dead) == 0 {
		return nil
	}
	return mysql.Tx(ctx, r.DB, "recovered", func(tx *sqlx.Tx) error {
		query, args, err := mysql.In(recoverEmptied, run, dead)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, query, args...)
		return err
	})
}

// Living lists the live runs but for the one given, and but for those whose processes are proven to be gone from this host.
func (r *Repository) Living(ctx context.Context, except uint64) ([]Live, error) {
	live, err := r.Others(ctx, except)
	if err != nil || len(live) == 0 {
		return live, err
	}
	proven, err := r.gone(ctx, Taker{Run: except})
	for _, p := range proven {
		p.file.Close() // the run that takes it over finds it again
		live = slices.DeleteFunc(live, func(l Live) bool { return l.ID == p.ID })
	}
	return live, err
}
