package operator

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/batch"
	"duly/internal/mysql"
	"duly/internal/runs"
	"duly/internal/store"
)

const (
	standingPause = `SELECT subject, who, reason, since FROM pauses WHERE subject = ?`
	insertPause   = `INSERT INTO pauses (subject, who, reason, since) VALUES (?, ?, ?, ?)`
	deletePause   = `DELETE FROM pauses WHERE subject = ?`
)

// Pause holds a job or a gateway back, by its subject in pauses, until it is resumed. One that is paused already is
// refused (RefusedError), so that nobody's reason is lost.
func Pause(ctx context.Context, db *mysql.DB, subject string, now time.Time, action Action) error {
	return mysql.Tx(ctx, db, "pause", func(tx *sqlx.Tx) error {
		_, err := tx.ExecContext(ctx, insertPause, subject, mysql.Cut(action.Who, 191), mysql.Cut(action.Reason, 255), now.UTC())
		if mysql.IsDuplicate(err) {
			p, err := pauseOf(ctx, tx, subject)
			if err != nil {
				return err
			}
			return store.Refuse(fmt.Errorf("%s is paused already: %s", named(subject), p))
		}
		if err != nil {
			return err
		}
		return action.Write(ctx, tx)
	})
}

// Resume takes a pause back. The error is a RefusedError if there is none.
func Resume(ctx context.Context, db *mysql.DB, subject string, action Action) error {
	return mysql.Tx(ctx, db, "resume", func(tx *sqlx.Tx) error {
		p, err := pauseOf(ctx, tx, subject)
		if err != nil {
			return err
		}
		n, err := rowsOf(tx.ExecContext(ctx, deletePause, subject))
		switch {
		case err != nil:
			return err
		case n == 0:
			return store.Refuse(fmt.Errorf("%s is not paused", named(subject)))
		}
		action.Detail = p
		return action.Write(ctx, tx)
	})
}

// named is a subject for people.
func named(subject string) string { return strings.Replace(subject, ":", " ", 1) }

// pauseOf is the pause of a subject; the zero Pause if there is none.
func pauseOf(ctx context.Context, tx *sqlx.Tx, subject string) (runs.Pause, error) {
	var rows []runs.Pause
	if err := tx.SelectContext(ctx, &rows, standingPause+" FOR UPDATE", subject); err != nil || len(rows) == 0 {
		return runs.Pause{}, err
	}
	return rows[0], nil
}

// Steered is a run that an operator told something.
type Steered struct {
	Job     string
	Host    string
	Control runs.Control
}

// Stop tells a run to drain and end. The error is a RefusedError if it has ended, has no heartbeat any more, or was
// told already, and wraps ErrNotThere if there is no such run.
func Stop(ctx context.Context, db *mysql.DB, run uint64, now time.Time, action Action) (Steered, error) {
	return steer(ctx, db, run, "stop", action, func(_ string, c *runs.Control) error {
		if c.Stop != nil {
			return fmt.Errorf("run %d was told to stop already, by %s: duly status --watch shows it drain", run, c.Stop)
		}
		order := orderOf(action, now)
		c.Stop = &order
		return nil
	})
}

// Throttle changes the pace of a run; nil leaves a number as it is, 0 refunds what the run was started with. paced
// says which jobs have a pace. It is refused as Stop is, and once the run was told to stop.
func Throttle(ctx context.Context, db *mysql.DB, run uint64, parallelism *int, rate *float64, now time.Time, action Action, paced func(job string) bool) (Steered, error) {
	return steer(ctx, db, run, "throttle", action, func(job string, c *runs.Control) error {
		switch {
		case !paced(job):
			return fmt.Errorf("run %d is of %s, which asks no gateway, so it has no pace: duly stop %d ends it", run, job, run)
		case c.Stop != nil:
			return fmt.Errorf("run %d was told to stop already, by %s", run, c.Stop)
		}
		next := runs.Throttle{Instruction: orderOf(action, now)}
		if c.Throttle != nil {
			next.Parallelism, next.Rate = c.Throttle.Parallelism, c.Throttle.Rate
		}
		if parallelism != nil {
			next.Parallelism = *parallelism
		}
		if rate != nil {
			next.Rate = *rate
		}
		c.Throttle = &next
		if next.Parallelism == 0 && next.Rate == 0 {
			c.Throttle = nil
		}
		return nil
	})
}

func orderOf(a Action, now time.Time) runs.Instruction {
	return runs.Instruction{Who: mysql.Cut(a.Who, 191), Host: mysql.Cut(a.Host, 255), Reason: mysql.Cut(a.Reason, 255), At: mysql.Stored(now)}
}

const (
	steeredRun = `SELECT job, host, status, control, exit_code, heartbeat_at,
heartbeat_at >= UTC_TIMESTAMP(6) - INTERVAL lease_ms * 1000 MICROSECOND AS alive FROM job_runs WHERE id = ? FOR UPDATE`
	setControl = `UPDATE job_runs SET control = ? WHERE id = ?`
)

// steer changes what a living run is told. Two operators come one after the other.
func steer(ctx context.Context, db *mysql.DB, run uint64, name string, action Action, change func(job string, c *runs.Control) error) (Steered, error) {
	var s Steered
	err := mysql.Tx(ctx, db, name, func(tx *sqlx.Tx) error {
		var row struct {
			Job     string
			Host    string
			Status  string
			Control []byte
			Exit    *int      `db:"exit_code"`
			Beat    time.Time `db:"heartbeat_at"`
			Alive   bool
		}
		err := tx.GetContext(ctx, &row, steeredRun, run)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return fmt.Errorf("no run %d; see duly status%w", run, hidden{ErrNotThere})
		case err != nil:
			return err
		}
		switch {
		case row.Status != string(batch.Running) && row.Exit != nil:
			return store.Refuse(fmt.Errorf("run %d has ended: %s, exit code %d", run, row.Status, *row.Exit))
		case row.Status != string(batch.Running):
			return store.Refuse(fmt.Errorf("run %d has ended: %s", run, row.Status))
		case !row.Alive:
			return store.Refuse(fmt.Errorf("run %d has had no heartbeat since %s UTC: it is dead, and the next run takes over what it held", run, row.Beat.UTC().Format(time.DateTime)))
		}
		control, err := runs.ParseControl(row.Control)
		if err != nil {
			return err
		}
		if err := change(row.Job, &control); err != nil {
			return store.Refuse(err)
		}
		b, err := json.Marshal(control)
		if err != nil {
			return fmt.Errorf("what run %d is told: %w", run, err)
		}
		if _, err := tx.ExecContext(ctx, setControl, string(b), run); err != nil {
			return err
		}
		s = Steered{Job: row.Job, Host: row.Host, Control: control}
		return action.Write(ctx, tx)
	})
	return s, err
}
