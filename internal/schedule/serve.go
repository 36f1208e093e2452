package schedule

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/jonboulle/clockwork"

	"duly/config"
	"duly/internal/batch"
	"duly/internal/exit"
	"duly/internal/mysql"
	"duly/internal/runs"
	"duly/internal/session"
)

const (
	// scheduleOpen is how many connections a scheduler needs beside those of its runs.
	scheduleOpen = 4
	// schedulePatience is the pause between two tries to take a firing while the database is down.
	schedulePatience = 10 * time.Second
)

// Times are the jobs that have a time, by name; serving: what their runs need must be configured. asks reports whether a job calls
// gateways.
func Times(ses *session.Session, serving bool, asks func(job string) bool) (*config.Config, []Job, error) {
	c, err := ses.Load()
	if err != nil {
		return nil, nil, err
	}
	texts := c.Schedule.Jobs()
	if len(texts) == 0 {
		return nil, nil, exit.Usagef("schedule: no job has a time: set e.g. schedule.nightly: \"30 2 * * *\" in %s, or DULY_SCHEDULE_NIGHTLY='30 2 * * *'", config.DefaultFile)
	}
	var jobs []Job
	gateways := false
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		spec, err := config.ParseCron(texts[name])
		if err != nil {
			return nil, nil, exit.Usage(fmt.Errorf("schedule.%s: %w", name, err))
		}
		jobs = append(jobs, Job{Name: name, Text: texts[name], When: In(spec, c.Business.Location())})
		gateways = gateways || asks(name)
	}
	if serving {
		err = exit.Usage(c.Require(true, gateways))
	}
	return c, jobs, err
}

// Serve fires jobs until a signal; firing is what each begins with.
func Serve(ctx context.Context, ses, firing *session.Session, c *config.Config, jobs []Job, ticks clockwork.Clock, fire func(ctx context.Context, job string, began func(run uint64)) int) error {
	logs, err := firing.Logger(c)
	if err != nil {
		return exit.Usage(err)
	}
	own := *c
	own.Database.MaxOpen = scheduleOpen
	ses.Loaded = &own
	return ses.WithSchema(ctx, func(db *session.Database) error {
		s := newScheduler(firing, c, jobs, db, logs.Logger, ticks, fire)
		address, end, err := healthServer(ctx, c, s, logs.Logger)
		if err != nil {
			return err
		}
		defer end()
		announce(ses.Screen, c, jobs, s.Clock.Now(), address)
		ses.Code, err = s.Serve(ctx)
		return exit.Failed(err)
	})
}

func newScheduler(ses *session.Session, c *config.Config, jobs []Job, db *session.Database, log *slog.Logger, ticks clockwork.Clock, fire func(ctx context.Context, job string, began func(run uint64)) int) *Scheduler {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	if ticks == nil {
		ticks = clockwork.NewRealClock()
	}
	return &Scheduler{
		Jobs: jobs, Zone: c.Business.Location(), Firings: &runs.Firings{DB: db.DB, Now: ses.Now}, Host: host,
		Lease: c.Run.Lease, Heartbeat: c.Run.Heartbeat, Patience: schedulePatience, Clock: ticks, Log: log,
		Offset: func(ctx context.Context) (time.Duration, error) {
			there, err := mysql.ReadClock(ctx, db.DB, ses.Now)
			return there.Offset, err
		},
		Run:     fire,
		Stopped: func(exit int) bool { return exit > batch.ExitNotRun },
	}
}

// healthServer serves the scheduler's health, if it is to have an address, until end is called.
func healthServer(ctx context.Context, c *config.Config, s *Scheduler, log *slog.Logger) (address string, end func(), err error) {
	if c.Schedule.Listen == "" {
		return "", func() {}, nil
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.Schedule.Listen)
	if err != nil {
		return "", nil, exit.Usage(fmt.Errorf("schedule.listen: %w", err))
	}
	server := &http.Server{
		Handler: s.Handler(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.ErrorContext(ctx, "health is no longer served", session.Problem(err))
		}
	}()
	return listener.Addr().String(), func() { _ = server.Close(); <-served }, nil // nobody waits for an answer of what ends
}
