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

	"duly/internal/batch"
)

// sessionMode is the sql_mode of every session. Shops may store dates that do not exist (2025-02-31); queries must be able to
// compare with them.
const (
	sessionMode = StrictMode + ",ALLOW_INVALID_DATES,NO_ENGINE_SUBSTITUTION"
	StrictMode  = "STRICT_ALL_TABLES"
	SessionZone = "+00:00"
)

const (
	// connectFor is how long Connect retries at first, and reconnectFor once the server was reached.
	connectFor   = 250 * time.Millisecond
	reconnectFor = time.Second
	// verifyEvery is how often the session settings of a connection in use are checked.
	verifyEvery = 5 * time.Second
)

// sessions makes connections with the session settings that duly relies on.
type sessions struct {
	driver.Connector
	statements []string
	readOnly   bool
	login      Login

	reached   atomic.Bool
	isolation atomic.Pointer[string] // name of the server's variable for the isolation level
}

// Connect implements [driver.Connector]. It retries for a moment, so that an outage of milliseconds (a restarted proxy, a fast
// fail-over) does not end a run.
func (s *sessions) Connect(ctx context.Context) (driver.Conn, error) {
	began, pause := time.Now(), 10*time.Millisecond //nolint:forbidigo // how long it has tried; no rule goes by it
	for {
		conn, err := s.open(ctx)
		if err == nil {
			s.reached.Store(true)
			return conn, nil
		}
		patience := connectFor
		if s.reached.Load() {
			patience = reconnectFor
		}
		if !unavailable(err) || IsMisconfigured(err) || time.Since(began) > patience {
			return nil, s.login.of(err)
		}
		if batch.Wait(ctx, pause) != nil {
			return nil, err
		}
		pause = min(2*pause, reconnectFor/5)
	}
}

func (s *sessions) open(ctx context.Context) (driver.Conn, error) {
	conn, err := s.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	whole, ok := conn.(driverConn)
	if !ok {
		return nil, errors.Join(errors.New("unexpected type of connection from the driver"), conn.Close())
	}
	quiet := &redactedConn{driverConn: whole, sessions: s}
	for _, statement := range s.statements {
		if _, err := quiet.ExecContext(ctx, statement, nil); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	if err := s.verify(ctx, quiet); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	quiet.verified = time.Now() //nolint:forbidigo // see BeginTx
	return quiet, nil
}

// verify checks the session settings. A proxy may run each transaction in a different session, or reset sessions to the
// server's defaults.
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
	for rows.Next(make([]driver.Value, 4)) != io.EOF { //nolint:errorlint // drivers return it unwrapped
		return errors.New("the server returned more than one row of session variables")
	}
	is := func(i int) string { return text(values[i]) }
	switch {
	case is(3) != "READ-COMMITTED":
		return SessionLost("isolation level " + is(3))
	case is(0) != SessionZone:
		return SessionLost("time zone " + is(0))
	case !strings.Contains(is(1), StrictMode):
		return SessionLost("sql_mode " + is(1))
	case is(2) != "1":
		return SessionLost("autocommit " + is(2))
	}
	return nil
}

// CheckSessions checks the session settings within concurrent transactions on two connections: a proxy that multiplexes its
// connections does so per transaction. Later transactions check again every few seconds.
func CheckSessions(ctx context.Context, db *DB) error {
	for range 2 {
		conn, err := acquire(ctx, db)
		if err != nil {
			return Classify(ctx, err)
		}
		defer func() { _ = conn.Close() }() // returns it to the pool
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
	c, ok := made.(*redactedConn)
	if !ok {
		return errors.New("unexpected type of connection in the pool")
	}
	err := c.sessions.verify(ctx, c)
	if err != nil {
		c.retired = true
	}
	return err
}

func text(v driver.Value) string {
	if b, ok := v.([]byte); ok {
		return string(b)
	}
	return fmt.Sprint(v)
}

// SessionLost says which session setting was lost.
func SessionLost(found string) error {
	return &sessionLostError{&Problem{
		What: "session settings are lost between statements: found " + found,
		Mend: "connect to the server directly, or to a proxy that keeps session settings",
	}}
}

// sessionLostError is a lost session setting. The next connection may keep it.
type sessionLostError struct{ *Problem }

// Unwrap returns the problem.
func (s *sessionLostError) Unwrap() error { return s.Problem }
