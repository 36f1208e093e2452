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
	"syscall"

	mysqldriver "github.com/go-sql-driver/mysql"

	"duly/internal/batch"
)

// Server error numbers that the code refers to by name. They are the same on MySQL and MariaDB unless noted.
const (
	codeTooMany          = 1040
	codeSchemaDenied     = 1044
	codeAccessDenied     = 1045
	codeUnknownColumn    = 1054
	codeDuplicate        = 1062
	codeSyntax           = 1064
	codeTableDenied      = 1142
	codeColumnDenied     = 1143
	codeNoTable          = 1146
	codeErrorAtCommit    = 1180
	codeUnknownVariable  = 1193
	codeTooManyOfUser    = 1203
	codeLockTimeout      = 1205
	codeDeadlock         = 1213
	codeUserLimit        = 1226
	codeNotSupported     = 1235
	codeCollations       = 1267
	codeNotUpdatable     = 1288
	codeReadOnlyOption   = 1290
	codeColumnNotWritten = 1348
	codeNotInsertable    = 1471
	codeReadOnlyTx       = 1792
	codeReadOnlyMode     = 1836
	codeRolledBack       = 3101 // MySQL: group replication found a conflict at COMMIT
	codeLockedNow        = 3572 // MySQL; MariaDB's NOWAIT returns 1205
)

// unavailableCodes lists errors of the server or the connection. The caller retries.
func unavailableCodes() []uint16 {
	return []uint16{
		1021, 1114, // disk full
		1037, 1041, 1135, // out of memory, resources, threads
		codeTooMany, codeTooManyOfUser,
		1047,             // Galera: the node is not part of a primary component
		1053, 3032, 9001, // shutdown, offline mode, ProxySQL without a backend
		1152, 1158, 1159, 1160, 1161, 1184, // network
		1317, 1927, 3169, 4031, // statement or connection killed (MariaDB, MySQL), idle for too long (MySQL)
		2006, 2013, // sent by proxies about their own connection
		3100, // MySQL: group replication has no majority
		codeReadOnlyOption, codeReadOnlyTx, codeReadOnlyMode,
	}
}

// dataCodes lists errors that the values of a row cause, or the shop's own checks of them. Only these are blamed on a row.
func dataCodes() []uint16 {
	return []uint16{
		1022, 1048, codeDuplicate, 1216, 1217, 1451, 1452, 1557, 1586, 1761, 1762, // NULL, unique and foreign keys
		1264, 1265, 1292, 1365, 1366, 1406, 1411, 1441, 1525, 1690, 1918, // out of range, too long, wrong type
		1300, 1977, 3854, // character set
		1369, 1526, 1644, 1748, 3819, 4025, // WITH CHECK OPTION, partitions, triggers, CHECK
		3140, 3141, 3150, 3151, 3156, 3157, 3158, 4036, 4037, 4038, 4039, 4040, // JSON
	}
}

// configCodes lists errors that an operator must fix: privileges, passwords, and a schema that is not as expected.
func configCodes() []uint16 {
	return []uint16{
		codeSchemaDenied, codeAccessDenied, codeTableDenied, codeColumnDenied, 1130, 1227, 1370, 1698, // privileges
		1251, 1524, 1820, 1862, 3118, 3159, 4151, // authentication
		1049, codeUnknownColumn, codeSyntax, codeNoTable, codeUnknownVariable, 1231, 1305, 1356, 1449, // missing objects
		codeNotUpdatable, codeColumnNotWritten, 1393, codeNotInsertable, // views
	}
}

// ErrCommitUnknown means that nobody knows whether a COMMIT took effect: its answer was lost, or it was an error that does not
// imply a rollback. It wraps [batch.ErrUnavailable]. The caller must read the rows again.
var ErrCommitUnknown = fmt.Errorf("result of COMMIT unknown: %w", batch.ErrUnavailable)

func number(err error) uint16 {
	if e, ok := errors.AsType[*mysqldriver.MySQLError](err); ok {
		return e.Number
	}
	return 0
}

// IsDuplicate reports whether err is a violated UNIQUE key.
func IsDuplicate(err error) bool { return number(err) == codeDuplicate }

// IsUnknownColumn reports whether the statement named a column that its tables and views do not have.
func IsUnknownColumn(err error) bool { return number(err) == codeUnknownColumn }

// IsUnknown reports whether the statement failed because there is no column of that name. The server names only one column, in its own language.
func IsUnknown(err error, column string) bool {
	return IsUnknownColumn(err) && strings.Contains(err.Error(), column)
}

// IsNotWritable reports whether the login may not write a table or column, or a view does not take it.
func IsNotWritable(err error) bool {
	switch number(err) {
	case codeTableDenied, codeColumnDenied, codeNotUpdatable, codeColumnNotWritten:
		return true
	}
	return false
}

// IsRefusedWrite reports whether a statement was refused for what it writes or where, and nothing else of its transaction was: the login may not,
// a view does not take it, or a constraint, a trigger or the column's type does not. The transaction can go on without it.
func IsRefusedWrite(err error) bool { return IsNotWritable(err) || isData(err) }

// repeatable reports whether the transaction that met err was, or must be, rolled back and can be run again.
func repeatable(err error) bool {
	switch number(err) {
	case codeDeadlock, codeLockTimeout, codeLockedNow, codeRolledBack:
		return true
	case codeErrorAtCommit:
		return engineConflict.MatchString(messageOf(err))
	}
	return false
}

// engineConflict matches error 1180 if a transaction of another cluster node came first (engine error 149).
var engineConflict = regexp.MustCompile(`\b149\b`)

func messageOf(err error) string {
	if e, ok := errors.AsType[*mysqldriver.MySQLError](err); ok {
		return e.Message
	}
	return ""
}

// unavailable reports whether err is about the connection or the server, not about the statement.
func unavailable(err error) bool {
	if n := number(err); n != 0 {
		return slices.Contains(unavailableCodes(), n)
	}
	if err == nil {
		return false
	}
	return strings.HasSuffix(err.Error(), brokenConn) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, mysqldriver.ErrInvalidConn) || errors.Is(err, mysqldriver.ErrMalformPkt) ||
		errors.Is(err, mysqldriver.ErrPktSync) || errors.Is(err, mysqldriver.ErrPktSyncMul) || errors.Is(err, sql.ErrConnDone) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || isNetwork(err)
}

// isNetwork reports whether err comes from a connection. The system's own errors have the methods of one too, those of files
// as well.
func isNetwork(err error) bool {
	network, ok := errors.AsType[net.Error](err)
	if !ok {
		return false
	}
	if system, ok := network.(syscall.Errno); ok {
		return slices.Contains([]syscall.Errno{
			syscall.EPIPE, syscall.ECONNRESET, syscall.ECONNREFUSED, syscall.ECONNABORTED, syscall.ETIMEDOUT, syscall.ENETUNREACH, syscall.EHOSTUNREACH,
		}, system)
	}
	return true
}

// brokenConn is how the driver reports a connection that broke while it was made; the error has no type.
const brokenConn = "bad connection"

// isData reports whether the values of a row cause err: the server does not accept them, or a view returns one that does not
// fit the column's type.
func isData(err error) bool {
	if n := number(err); n != 0 {
		return slices.Contains(dataCodes(), n)
	}
	return err != nil && strings.Contains(err.Error(), scanError)
}

// scanError is how database/sql reports a value that cannot be read; the error has no type.
const scanError = "sql: Scan error on column index "

// IsMisconfigured reports whether an operator must fix something before a retry can succeed: the DSN, privileges, an expired
// password, TLS, a proxy that drops session settings, or the schema.
func IsMisconfigured(err error) bool {
	return isProblem(err) || errors.Is(err, ErrDSN) || errors.Is(err, ErrNoSkipLocked) || slices.Contains(configCodes(), number(err)) || isTLS(err)
}

func isProblem(err error) bool {
	_, ok := errors.AsType[*Problem](err)
	return ok
}

func isSessionLost(err error) bool {
	_, ok := errors.AsType[*sessionLostError](err)
	return ok
}

// Classify wraps err with one of the sentinel errors of package batch. Errors that do not come from the database are returned as
// they are.
func Classify(ctx context.Context, err error) error {
	switch {
	case err == nil || classified(err):
		return err
	case ctx.Err() != nil:
		return fmt.Errorf("%w: %w", ctx.Err(), err)
	case repeatable(err):
		return fmt.Errorf("%w: %w", batch.ErrLocked, err)
	case isSessionLost(err): // a proxy dropped the session settings
		return fmt.Errorf("%w: %w", batch.ErrUnavailable, err)
	case isProblem(err): // an operator has to mend it: the database itself is there
		return err
	case unavailable(err):
		return fmt.Errorf("%w: %w", batch.ErrUnavailable, hinted(err))
	case isData(err):
		return fmt.Errorf("%w: %w", batch.ErrData, err)
	case number(err) != 0, errors.Is(err, mysqldriver.ErrPktTooLarge):
		return fmt.Errorf("%w: %w", batch.ErrDatabase, hinted(err))
	}
	return err
}

// hinted adds the hint, if there is one, to err.
func hinted(err error) error {
	if h := hint(err); h != "" {
		return fmt.Errorf("%s: %w", h, err)
	}
	return err
}

func classified(err error) bool {
	for _, class := range []error{batch.ErrUnavailable, batch.ErrLocked, batch.ErrData, batch.ErrDatabase, batch.ErrLeaseLost, batch.ErrHistoryLost} {
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
