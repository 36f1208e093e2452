package mysql

import (
	"context"
	"database/sql/driver"
	"errors"
	"regexp"
	"time"

	mysqldriver "github.com/go-sql-driver/mysql"
)

// What the server quotes of values. Names of tables, columns, keys and users stay: they say what is wrong.
var quoted = []struct { //nolint:gochecknoglobals // a table
	find *regexp.Regexp
	put  string
}{
	{regexp.MustCompile(`(?s)Duplicate entry '.*' for key`), `Duplicate entry '[redacted]' for key`},
	{regexp.MustCompile(`(?s)\b(value|function [a-z_]+): '.*?'( for (?:column|function)\b.*| at row \d+.*|)$`), `$1: '[redacted]'$2`},
	{regexp.MustCompile(`(?s)\bnear '.*' at line`), `near '[redacted]' at line`},
	{regexp.MustCompile(`(?s)\bvalue is out of range in '.*'`), `value is out of range in '[redacted]'`},
	{regexp.MustCompile(`(?s)\bIllegal (\w+) '.*' value found`), `Illegal $1 '[redacted]' value found`},
	{regexp.MustCompile(`(?s)\bpartition for value .*`), `partition for value [redacted]`},
	{regexp.MustCompile(`(?s)\bInvalid JSON (text|path expression)([^:"]*): ?".*"`), `Invalid JSON $1$2: "[redacted]"`},
}

// redactValues takes the values out of what the server says of a statement: they are customers' and customers' payment
// methods. The error is changed itself, so that nothing that wraps it tells them either.
func redactValues(err error) error {
	if e, ok := errors.AsType[*mysqldriver.MySQLError](err); ok {
		for _, q := range quoted {
			e.Message = q.find.ReplaceAllString(e.Message, q.put)
		}
	}
	return err
}

// driverConn is what the driver's connections can.
type driverConn interface {
	driver.Conn
	driver.ConnPrepareContext
	driver.ConnBeginTx
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
	driver.NamedValueChecker
}

// redactedConn is a connection whose errors hold no values. What it does not wrap cannot meet any.
type redactedConn struct {
	driverConn

	sessions *sessions
	verified time.Time // when its session settings were last checked
	retired  bool      // the pool must drop it
}

// IsValid implements driver.Validator.
func (c *redactedConn) IsValid() bool { return !c.retired && c.driverConn.IsValid() }

// redactValues redacts err, and retires the connection if its server is read-only: after a fail-over a new connection may reach the primary.
func (c *redactedConn) redactValues(err error) error {
	if n := number(err); n != 0 && !c.sessions.readOnly && (isReadOnly(err) || n == codeReadOnlyTx) {
		c.retired = true
	}
	if err = redactValues(err); IsDenied(err) {
		return c.sessions.login.of(err)
	}
	return err
}

// PrepareContext implements driver.ConnPrepareContext.
func (c *redactedConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	stmt, err := c.driverConn.PrepareContext(ctx, query)
	if err != nil {
		return nil, c.redactValues(err)
	}
	if s, ok := stmt.(driverStmt); ok {
		return redactedStmt{s, c}, nil
	}
	return stmt, nil
}

// BeginTx implements driver.ConnBeginTx. It checks the session settings every few seconds.
func (c *redactedConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	tx, err := c.driverConn.BeginTx(ctx, o)
	if err != nil {
		return nil, c.redactValues(err)
	}
	if time.Since(c.verified) >= verifyEvery {
		if err := c.sessions.verify(ctx, c); err != nil {
			c.retired = true
			return nil, errors.Join(err, tx.Rollback())
		}
		c.verified = time.Now() //nolint:forbidigo // how long ago the connection was checked; no rule goes by it
	}
	return redactedTx{tx, c}, nil
}

// ExecContext implements driver.ExecerContext.
func (c *redactedConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	result, err := c.driverConn.ExecContext(ctx, query, args)
	return result, c.redactValues(err)
}

// QueryContext implements driver.QueryerContext.
func (c *redactedConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	rows, err := c.driverConn.QueryContext(ctx, query, args)
	return rows, c.redactValues(err)
}

// redactedTx is a transaction whose errors hold no values: a constraint may be checked at its end.
type redactedTx struct {
	driver.Tx

	conn *redactedConn
}

// Commit implements driver.Tx.
func (t redactedTx) Commit() error { return t.conn.redactValues(t.Tx.Commit()) }

// driverStmt is what the driver's prepared statements can.
type driverStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
	driver.NamedValueChecker
}

// redactedStmt is a prepared statement whose errors hold no values.
type redactedStmt struct {
	driverStmt

	conn *redactedConn
}

// ExecContext implements driver.StmtExecContext.
func (s redactedStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	result, err := s.driverStmt.ExecContext(ctx, args)
	return result, s.conn.redactValues(err)
}

// QueryContext implements driver.StmtQueryContext.
func (s redactedStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	rows, err := s.driverStmt.QueryContext(ctx, args)
	return rows, s.conn.redactValues(err)
}
