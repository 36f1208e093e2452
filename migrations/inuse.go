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

// ErrInUse is wrapped when a table that a migration changes is in use, or when another migration of the schema is running.
var ErrInUse = errors.New("in use")

var errAnother = fmt.Errorf("another `duly migrate` is running: the schema is %w", ErrInUse)

// tableWait is the lock_wait_timeout of a migration, in seconds. ALTER TABLE needs an exclusive metadata lock. While it waits for
// the transactions and queries that use the table, every later statement on that table waits behind it, the shop's too.
const tableWait = 1

const codeLockTimeout = 1205 // of metadata locks and row locks alike

// inUse returns err, or an error that wraps [ErrInUse] and names the migration if a lock timed out.
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
	return fmt.Errorf("a migration changes a table that is %w", ErrInUse)
}

var _ lock.SessionLocker = schemaLock{}

// schemaLock prepares the connection on which goose runs SQL: it takes the lock that lets one migration of a schema run at a time, and sets
// [tableWait]. The server releases the lock when the connection ends.
type schemaLock struct{}

// wait_timeout is one hour here, since the connection is idle while a migration in Go uses others. It also limits how long the lock of a host
// that has vanished is held.
const (
	setSession     = "SET @duly_wait_timeout = @@SESSION.wait_timeout, SESSION lock_wait_timeout = %d, SESSION wait_timeout = 3600"
	restoreSession = "SET SESSION lock_wait_timeout = DEFAULT, SESSION wait_timeout = @duly_wait_timeout"
)

// SessionLock implements [lock.SessionLocker]. Its error wraps [ErrInUse] if another migration holds the lock. Where GET_LOCK is not supported, as in
// some clusters, migrations run without it: each of their statements first checks whether its change has been made.
func (schemaLock) SessionLock(ctx context.Context, conn *sql.Conn) error {
	var got sql.NullBool
	if err := conn.QueryRowContext(ctx, "SELECT GET_LOCK("+lockName+", 0)").Scan(&got); err == nil && got.Valid && !got.Bool {
		return errAnother
	}
	if _, err := conn.ExecContext(ctx, fmt.Sprintf(setSession, tableWait)); err != nil {
		_, _ = conn.ExecContext(context.WithoutCancel(ctx), releaseLock)
		return err
	}
	return nil
}

// SessionUnlock implements [lock.SessionLocker]. It returns no error: a broken connection has nothing to restore.
func (schemaLock) SessionUnlock(ctx context.Context, conn *sql.Conn) error {
	_, _ = conn.ExecContext(ctx, restoreSession)
	_, _ = conn.ExecContext(ctx, releaseLock)
	return nil
}

// Locks belong to the server, so the name of the schema is part of lockName, hashed to stay within 64 characters. MySQL 9 has no MD5.
const (
	lockName    = "CONCAT('duly_migrate_', LEFT(SHA2(DATABASE(), 256), 32))"
	releaseLock = "DO RELEASE_LOCK(" + lockName + ")"
)
