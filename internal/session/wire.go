package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"duly/config"
	"duly/internal/exit"
	"duly/internal/gateway"
	"duly/internal/mysql"
	"duly/internal/mysql/private"
	"duly/migrations"
	"duly/steps"
)

// Database is an open database, with the private server behind it if there is one.
type Database struct {
	*mysql.DB
	server *private.Server
	// borrowed: the caller that opened it closes it.
	borrowed bool
}

// Close closes the database, and stops the private server behind it.
func (d *Database) Close() {
	if d.borrowed {
		return
	}
	_ = d.DB.Close() // nothing is in flight any more
	if d.server != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		_ = d.server.Stop(ctx) // what does not stop now is ended by the next start
	}
}

// PrivateSchema is the schema of the private server that duly's tables are in.
const PrivateSchema = "duly"

// OperatorLogin is the login of [config.Database.Operator].
func OperatorLogin(d config.Database) mysql.Login {
	const role = string(mysql.RoleActing) + " of deploy/sql/grants.sql"
	if d.OperatorDSN == "" {
		return mysql.Login{Rights: "the user of database.dsn may not do that; set database.operator_dsn to a login with the role " + role}
	}
	return mysql.Login{Key: OperatorDSN, Rights: "the user of " + OperatorDSN + " lacks a right; give it the role " + role}
}

// OperatorDSN is the configuration key of the login of people.
const OperatorDSN = "database.operator_dsn"

// Open opens the configured database and checks that it answers.
func (s *Session) Open(ctx context.Context, c *config.Config) (*Database, error) {
	return s.OpenAs(ctx, c, mysql.Login{})
}

// OpenAs is open with a login that is not that of database.dsn.
func (s *Session) OpenAs(ctx context.Context, c *config.Config, login mysql.Login) (*Database, error) {
	if s.Shared != nil {
		return &Database{DB: s.Shared.DB, borrowed: true}, nil
	}
	if err := c.Require(true, false); err != nil {
		return nil, exit.Usage(err)
	}
	dsn, d := c.Database.DSN.Reveal(), &Database{}
	if dsn == config.Private {
		server, err := private.Start(ctx, private.Options{Dir: c.Database.PrivateDir})
		if err != nil {
			return nil, exit.Usage(err)
		}
		d.server = server
		if err := CreateSchema(ctx, server); err != nil {
			return nil, errors.Join(exit.Failed(err), server.Stop(context.WithoutCancel(ctx)))
		}
		dsn = server.DSN(PrivateSchema)
	}
	db, err := mysql.Open(dsn, mysql.Options{
		MaxOpen: c.Database.MaxOpen, Acquire: c.Database.AcquireTimeout, Frozen: c.Run.Lease, ReadOnly: s.Dry, Now: s.Now, Login: login,
	})
	if err != nil {
		return nil, exit.Usage(fmt.Errorf("%s: %w", cmp.Or(login.Key, mysql.DSNKey), err))
	}
	d.DB = db
	if err := mysql.Ping(ctx, db); err != nil {
		d.Close()
		return nil, exit.Start(unreachable(c.Database, err))
	}
	return d, nil
}

// CreateSchema makes duly's schema on the private server, if it is not there.
func CreateSchema(ctx context.Context, server *private.Server) error {
	db, err := mysql.Open(server.DSN("mysql"), mysql.Options{MaxOpen: 1})
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // nothing is in flight any more
	if _, err := db.ExecContext(ctx, "CREATE DATABASE IF NOT EXISTS "+PrivateSchema); err != nil {
		return fmt.Errorf("make the private database's schema: %w", err)
	}
	return nil
}

// WithSchema opens the configured database for do, if its schema is of this program's version.
func (s *Session) WithSchema(ctx context.Context, do func(*Database) error) error {
	return s.WithDatabase(ctx, ofThisVersion(ctx, do))
}

// AsOperator is withSchema for a command that changes something: as the user of database.operator_dsn, if there is one.
func (s *Session) AsOperator(ctx context.Context, do func(*Database) error) error {
	return s.opened(ctx, true, ofThisVersion(ctx, do))
}

// WithDatabase opens the configured database for do.
func (s *Session) WithDatabase(ctx context.Context, do func(*Database) error) error {
	return s.opened(ctx, false, do)
}

func (s *Session) opened(ctx context.Context, operator bool, do func(*Database) error) error {
	c, err := s.Load()
	if err != nil {
		return err
	}
	asked, login := *c, mysql.Login{}
	if operator {
		asked.Database, login = c.Database.Operator(), OperatorLogin(c.Database)
	}
	db, err := s.OpenAs(ctx, &asked, login)
	if err != nil {
		return err
	}
	defer db.Close()
	return do(db)
}

func ofThisVersion(ctx context.Context, do func(*Database) error) func(*Database) error {
	return func(db *Database) error {
		if err := migrations.Check(ctx, db.DB.DB.DB); err != nil {
			return exit.Start(err)
		}
		return do(db)
	}
}

// MaxClockSkew is how far the host's clock may be off the database's.
const MaxClockSkew = 5 * time.Second

// Clock measures the database's clock and returns the business clock that goes by it.
func (s *Session) Clock(ctx context.Context, db *mysql.DB) (func() time.Time, error) {
	there, err := mysql.ReadClock(ctx, db, s.Now)
	if err != nil {
		return nil, exit.Failed(err)
	}
	if err := CheckClock(there); err != nil {
		return nil, exit.Usage(err)
	}
	return func() time.Time { return s.Now().Add(there.Offset + s.Shift) }, nil
}

// CheckClock refuses a host clock that leases and dates cannot be trusted by.
func CheckClock(c mysql.Clock) error {
	off := c.Offset.Abs() - c.Error
	if off <= MaxClockSkew {
		return nil
	}
	side := "behind"
	if c.Offset < 0 {
		side = "ahead of"
	}
	return fmt.Errorf("this host's clock is %s %s the database's, %s is the most: synchronise both (NTP), or leases and dates cannot be trusted",
		off.Round(time.Second), side, MaxClockSkew)
}

// Gateways builds the configured gateways; slots, if there are any, bounds the requests that are open at all of
// them together. The caller must close them.
func (s *Session) Gateways(c *config.Config, slots *gateway.Bound) (steps.Gateways, error) {
	if err := c.Require(false, true); err != nil {
		return nil, exit.Usage(err)
	}
	out, wide := steps.Gateways{}, 0
	if slots != nil {
		wide = slots.Size()
	}
	for name, g := range c.Gateways {
		auto := 0
		if g.Parallelism == config.Auto && slots == nil {
			auto = g.MaxParallelism
		}
		g.Parallelism = config.Parallelism(max(g.Most(), wide)) // so many connections are kept
		client, err := s.Adapter(name, g)
		if err != nil {
			CloseAll(out)
			return nil, exit.Usage(fmt.Errorf("gateways.%s: %w", name, err))
		}
		if s.Dry {
			client = gateway.NewDryRun(client)
		}
		out[name] = gateway.Limit(name, client, gateway.Limits{
			Rate: g.Rate, Tries: g.Tries, Backoff: g.Backoff, MaxElapsed: g.MaxElapsed, MaxOutage: g.MaxOutage,
			Circuit: gateway.CircuitLimits(g.Circuit), Auto: auto, Timeout: g.Timeout, Slots: slots, Observe: s.Observe, Now: s.Now,
		})
	}
	return out, nil
}

// CloseAll closes gateways.
func CloseAll(gateways steps.Gateways) {
	for _, g := range gateways {
		g.Close()
	}
}

// Adapter makes the client of one gateway, without limits.
func (s *Session) Adapter(name string, g config.Gateway) (gateway.Gateway, error) {
	return s.adapt(s, name, g)
}
