package mysql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strings"

	mysqldriver "github.com/go-sql-driver/mysql"

	"duly/internal/batch"
)

// Server error numbers that the code asks for by name; the same on MySQL and MariaDB unless noted.
const (
	codeSchemaDenied     = 1044
	codeAccessDenied     = 1045
	codeDuplicate        = 1062
	codeTableDenied      = 1142
	codeColumnDenied     = 1143
	codeErrorAtCommit    = 1180
	codeUnknownVariable  = 1193
	codeTooManyOfUser    = 1203
	codeLockTimeout      = 1205
	codeDeadlock         = 1213
	codeUserLimit        = 1226
	codeNotUpdatable     = 1288
	codeReadOnlyOption   = 1290
	codeColumnNotWritten = 1348
	codeNotInsertable    = 1471
	codeReadOnlyTx       = 1792
	codeReadOnlyMode     = 1836
	codeTooMany          = 1040
	codeRolledBack       = 3101 // MySQL: group replication met a conflict at COMMIT
	codeLockedNow        = 3572 // MySQL; MariaDB's NOWAIT answers with 1205
)

// awayCodes speak of the server or the connection, not of a statement: whoever meets one tries again.
func awayCodes() []uint16 {
	return []uint16{
		1021, 1114, // the disk is full
		1037, 1041, 1135, // out of memory, of resources, of threads
		codeTooMany, codeTooManyOfUser,
		1047,             // Galera: the node has left its cluster
		1053, 3032, 9001, // shut down, off line, ProxySQL has no server
		1152, 1158, 1159, 1160, 1161, 1184, // the network
		1317, 1927, 3169, 4031, // killed: the statement, the connection (MariaDB, MySQL), for saying nothing (MySQL)
		2006, 2013, // what a proxy says of its own connection
		3100, // MySQL: group replication has no majority
		codeReadOnlyOption, codeReadOnlyTx, codeReadOnlyMode,
	}
}

// rowCodes are what the values of a row bring about, or the shop's own checks of them. These alone blame the row.
func rowCodes() []uint16 {
	return []uint16{
		1022, 1048, codeDuplicate, 1216, 1217, 1451, 1452, 1557, 1586, 1761, 1762, // NULL, and keys that are taken or lead nowhere
		1264, 1265, 1292, 1365, 1366, 1406, 1411, 1441, 1525, 1690, 1918, // too large, too long, not of the type
		1300, 1977, 3854, // not of the character set
		1369, 1526, 1644, 1748, 3819, 4025, // a view, partitions, a trigger or a CHECK does not want it
		3140, 3141, 3150, 3151, 3156, 3157, 3158, 4036, 4037, 4038, 4039, 4040, // JSON
	}
}

// mistakeCodes are what somebody must put right first: rights, passwords, and tables that are not as they must be.
func mistakeCodes() []uint16 {
	return []uint16{
		codeSchemaDenied, codeAccessDenied, codeTableDenied, codeColumnDenied, 1130, 1227, 1370, 1698, // who may what
		1251, 1524, 1820, 1862, 3118, 3159, 4151, // passwords, accounts, and how to connect
		1049, 1054, 1064, 1146, codeUnknownVariable, 1231, 1305, 1356, 1449, // what is not there
		codeNotUpdatable, codeColumnNotWritten, codeNotInsertable, // views
	}
}

// ErrCommitUnknown says that the connection was lost at COMMIT, or that the server answered it with an error that may mean
// anything, so that nobody knows whether it took effect. It wraps
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
	switch number(err) {
	case codeDeadlock, codeLockTimeout, codeLockedNow, codeRolledBack:
		return true
	case codeErrorAtCommit:
		return errConflict.MatchString(reasonOf(err))
	}
	return false
}

// errConflict is what error 1180 says if another node's transaction came first: engine error 149.
var errConflict = regexp.MustCompile(`\b149\b`)

func reasonOf(err error) string {
	if e, ok := errors.AsType[*mysqldriver.MySQLError](err); ok {
		return e.Message
	}
	return ""
}

// unavailable reports whether err speaks of the connection or the server, not of the statement.
func unavailable(err error) bool {
	if n := number(err); n != 0 {
		return slices.Contains(awayCodes(), n)
	}
	var network net.Error
	return errors.Is(err, driver.ErrBadConn) || errors.Is(err, mysqldriver.ErrInvalidConn) || errors.Is(err, mysqldriver.ErrMalformPkt) ||
		errors.Is(err, mysqldriver.ErrPktSync) || errors.Is(err, mysqldriver.ErrPktSyncMul) || errors.Is(err, sql.ErrConnDone) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.As(err, &network)
}

// ofRow reports whether err blames the values of a row: those that the server does not take, and those that are not what a
// column of duly's tables can hold, which a view may show.
func ofRow(err error) bool {
	if n := number(err); n != 0 {
		return slices.Contains(rowCodes(), n)
	}
	return err != nil && strings.Contains(err.Error(), scanFailed)
}

// scanFailed is how database/sql says that a value cannot be read; the error has no type of its own.
const scanFailed = "sql: Scan error on column index "

// Mistake reports whether err is one that an operator must put right first, and that no later try does: a wrong DSN, rights
// that are missing, a password that has expired, TLS that the two sides do not agree on, tables that are not as they must be.
func Mistake(err error) bool {
	return isProblem(err) || errors.Is(err, ErrDSN) || errors.Is(err, ErrNoSkipLocked) || slices.Contains(mistakeCodes(), number(err)) || tlsMistake(err)
}

func isProblem(err error) bool {
	_, ok := errors.AsType[*Problem](err)
	return ok
}

// Classify wraps err with what the engine must know of it.
func Classify(ctx context.Context, err error) error {
	switch {
	case err == nil || classified(err):
		return err
	case ctx.Err() != nil:
		return fmt.Errorf("%w: %w", ctx.Err(), err)
	case repeatable(err):
		return fmt.Errorf("%w: %w", batch.ErrLocked, err)
	case isProblem(err): // a session that a proxy has given away
		return fmt.Errorf("%w: %w", batch.ErrUnavailable, err)
	case unavailable(err):
		if words := plainly(err); words != "" {
			return fmt.Errorf("%w: %s: %w", batch.ErrUnavailable, words, err)
		}
		return fmt.Errorf("%w: %w", batch.ErrUnavailable, err)
	case ofRow(err):
		return fmt.Errorf("%w: %w", batch.ErrRow, err)
	case number(err) != 0, errors.Is(err, mysqldriver.ErrPktTooLarge):
		return fmt.Errorf("%w: %w", batch.ErrStatement, err)
	}
	return err
}

func classified(err error) bool {
	for _, class := range []error{batch.ErrUnavailable, batch.ErrLocked, batch.ErrRow, batch.ErrStatement, batch.ErrLeaseLost, batch.ErrHistoryLost} {
		if errors.Is(err, class) {
			return true
		}
	}
	return false
}

// Reason is what the server says of a statement, for an operator; without the statement and its values.
func Reason(err error) string {
	if e, ok := errors.AsType[*mysqldriver.MySQLError](err); ok {
		return fmt.Sprintf("error %d (%s): %s", e.Number, string(e.SQLState[:]), Cut(e.Message, 200))
	}
	return Cut(err.Error(), 200)
}
