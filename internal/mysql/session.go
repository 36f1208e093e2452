package mysql

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"
)

// sessionMode is the sql_mode of every session. A date that is none (2025-02-31) is stored in some shops; it must be possible
// to ask for it, or a walk could not go on behind it.
const sessionMode = "STRICT_ALL_TABLES,ALLOW_INVALID_DATES,NO_ENGINE_SUBSTITUTION"

const (
	// blip is how long a server that was reached before is waited for where a connection cannot be made.
	blip = time.Second
	// recheck is how often a connection that is in use is looked at.
	recheck = 5 * time.Second
)

// sessions makes connections that are set up as duly relies on.
type sessions struct {
	driver.Connector
	statements []string
	readOnly   bool

	reached   atomic.Bool
	isolation atomic.Pointer[string] // the variable of this server that holds the level
}

// Connect implements driver.Connector. Where the server was reached before, one that is away for a moment is waited for: a
// restarted proxy or a fail-over that takes milliseconds must not end a run.
func (s *sessions) Connect(ctx context.Context) (driver.Conn, error) {
	began, pause := time.Now(), 10*time.Millisecond
	for {
		conn, err := s.connect(ctx)
		if err == nil {
			s.reached.Store(true)
			return conn, nil
		}
		if !s.reached.Load() || !unavailable(err) || Mistake(err) || time.Since(began) > blip {
			return nil, err
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, err
		case <-timer.C:
		}
		pause = min(2*pause, blip/5)
	}
}

func (s *sessions) connect(ctx context.Context) (driver.Conn, error) {
	conn, err := s.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	whole, ok := conn.(driverConn)
	if !ok {
		return nil, errors.Join(errors.New("the driver's connections are not what they were"), conn.Close())
	}
	quiet := &hushed{driverConn: whole, sessions: s}
	for _, statement := range s.statements {
		if _, err := quiet.ExecContext(ctx, statement, nil); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	if err := s.verify(ctx, quiet); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	quiet.verified = time.Now()
	return quiet, nil
}

// verify looks whether a session still is what it was made: a proxy may hand each transaction to another one, or give its
// connections back to the server's defaults.
func (s *sessions) verify(ctx context.Context, conn driver.QueryerContext) error {
	name := s.isolation.Load()
	if name != nil {
		return s.compare(ctx, conn, *name)
	}
	names := []string{"transaction_isolation", "tx_isolation"} // MariaDB before 11.1 knows the second alone
	for i := range names {
		err := s.compare(ctx, conn, names[i])
		if number(err) == codeUnknownVariable && i+1 < len(names) {
			continue
		}
		if err == nil {
			s.isolation.Store(&names[i])
		}
		return err
	}
	return nil
}

func (s *sessions) compare(ctx context.Context, conn driver.QueryerContext, isolation string) error {
	rows, err := conn.QueryContext(ctx, "SELECT @@session.time_zone, @@session.sql_mode, @@session.autocommit, @@session."+isolation, nil)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	values := make([]driver.Value, 4)
	if err := rows.Next(values); err != nil {
		return err
	}
	for rows.Next(make([]driver.Value, 4)) != io.EOF { //nolint:errorlint // the driver's word for the end
		return errors.New("a session has more than one state")
	}
	is := func(i int) string { return text(values[i]) }
	switch {
	case is(3) != "READ-COMMITTED":
		return forgotten("isolation level " + is(3))
	case is(0) != "+00:00":
		return forgotten("time zone " + is(0))
	case !strings.Contains(is(1), "STRICT_ALL_TABLES"):
		return forgotten("sql_mode " + is(1))
	case is(2) != "1":
		return forgotten("autocommit " + is(2))
	}
	return nil
}

// CheckSessions looks, within transactions of two connections at the same time, whether sessions are what they were made. A proxy
// that shares its connections hands on each transaction by itself. Transactions look again every few seconds.
func CheckSessions(ctx context.Context, db *DB) error {
	for range 2 {
		conn, err := acquire(ctx, db)
		if err != nil {
			return Classify(ctx, err)
		}
		defer func() { _ = conn.Close() }() // gives it back, unless it is spoiled
		tx, err := conn.BeginTx(ctx, nil)
		if err != nil {
			return Classify(ctx, err)
		}
		defer func() { _ = tx.Rollback() }() // nothing was changed
		if err := conn.Raw(func(made any) error { return reverify(ctx, made) }); err != nil {
			return Classify(ctx, err)
		}
	}
	return nil
}

func reverify(ctx context.Context, made any) error {
	c, ok := made.(*hushed)
	if !ok {
		return errors.New("the pool's connections are not what they were")
	}
	err := c.sessions.verify(ctx, c)
	if err != nil {
		c.spoiled = true
	}
	return err
}

func text(v driver.Value) string {
	if b, ok := v.([]byte); ok {
		return string(b)
	}
	return fmt.Sprint(v)
}

// forgotten says that a session is not what it was made.
func forgotten(has string) error {
	return &Problem{
		"a session does not keep what it was set to: it has " + has,
		"connect to the server itself, or to a proxy that keeps session settings",
	}
}
