package mysql

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/batch"
	"duly/internal/crash"
)

// how often a transaction is tried before its caller is told: after a deadlock or a lock timeout, and after its connection broke
// before COMMIT.
const (
	repeats   = 5
	reconnect = 3
)

// Tx runs fn in a transaction called name and commits it. After a deadlock (1213), another conflict or a lock timeout (1205) it
// is rolled back and fn is run again, a few times; then the error wraps batch.ErrLocked. So it is where the connection breaks
// before COMMIT. fn must do nothing but SQL. An error wraps ErrCommitUnknown if nobody knows whether it was committed,
// batch.ErrUnavailable if the server was not to be had, batch.ErrRow if the values of a row are at fault, and
// batch.ErrStatement if the server has another reason.
func Tx(ctx context.Context, db *DB, name string, fn func(tx *sqlx.Tx) error) error {
	db.works.begin(name)
	defer db.works.end(name)
	for try := 1; ; try++ {
		err := db.works.try(name, func() error { return once(ctx, db, name, fn) })
		switch {
		case err == nil, errors.Is(err, ErrCommitUnknown), try == repeats:
			return wrap(ctx, name, err)
		case unavailable(err) && try < reconnect && ctx.Err() == nil:
		case !repeatable(err):
			return wrap(ctx, name, err)
		}
		// A lock timeout has waited long enough already; one repeat tells a passing lock from a lasting one.
		if n := number(err); (n == codeLockTimeout || n == codeLockedNow) && try > 1 {
			return wrap(ctx, name, err)
		}
		timer := time.NewTimer(rand.N(time.Duration(try) * 20 * time.Millisecond)) //nolint:gosec // jitter
		select {
		case <-ctx.Done():
			timer.Stop()
			return wrap(ctx, name, ctx.Err())
		case <-timer.C:
		}
	}
}

func wrap(ctx context.Context, name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", name, Classify(ctx, err))
}

func once(ctx context.Context, db *DB, name string, fn func(tx *sqlx.Tx) error) error {
	conn, err := acquire(ctx, db)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // gives the connection back; its error is that of a statement before
	tx, err := conn.BeginTxx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	if err := fn(tx); err != nil {
		return err
	}
	crash.At(crash.Before(name))
	if err := tx.Commit(); err != nil {
		if (repeatable(err) || ofRow(err)) && ctx.Err() == nil { // by which the server says that it rolled back
			return err
		}
		return fmt.Errorf("%w: %w", ErrCommitUnknown, err)
	}
	crash.At(crash.After(name))
	return nil
}

func acquire(ctx context.Context, db *DB) (*sqlx.Conn, error) {
	wait, cancel := context.WithTimeout(ctx, db.Acquire)
	defer cancel()
	conn, err := db.Connx(wait)
	if err != nil && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		return nil, fmt.Errorf("%w: no connection within %s", batch.ErrUnavailable, db.Acquire)
	}
	return conn, err
}
