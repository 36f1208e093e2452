package mysql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"

	mysqldriver "github.com/go-sql-driver/mysql"

	"duly/internal/batch"
)

// Server error numbers; the same on MySQL and MariaDB unless noted.
const (
	codeDiskFull           = 1021
	codeOutOfMemory        = 1037
	codeTooManyConnections = 1040
	codeOutOfResources     = 1041
	codeNodeNotReady       = 1047 // Galera: the node has left its cluster
	codeSchemaDenied       = 1044
	codeAccessDenied       = 1045
	codeNoSchema           = 1049
	codeShutdown           = 1053
	codeDuplicate          = 1062
	codeTableDenied        = 1142
	codeColumnDenied       = 1143
	codeTableFull          = 1114
	codeNoThread           = 1135
	codeLockTimeout        = 1205
	codeDeadlock           = 1213
	codeReadOnlyOption     = 1290
	codeReadOnlyTx         = 1792
	codeReadOnlyMode       = 1836
	codeKilled             = 1317
	codeLockedNow          = 3572 // MySQL; MariaDB's NOWAIT answers with 1205
	codeConnectionKilled   = 1927 // MariaDB
	codeServerGone         = 2006
	codeConnectionLost     = 2013
	codeSessionKilled      = 3169 // MySQL
	codeIdleTooLong        = 4031 // MySQL
)

// ErrCommitUnknown says that the connection was lost at COMMIT, so that nobody knows whether it took effect. It wraps
// batch.ErrUnavailable; whoever gets it reads again what became of the rows.
var ErrCommitUnknown = fmt.Errorf("the answer to COMMIT was lost: %w", batch.ErrUnavailable)

func number(err error) uint16 {
	if e, ok := errors.AsType[*mysqldriver.MySQLError](err); ok {
		return e.Number
	}
	return 0
}

// IsDuplicate reports whether err is a violated UNIQUE key.
func IsDuplicate(err error) bool { return number(err) == codeDuplicate }

// repeatable reports whether the transaction that met err was, or must be, rolled back and can be run again.
func repeatable(err error) bool {
	n := number(err)
	return n == codeDeadlock || n == codeLockTimeout || n == codeLockedNow
}

// unavailable reports whether err speaks of the connection or the server, not of the statement.
func unavailable(err error) bool {
	switch number(err) {
	case codeTooManyConnections, codeShutdown, codeKilled, codeConnectionKilled, codeServerGone, codeConnectionLost,
		codeReadOnlyOption, codeReadOnlyTx, codeReadOnlyMode, codeDiskFull, codeOutOfMemory, codeOutOfResources,
		codeNodeNotReady, codeTableFull, codeNoThread, codeSessionKilled, codeIdleTooLong:
		return true
	}
	var network net.Error
	return errors.Is(err, driver.ErrBadConn) || errors.Is(err, mysqldriver.ErrInvalidConn) ||
		errors.Is(err, sql.ErrConnDone) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.As(err, &network)
}

// Classify wraps err with what the engine must know of it.
func Classify(ctx context.Context, err error) error {
	switch {
	case err == nil || errors.Is(err, batch.ErrUnavailable) || errors.Is(err, batch.ErrLocked):
		return err
	case ctx.Err() != nil:
		return fmt.Errorf("%w: %w", ctx.Err(), err)
	case repeatable(err):
		return fmt.Errorf("%w: %w", batch.ErrLocked, err)
	case unavailable(err):
		return fmt.Errorf("%w: %w", batch.ErrUnavailable, err)
	}
	return err
}

// Reason is what the server says of a statement, for an operator; without the statement and its values.
func Reason(err error) string {
	if e, ok := errors.AsType[*mysqldriver.MySQLError](err); ok {
		return fmt.Sprintf("error %d (%s): %s", e.Number, string(e.SQLState[:]), Cut(e.Message, 200))
	}
	return Cut(err.Error(), 200)
}
