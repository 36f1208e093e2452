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

// Attempts at a transaction: after a deadlock or a lock timeout, and after its connection was lost before COMMIT.
const (
	repeats   = 5
	Reconnect = 3
)

// Tx runs fn in a transaction called name and commits it. After a conflict (1213, 3101), a lock timeout (1205) or a connection
// lost before COMMIT it runs fn again, a few times. fn must do nothing but SQL. The error wraps [ErrCommitUnknown] if nobody
// knows whether the transaction was committed, [batch.ErrLocked] after repeated conflicts, [batch.ErrUnavailable],
// [batch.ErrData] if the values of a row cause it, and [batch.ErrDatabase] for any other error of the server.
func Tx(ctx context.Context, db *DB, name string, fn func(tx *sqlx.Tx) error) error {
	db.works.begin(name)
	defer db.works.end(name)
	for try := 1; ; try++ {
		err := db.works.try(name, func() error { return once(ctx, db, name, fn) })
		switch {
		case err == nil, errors.Is(err, ErrCommitUnknown), try == repeats:
			return wrap(ctx, name, err)
		case unavailable(err) && try < Reconnect && ctx.Err() == nil:
		case !repeatable(err):
			return wrap(ctx, name, err)
		}
		// A lock timeout has waited long enough already; one repeat tells a passing lock from a lasting one.
		if n := number(err); (n == codeLockTimeout || n == codeLockedNow) && try > 1 {
			return wrap(ctx, name, err)
		}
		jitter := rand.N(time.Duration(try) * 20 * time.Millisecond) //nolint:gosec // no secret
		if err := batch.Wait(ctx, jitter); err != nil {
			return wrap(ctx, name, err)
		}
	}
}

// Repeat is [Tx] for a fn that may take effect more than once: it runs fn again if nobody knows whether it was committed.
func Repeat(ctx context.Context, db *DB, name string, fn func(tx *sqlx.Tx) error) error {
	for try := 1; ; try++ {
		err := Tx(ctx, db, name, fn)
		if !errors.Is(err, ErrCommitUnknown) || ctx.Err() != nil || try == Reconnect {
			return err
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
		if (repeatable(err) || isData(err)) && ctx.Err() == nil { // these imply a rollback
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
