package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"duly/config"
	"duly/internal/gateway"
	"duly/internal/mysql"
	"duly/internal/mysql/private"
	"duly/migrations"
	"duly/steps"
)

// database is an open database, with the private server behind it if there is one.
type database struct {
	*mysql.DB
	server *private.Server
	// borrowed: the caller that opened it closes it.
	borrowed bool
}

func (d *database) close() {
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

// privateSchema is the schema of the private server that duly's tables are in.
const privateSchema = "duly"

// operatorLogin is the login of [config.Database.Operator].
func operatorLogin(d config.Database) mysql.Login {
	const role = string(mysql.RoleActing) + " of deploy/sql/grants.sql"
	if d.OperatorDSN == "" {
		return mysql.Login{Rights: "the user of database.dsn may not do that; set database.operator_dsn to a login with the role " + role}
	}
	return mysql.Login{Key: operatorDSN, Rights: "the user of " + operatorDSN + " lacks a right; give it the role " + role}
}

const operatorDSN = "database.operator_dsn"

// open opens the configured database and checks that it answers.
func (s *Session) open(ctx context.Context, c *config.Config) (*database, error) {
	return s.openAs(ctx, c, mysql.Login{})
}

// openAs is open with a login that is not that of database.dsn.
func (s *Session) openAs(ctx context.Context, c *config.Config, login mysql.Login) (*database, error) {
	if s.shared != nil {
		return &database{DB: s.shared.DB, borrowed: true}, nil
	}
	if err := c.Require(true, false); err != nil {
		return nil, usage(err)
	}
	dsn, d := c.Database.DSN.Reveal(), &database{}
	if dsn == config.Private {
		server, err := private.Start(ctx, private.Options{Dir: c.Database.PrivateDir})
		if err != nil {
			return nil, usage(err)
		}
		d.server = server
		if err := createSchema(ctx, server); err != nil {
			return nil, errors.Join(failed(err), server.Stop(context.WithoutCancel(ctx)))
		}
		dsn = server.DSN(privateSchema)
	}
	db, err := mysql.Open(dsn, mysql.Options{
		MaxOpen: c.Database.MaxOpen, Acquire: c.Database.AcquireTimeout, Frozen: c.Run.Lease, ReadOnly: s.dry, Now: s.now, Login: login,
	})
	if err != nil {
		return nil, usage(fmt.Errorf("%s: %w", cmp.Or(login.Key, mysql.DSNKey), err))
	}
	d.DB = db
	if err := mysql.Ping(ctx, db); err != nil {
		d.close()
		return nil, startError(unreachable(c.Database, err))
	}
	return d, nil
}

// createSchema makes duly's schema on the private server, if it is not there.
func createSchema(ctx context.Context, server *private.Server) error {
	db, err := mysql.Open(server.DSN("mysql"), mysql.Options{MaxOpen: 1})
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // nothing is in flight any more
	if _, err := db.ExecContext(ctx, "CREATE DATABASE IF NOT EXISTS "+privateSchema); err != nil {
		return fmt.Errorf("make the private database's schema: %w", err)
	}
	return nil
}

// withSchema opens the configured database for do, if its schema is of this program's version.
func (s *Session) withSchema(ctx context.Context, do func(*database) error) error {
	return s.withDatabase(ctx, ofThisVersion(ctx, do))
}

// asOperator is withSchema for a command that changes something: as the user of database.operator_dsn, if there is one.
func (s *Session) asOperator(ctx context.Context, do func(*database) error) error {
	return s.opened(ctx, true, ofThisVersion(ctx, do))
}

// withDatabase opens the configured database for do.
func (s *Session) withDatabase(ctx context.Context, do func(*database) error) error {
	return s.opened(ctx, false, do)
}

func (s *Session) opened(ctx context.Context, operator bool, do func(*database) error) error {
	c, err := s.load()
	if err != nil {
		return err
	}
	asked, login := *c, mysql.Login{}
	if operator {
		asked.Database, login = c.Database.Operator(), operatorLogin(c.Database)
	}
	db, err := s.openAs(ctx, &asked, login)
	if err != nil {
		return err
	}
	defer db.close()
	return do(db)
}

func ofThisVersion(ctx context.Context, do func(*database) error) func(*database) error {
	return func(db *database) error {
		if err := migrations.Check(ctx, db.DB.DB.DB); err != nil {
			return startError(err)
		}
		return do(db)
	}
}

// maxClockSkew is how far the host's clock may be off the database's.
const maxClockSkew = 5 * time.Second

// clock measures the database's clock and returns the business clock that goes by it.
func (s *Session) clock(ctx context.Context, db *mysql.DB) (func() time.Time, error) {
	there, err := mysql.ReadClock(ctx, db, s.now)
	if err != nil {
		return nil, failed(err)
	}
	if err := checkClock(there); err != nil {
		return nil, usage(err)
	}
	return func() time.Time { return s.now().Add(there.Offset + s.shift) }, nil
}

// checkClock refuses a host clock that leases and dates cannot be trusted by.
func checkClock(c mysql.Clock) error {
	off := c.Offset.Abs() - c.Error
	if off <= maxClockSkew {
		return nil
	}
	side := "behind"
	if c.Offset < 0 {
		side = "ahead of"
	}
	return fmt.Errorf("this host's clock is %s %s the database's, %s is the most: synchronise both (NTP), or leases and dates cannot be trusted",
		off.Round(time.Second), side, maxClockSkew)
}

// gateways builds the configured gateways; slots, if there are any, bounds the requests that are open at all of
// them together. The caller must close them.
func (s *Session) gateways(c *config.Config, slots *gateway.Bound) (steps.Gateways, error) {
	if err := c.Require(false, true); err != nil {
		return nil, usage(err)
	}
	out, wide := steps.Gateways{}, 0
	if slots != nil {
		wide = slots.Size()
	}
	for name, g := range c.Gateways {
		g.Parallelism = max(g.Parallelism, wide) // so many connections are kept
		client, err := s.adapter(name, g)
		if err != nil {
			closeAll(out)
			return nil, usage(fmt.Errorf("gateways.%s: %w", name, err))
		}
		if s.dry {
			client = gateway.NewDryRun(client)
		}
		out[name] = gateway.Limit(name, client, gateway.Limits{
			Rate: g.Rate, Tries: g.Tries, Backoff: g.Backoff, MaxElapsed: g.MaxElapsed, MaxOutage: g.MaxOutage,
			Circuit: gateway.CircuitLimits(g.Circuit), Slots: slots, Observe: s.observe, Now: s.now,
		})
	}
	return out, nil
}

func closeAll(gateways steps.Gateways) {
	for _, g := range gateways {
		g.Close()
	}
}

// adapter makes the client of one gateway, without limits.
func (s *Session) adapter(name string, g config.Gateway) (gateway.Gateway, error) {
	return s.adapt(s, name, g)
}
