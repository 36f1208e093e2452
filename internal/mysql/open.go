package mysql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"net"
	"time"

	mysqldriver "github.com/go-sql-driver/mysql"
	"github.com/jmoiron/sqlx"

	"duly/internal/batch"
)

// DB is a pool of connections, each set up as duly relies on. It is safe for concurrent use.
type DB struct {
	*sqlx.DB
	// Host, Address (with its port; or a socket) and Schema say where this is, without any secret.
	Host, Address, Schema string
	// Acquire bounds the wait for a connection of the pool.
	Acquire time.Duration

	works txStats
	at    *sqlx.Tx // of a Snapshot: what reads go by
}

// Options of Open.
type Options struct {
	MaxOpen int           // connections; 0: 16
	Acquire time.Duration // wait for a connection; 0: 3 s
	// LockWait is how long a statement waits for a row lock, in whole seconds; 0: 5 s.
	LockWait time.Duration
	// Frozen is after how long the server gives up on a connection that says nothing, in whole seconds rounded
	// up; 0: 60 s. A worker that is frozen in a transaction (stopped, suspended, cut off) holds its locks no
	// longer than that. Longer than any healthy pause within a transaction; the length of the lease is right.
	Frozen time.Duration
	// ReadOnly: the server refuses every change, for those that are to make none.
	ReadOnly bool
	// Login is the login of the DSN.
	Login Login
	// Now measures what transactions cost; nil: they are not measured.
	Now func() time.Time
}

// readSlack is how much longer than the lock wait the DSN's readTimeout is at least.
const readSlack = 5 * time.Second

// ErrDSN is wrapped when a DSN cannot be used. The DSN is not part of the message: it holds a password.
var ErrDSN = errors.New("the DSN cannot be used")

// Open makes a pool for a DSN of go-sql-driver. Whatever the DSN says, text is UTF-8, times are UTC, transactions
// READ COMMITTED, and "rows affected" counts the rows found. No connection is made yet.
func Open(dsn string, o Options) (*DB, error) {
	cfg, err := mysqldriver.ParseDSN(dsn)
	if err != nil {
		return nil, fmt.Errorf("%w: it is not of the form user:password@tcp(host:3306)/schema", ErrDSN)
	}
	if cfg.DBName == "" {
		return nil, fmt.Errorf("%w: it names no schema: user:password@tcp(host:3306)/schema", ErrDSN)
	}
	cfg.ParseTime, cfg.Loc = true, time.UTC
	cfg.ClientFoundRows, cfg.InterpolateParams, cfg.MultiStatements = true, true, false
	cfg.RejectReadOnly = false // redactedConn retires such a connection and keeps the server's message
	cfg.Logger = &mysqldriver.NopLogger{}
	if cfg.Timeout == 0 {
		cfg.Timeout = 10 * time.Second
	}
	if o.LockWait == 0 {
		o.LockWait = 5 * time.Second
	}
	if o.MaxOpen == 0 {
		o.MaxOpen = 16
	}
	if o.Acquire == 0 {
		o.Acquire = 3 * time.Second
	}
	if o.Frozen == 0 {
		o.Frozen = time.Minute
	}
	if cfg.ReadTimeout > 0 { // else a statement that waits for a lock would time out here, and be repeated for ever
		cfg.ReadTimeout = max(cfg.ReadTimeout, o.LockWait+readSlack)
	}
	statements := []string{
		"SET NAMES utf8mb4",
		"SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
		"SET SESSION autocommit = 1, SESSION time_zone = '+00:00', SESSION sql_mode = '" + sessionMode + "'," +
			" SESSION innodb_lock_wait_timeout = " + fmt.Sprint(int(o.LockWait.Seconds())) +
			", SESSION wait_timeout = " + fmt.Sprint(int(math.Ceil(o.Frozen.Seconds()))),
	}
	if o.ReadOnly {
		statements = append(statements, "SET SESSION TRANSACTION READ ONLY")
	}
	connector, err := mysqldriver.NewConnector(cfg)
	if err != nil {
		return nil, fmt.Errorf("%w: its options contradict each other", ErrDSN)
	}
	pool := sql.OpenDB(&sessions{Connector: connector, statements: statements, readOnly: o.ReadOnly, login: o.Login})
	pool.SetMaxOpenConns(o.MaxOpen)
	pool.SetMaxIdleConns(o.MaxOpen)
	pool.SetConnMaxLifetime(30 * time.Minute)
	pool.SetConnMaxIdleTime(o.Frozen / 2)
	host := cfg.Addr
	if h, _, err := net.SplitHostPort(cfg.Addr); err == nil && cfg.Net == "tcp" {
		host = h
	}
	return &DB{DB: sqlx.NewDb(pool, "mysql"), Host: host, Address: cfg.Addr, Schema: cfg.DBName, Acquire: o.Acquire, works: txStats{now: o.Now}}, nil
}

// Clock reads the database's clock. Offset is how far it is ahead of the host's, to within Error.
type Clock struct {
	Offset, Error time.Duration
}

// ReadClock measures the database's clock against now, by the best of a few tries.
func ReadClock(ctx context.Context, db *DB, now func() time.Time) (Clock, error) {
	best := Clock{Error: time.Hour}
	for range 3 {
		var there time.Time
		before := now()
		if err := db.GetContext(ctx, &there, "SELECT UTC_TIMESTAMP(6)"); err != nil {
			return Clock{}, fmt.Errorf("read the database's clock: %w", Classify(ctx, err))
		}
		half := now().Sub(before) / 2
		if half < best.Error {
			best = Clock{Offset: there.Sub(before.Add(half).Round(0)), Error: half}
		}
	}
	return best, nil
}

// Ping reaches the database, or says in one line why not: ErrDSN if the server is there and turns us away,
// batch.ErrUnavailable if it cannot be reached.
func Ping(ctx context.Context, db *DB) error {
	err := db.PingContext(ctx)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("reach %s: %w", db.Host, ctx.Err())
	}
	if IsMisconfigured(err) {
		return fmt.Errorf("%w: %s: %w", ErrDSN, db.Host, hinted(err))
	}
	return fmt.Errorf("%w: %s: %w", batch.ErrUnavailable, db.Host, hinted(err))
}
