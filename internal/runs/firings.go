package runs

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/mysql"
)

// Firings keeps in schedule_firings which time of a job's schedule was taken, by whom, and how it went. It is safe
// for concurrent use.
type Firings struct {
	DB  *mysql.DB
	Now func() time.Time // business time
}

// Firing is one time of a job's schedule.
type Firing struct {
	ID    uint64
	Job   string
	At    time.Time `db:"fires_at"`
	Host  string
	Run   *uint64    `db:"run_id"`    // the newest that it began
	Exit  *int       `db:"exit_code"` // nil without Finished: under way; with it: the scheduler that took it has died
	Began time.Time  `db:"started_at"`
	Ended *time.Time `db:"finished_at"`
	Live  bool       // under way, and its holder beats

	lease []byte
}

// Claim is what a firing is taken with.
type Claim struct {
	Job   string
	At    time.Time
	Host  string
	Token []byte        // see NewLease
	Lease time.Duration // how long it is held after a heartbeat
	// Again: also one that was taken before, and cut short by a signal.
	Again bool
}

// What keeps a firing from being taken.
var (
	ErrTaken    = errors.New("the firing was taken before")
	ErrUnderWay = errors.New("the job is still under way")
)

const (
	firingColumns = `id, job, fires_at, host, run_id, exit_code, started_at, finished_at,
finished_at IS NULL AND heartbeat_at >= UTC_TIMESTAMP(6) - INTERVAL lease_ms * 1000 MICROSECOND AS live`

	insertFiring = `INSERT INTO schedule_firings (job, fires_at, host, lease, lease_ms, heartbeat_at, started_at)
VALUES (?, ?, ?, ?, ?, UTC_TIMESTAMP(6), ?)`

	// What a signal cut short (130 or 143) is free again for a scheduler that starts.
	repeatFiring = `UPDATE schedule_firings SET host = ?, lease = ?, lease_ms = ?, heartbeat_at = UTC_TIMESTAMP(6), started_at = ?,
run_id = NULL, exit_code = NULL, finished_at = NULL WHERE job = ? AND fires_at = ? AND exit_code IN (130, 143)`

	// Read without a lock: many schedulers that take one firing at once, and lock the row behind a duplicate of theirs, would end in
	// one deadlock after the other.
	firingHolder = `SELECT id, lease FROM schedule_firings WHERE job = ? AND fires_at = ?`

	// One of two schedulers that take two firings of a job at once waits here for the other. By this index it does not meet those that
	// wait for this firing's own row: theirs stand in the primary key alone, and it would lock them by a walk of that.
	othersUnderWay = `SELECT id, heartbeat_at >= UTC_TIMESTAMP(6) - INTERVAL lease_ms * 1000 MICROSECOND AS live
FROM schedule_firings FORCE INDEX (under_way) WHERE job = ? AND finished_at IS NULL AND id <> ? ORDER BY id FOR UPDATE`

	buryFiring = `UPDATE schedule_firings SET finished_at = ? WHERE id IN (?) AND finished_at IS NULL`
)

// Take takes a firing, for one caller only. Errors: ErrTaken; ErrUnderWay, if an earlier firing of the job is held
// by somebody alive; batch.ErrUnavailable. Repeated with the same token it succeeds again.
func (f *Firings) Take(ctx context.Context, c Claim) (Firing, error) {
	c.At, c.Host = c.At.UTC().Round(0), mysql.Cut(c.Host, 255)
	taken := Firing{Job: c.Job, At: c.At, Host: c.Host, lease: c.Token}
	err := mysql.Tx(ctx, f.DB, "fire", func(tx *sqlx.Tx) error {
		now := f.Now().UTC().Round(0)
		id, err := take(ctx, tx, c, now)
		if err != nil {
			return err
		}
		taken.ID, taken.Began = id, now
		return alone(ctx, tx, c.Job, id, now)
	})
	return taken, err
}

// take makes the firing's row, or takes over the one that is there if it was cut short. It returns the row's id.
func take(ctx context.Context, tx *sqlx.Tx, c Claim, now time.Time) (uint64, error) {
	id, held, err := holder(ctx, tx, c)
	switch {
	case err != nil || held:
		return id, err
	case id != 0 && !c.Again:
		return 0, ErrTaken
	case id != 0:
		_, err = tx.ExecContext(ctx, repeatFiring, c.Host, c.Token, c.Lease.Milliseconds(), now, c.Job, c.At)
	default:
		_, err = tx.ExecContext(ctx, insertFiring, c.Job, c.At, c.Host, c.Token, c.Lease.Milliseconds(), now)
	}
	if err != nil && !mysql.IsDuplicate(err) {
		return 0, err
	}
	if id, held, err = holder(ctx, tx, c); err == nil && !held {
		err = ErrTaken
	}
	return id, err
}

// holder returns the id of the firing's row, 0 if there is none, and whether the claim's token holds it.
func holder(ctx context.Context, tx *sqlx.Tx, c Claim) (id uint64, held bool, err error) {
	var row struct {
		ID    uint64
		Lease []byte
	}
	err = tx.GetContext(ctx, &row, firingHolder, c.Job, c.At)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, false, nil
	}
	return row.ID, bytes.Equal(row.Lease, c.Token), err
}

// alone refuses while another firing of the job is under way, and marks as ended those whose holder has died.
func alone(ctx context.Context, tx *sqlx.Tx, job string, firing uint64, now time.Time) error {
	var others []struct {
		ID   uint64
		Live bool
	}
	if err := tx.SelectContext(ctx, &others, othersUnderWay, job, firing); err != nil {
		return err
	}
	var dead []uint64
	for _, o := range others {
		if o.Live {
			return ErrUnderWay
		}
		dead = append(dead, o.ID)
	}
	if len(dead) == 0 {
		return nil
	}
	query, args, err := mysql.In(buryFiring, now, dead)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, query, args...)
	return err
}

const beatFiring = `UPDATE schedule_firings SET heartbeat_at = UTC_TIMESTAMP(6), run_id = COALESCE(?, run_id)
WHERE id = ? AND lease = ? AND finished_at IS NULL`

// Beat says that the firing's holder lives, and which run it is at; 0: none yet.
func (f *Firings) Beat(ctx context.Context, firing Firing, run uint64) error {
	return f.update(ctx, "firing heartbeat", beatFiring, known(run), firing.ID, firing.lease)
}

const finishFiring = `UPDATE schedule_firings SET finished_at = ?, exit_code = ?, run_id = COALESCE(?, run_id)
WHERE id = ? AND lease = ?`

// Finish says how the firing ended; also after it was given up for dead.
func (f *Firings) Finish(ctx context.Context, firing Firing, run uint64, exit int) error {
	return f.update(ctx, "firing end", finishFiring, f.Now().UTC().Round(0), exit, known(run), firing.ID, firing.lease)
}

// update runs a statement that must find its row.
func (f *Firings) update(ctx context.Context, name, statement string, args ...any) error {
	return mysql.Tx(ctx, f.DB, name, func(tx *sqlx.Tx) error {
		result, err := tx.ExecContext(ctx, statement, args...)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errors.Join(errors.New("the firing is no longer this scheduler's"), err)
		}
		return nil
	})
}

func known(run uint64) any {
	if run == 0 {
		return nil
	}
	return run
}

const selectNewestFirings = `SELECT ` + firingColumns + ` FROM schedule_firings WHERE job = ? ORDER BY fires_at DESC LIMIT ?`

// Newest lists the newest firings of a job, newest first.
func (f *Firings) Newest(ctx context.Context, job string, limit int) ([]Firing, error) {
	var rows []Firing
	if err := f.DB.SelectContext(ctx, &rows, selectNewestFirings, job, limit); err != nil {
		return nil, fmt.Errorf("read the firings of %s: %w", job, mysql.Classify(ctx, err))
	}
	return rows, nil
}
