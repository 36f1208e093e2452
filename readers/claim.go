package readers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/batch"
	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/runs"
	"duly/internal/store"
)

// phase is how a walk meets locked rows.
type phase int

const (
	// forward passes over what is locked.
	forward phase = iota
	// waiting starts again at the head and waits for locks, to take what was passed over.
	waiting
	// rest starts again at the head after a lock outlasted the wait, and passes over what is locked.
	rest
)

// walk is a pass over an index by key set: it goes on from where it stood, not from the head, so that a
// locked or poisoned row holds nobody up and a claim costs the same however much is behind it.
type walk struct {
	phase phase
	date  payment.Date // the key that was read last
	at    time.Time
	id    uint64
	// locked: a row stayed locked until the end of the walk.
	locked bool
	// single: rows are claimed one by one until the walk stands behind this id, because a chunk failed.
	single int
}

// lock is the clause that reads rows for a claim.
func (w *walk) lock() string { return w.phase.lock() }

func (p phase) lock() string {
	if p == waiting {
		return " FOR UPDATE"
	}
	return " FOR UPDATE SKIP LOCKED"
}

// from is the date that the next claim goes on from, as it is stored. At first it is the zero date of MySQL, which rows have
// whose date was not valid.
func (w *walk) from() any {
	if w.date.IsZero() {
		return "0000-00-00"
	}
	return w.date
}

// limit is how many rows the next claim takes.
func (w *walk) limit(want int) int {
	if w.single > 0 {
		return 1
	}
	return want
}

// end is called when a pass has come to its end; it reports whether that was the last one.
func (w *walk) end() bool {
	if w.phase == forward {
		w.restart(waiting)
		return false
	}
	w.restart(forward)
	return true
}

func (w *walk) restart(p phase) {
	w.phase, w.date, w.at, w.id, w.single = p, 0, time.Time{}, 0, 0
}

// failed decides what a failed claim of limit rows means: nil if the claim is to be made again, in another
// way, else the error for the engine. A claim of one row that fails by itself is for the caller to deal with.
func (w *walk) failed(kind batch.FailureKind, err error, limit int) error {
	switch {
	case kind == batch.FailureLocked && w.phase == waiting:
		w.locked = true
		w.restart(rest)
		return nil
	case !retried(kind) && limit > 1:
		w.single = limit
		return nil
	}
	return err
}

// took notes that a claim of one row was made while rows are claimed one by one.
func (w *walk) took() {
	if w.single > 0 {
		w.single--
	}
}

func leaseName() ([16]byte, error) {
	b, err := runs.NewLease()
	if err != nil {
		return [16]byte{}, err
	}
	return [16]byte(b), nil
}

// commitTries is how often in a row a claim is made whose COMMIT had no certain answer, before the engine waits.
const commitTries = 3

// claim makes a claim in one transaction. If its COMMIT is not answered, tookEffect reads back, by the lease that only this claim wrote,
// whether it took effect: if so, the claim stands; if not, it is made again; while the database cannot be asked, it is an error.
func claim(ctx context.Context, db *mysql.DB, name string, transact func(tx *sqlx.Tx) error, tookEffect func() (bool, error)) error {
	for try := 1; ; try++ {
		err := mysql.Tx(ctx, db, name, transact)
		if !errors.Is(err, mysql.ErrCommitUnknown) {
			return err
		}
		switch done, failed := tookEffect(); {
		case failed != nil:
			return fmt.Errorf("read a claim back: %w: %w", batch.ErrUnavailable, failed)
		case done:
			return nil
		case try == commitTries:
			return err
		}
	}
}

// attemptsOf reports whether there are attempts of a lease.
func attemptsOf(ctx context.Context, db *mysql.DB, lease [16]byte) (bool, error) {
	n, err := store.Count(ctx, db, "SELECT COUNT(*) FROM payment_attempts WHERE lease = ?", lease[:])
	return n > 0, err
}

// requestID ties both sides' logs together: the run and the item.
func requestID(run uint64, key string) string { return fmt.Sprintf("run-%d/%s", run, key) }
