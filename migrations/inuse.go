package migrations

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/go-sql-driver/mysql"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// ErrInUse is wrapped when a migration did not get what somebody else was using: a table, or the schema, which another migration was
// changing.
var ErrInUse = errors.New("in use")

var errAnother = fmt.Errorf("another `duly migrate` is at work: the schema is %w", ErrInUse)

var _ lock.SessionLocker = oneAtATime{}

// tableWait is for how many seconds a statement waits for a table that a transaction or a long query uses. Whatever comes after that
// statement and wants the table, the shop's own statements too, waits behind it: so it is short, and the shop goes on between two tries.
const tableWait = 1

const codeLockTimeout = 1205 // of a table, as of a row

// inUse is err, or [ErrInUse] with the name of the file if a table was in use.
func inUse(err error) error {
	if errors.Is(err, errAnother) {
		return errAnother
	}
	if refused, ok := errors.AsType[*mysql.MySQLError](err); !ok || refused.Number != codeLockTimeout {
		return err
	}
	if partial, ok := errors.AsType[*goose.PartialError](err); ok && partial.Failed != nil {
		return fmt.Errorf("%s changes a table that is %w", partial.Failed.Source.Path, ErrInUse)
	}
	return fmt.Errorf("it changes a table that is %w", ErrInUse)
}

// oneAtATime makes a connection of goose's the only one that migrates its schema, and lets it wait for [tableWait]. The server forgets both
// when the connection ends.
type oneAtATime struct{}

// The connection says nothing while a migration in Go has others carry rows over, so it may be silent for longer than those of a run: an hour,
// after which the server also gives up the lock of a host that has vanished.
const (
	beforeMigrating = "SET @duly_silent = @@SESSION.wait_timeout, SESSION lock_wait_timeout = %d, SESSION wait_timeout = 3600"
	afterMigrating  = "SET SESSION lock_wait_timeout = DEFAULT, SESSION wait_timeout = @duly_silent"
)

// SessionLock implements [lock.SessionLocker]. Its error wraps [ErrInUse] if another migration is at work. A server that has no such locks,
// as some clusters, goes without: each statement looks whether its change is there.
func (oneAtATime) SessionLock(ctx context.Context, conn *sql.Conn) error {
	var got sql.NullBool
	if err := conn.QueryRowContext(ctx, "SELECT GET_LOCK("+lockName+", 0)").Scan(&got); err == nil && got.Valid && !got.Bool {
		return errAnother
	}
	if _, err := conn.ExecContext(ctx, fmt.Sprintf(beforeMigrating, tableWait)); err != nil {
		_, _ = conn.ExecContext(context.WithoutCancel(ctx), unlock)
		return err
	}
	return nil
}

// SessionUnlock implements [lock.SessionLocker]. On a connection that is broken there is nothing to undo.
func (oneAtATime) SessionUnlock(ctx context.Context, conn *sql.Conn) error {
	_, _ = conn.ExecContext(ctx, afterMigrating)
	_, _ = conn.ExecContext(ctx, unlock)
	return nil
}

// lockName is that of a schema, since locks are the server's, and their names are 64 characters at most. MySQL 9 has no MD5.
const (
	lockName = "CONCAT('duly_migrate_', LEFT(SHA2(DATABASE(), 256), 32))"
	unlock   = "DO RELEASE_LOCK(" + lockName + ")"
)
