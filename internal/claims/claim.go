// Package claims holds what readers share: the walk over an index that claims go by, the claim in a transaction of its own, what a walk
// postpones, and what a claim that failed means.
package claims

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/batch"
	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/store"
)

// Phase is how a walk meets locked rows.
type Phase int

const (
	// Forward passes over what is locked.
	Forward Phase = iota
	// Waiting starts again at the head and waits for locks, to take what was passed over.
	Waiting
	// Rest starts again at the head after a lock outlasted the wait, and passes over what is locked.
	Rest
)

// Walk is a pass over an index by key set: it goes on from where it stood, not from the head, so that a
// locked or poisoned row holds nobody up and a claim costs the same however much is behind it.
type Walk struct {
	Phase Phase
	Date  payment.Date // the key that was read last
	At    time.Time
	ID    uint64
	// Locked: a row stayed locked until the end of the walk.
	Locked bool
	single Single
}

// Lock is the clause that reads rows for a claim.
func (w *Walk) Lock() string { return w.Phase.Lock() }

// Lock is the clause that reads rows for a claim in this phase.
func (p Phase) Lock() string {
	if p.SkipsLocked() {
		return " FOR UPDATE SKIP LOCKED"
	}
	return " FOR UPDATE"
}

// SkipsLocked reports whether a claim in this phase skips locked rows; otherwise it waits for them.
func (p Phase) SkipsLocked() bool { return p != Waiting }

// From is the date that the next claim goes on from, as it is stored. At first it is the zero date of MySQL, which rows have
// whose date was not valid.
func (w *Walk) From() any {
	if w.Date.IsZero() {
		return "0000-00-00"
	}
	return w.Date
}

// Limit is how many rows the next claim takes.
func (w *Walk) Limit(want int) int { return w.single.Limit(want) }

// End is called when a pass has come to its end; it reports whether that was the last one.
func (w *Walk) End() bool {
	if w.Phase == Forward {
		w.Restart(Waiting)
		return false
	}
	w.Restart(Forward)
	return true
}

// Restart goes back to the head.
func (w *Walk) Restart(p Phase) {
	w.Phase, w.Date, w.At, w.ID, w.single = p, 0, time.Time{}, 0, 0
}

// Failed decides what a failed claim of limit rows means: nil if the claim is to be made again, in another
// way, else the error for the engine. A claim of one row that fails by itself is for the caller to deal with.
func (w *Walk) Failed(kind batch.FailureKind, err error, limit int) error {
	switch {
	case kind == batch.FailureLocked && w.Phase == Waiting:
		w.Locked = true
		w.Restart(Rest)
		return nil
	case w.single.Split(kind, limit):
		return nil
	}
	return err
}

// Took notes a claim that was made, or a row that was passed over.
func (w *Walk) Took() { w.single.Took() }

// commitTries is how often in a row a claim is made whose COMMIT had no certain answer, before the engine waits.
const commitTries = 3

// Make makes a claim in one transaction. If its COMMIT is not answered, tookEffect reads back, by the lease that only this claim wrote,
// whether it took effect: if so, the claim stands; if not, it is made again; while the database cannot be asked, it is an error.
func Make(ctx context.Context, db *mysql.DB, name string, transact func(tx *sqlx.Tx) error, tookEffect func() (bool, error)) error {
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

// AttemptsOf reports whether there are attempts of a lease.
func AttemptsOf(ctx context.Context, db *mysql.DB, lease [16]byte) (bool, error) {
	n, err := store.Count(ctx, db, "SELECT COUNT(*) FROM payment_attempts WHERE lease = ?", lease[:])
	return n > 0, err
}

// RequestID ties both sides' logs together: the run and the item.
func RequestID(run uint64, key string) string {
	return "run-" + strconv.FormatUint(run, 10) + "/" + key
}
