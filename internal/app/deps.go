package app

import (
	"log/slog"
	"time"

	"duly/config"
	"duly/internal/batch"
	"duly/internal/exit"
	"duly/internal/mysql"
	"duly/internal/runs"
	"duly/internal/session"
	"duly/jobs"
	"duly/steps"
)

// depsOf is what jobs are made of.
func depsOf(s *session.Session, c *config.Config, db *mysql.DB, gateways steps.Gateways, business func() time.Time) jobs.Deps {
	prefixes := make(map[string]string, len(c.Gateways))
	for name, g := range c.Gateways {
		prefixes[name] = g.KeyPrefix
	}
	return jobs.Deps{
		KeyPrefixes: prefixes,
		DB:          db, Repository: &runs.Repository{DB: db, Now: business, Clean: s.Printed(c).String}, Gateways: gateways,
		Parallelism: func(name string) int { return c.Gateways[name].Most() },
		Clock:       s.Now, Business: business, Zone: c.Business.Location(), Heartbeat: c.Run.Heartbeat,
		Save: saver(c),
	}
}

// engine is the engine as configured.
func engine(s *session.Session, c *config.Config, deps jobs.Deps, limit int, log *slog.Logger) *batch.Runner {
	return &batch.Runner{
		Repository: deps.Repository, Heartbeat: c.Run.Heartbeat, Drain: c.Run.Drain, Limit: limit,
		Now: s.Now, Log: log, Stop: exit.StopCode,
	}
}
