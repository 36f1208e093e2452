package app

import (
	"log/slog"
	"time"

	"duly/config"
	"duly/internal/batch"
	"duly/internal/exit"
	"duly/internal/mysql"
	"duly/internal/runlock"
	"duly/internal/runs"
	"duly/internal/session"
	"duly/jobs"
	"duly/steps"
)

// depsOf is what jobs are made of.
func depsOf(s *session.Session, c *config.Config, db *mysql.DB, gateways steps.Gateways, business func() time.Time, log *slog.Logger) jobs.Deps {
	locks, err := lockHost(s, c)
	switch {
	case err == nil:
	case c.Run.LockDir == "": // the host has no such place, which is no mistake
		log.Debug("no folder of this host is on tmpfs; if the run is killed, the next one waits for its lease", session.Problem(err))
	default:
		unlocked(log, err)
	}
	prefixes := make(map[string]string, len(c.Gateways))
	for name, g := range c.Gateways {
		prefixes[name] = g.KeyPrefix
	}
	repository := &runs.Repository{
		DB: db, Now: business, Clean: s.Printed(c).String, Locks: locks, Unlocked: func(err error) { unlocked(log, err) },
	}
	return jobs.Deps{
		KeyPrefixes: prefixes,
		DB:          db, Repository: repository, Gateways: gateways,
		Parallelism: func(name string) int { return c.Gateways[name].Most() },
		Clock:       s.Now, Business: business, Zone: c.Business.Location(), Heartbeat: c.Run.Heartbeat,
		Save: saver(c),
	}
}

// lockHost is where the run locks the file that proves on this host that it lives; nil: it was told to lock none, or cannot.
func lockHost(s *session.Session, c *config.Config) (*runlock.Host, error) {
	if c.Run.LockDir == config.None {
		return nil, nil //nolint:nilnil // none
	}
	return runlock.Open(c.Run.LockDir, c.Database.Address()+" "+c.Database.PrivateDir, s.Screen.Getenv, s.Now)
}

// unlocked says that a crash of this run is noticed by its lease alone.
func unlocked(log *slog.Logger, err error) {
	log.Warn("the run has no lock on this host; if it is killed, the next one waits for its lease", session.Problem(err),
		slog.String("mend", "set run.lock_dir to a folder on tmpfs that duly may write to, or to none"))
}

// engine is the engine as configured.
func engine(s *session.Session, c *config.Config, deps jobs.Deps, limit int, log *slog.Logger) *batch.Runner {
	return &batch.Runner{
		Repository: deps.Repository, Heartbeat: c.Run.Heartbeat, Drain: c.Run.Drain, Limit: limit,
		Now: s.Now, Log: log, Stop: exit.StopCode,
	}
}
