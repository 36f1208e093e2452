package main

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
	"github.com/spf13/cobra"

	"duly/config"
	"duly/internal/batch"
	"duly/internal/mysql"
	"duly/internal/runs"
	"duly/internal/schedule"
)

const (
	// scheduleOpen is how many connections a scheduler needs beside those of its runs.
	scheduleOpen = 4
	// schedulePatience is the pause between two tries to take a firing while the database is down.
	schedulePatience = 10 * time.Second
)

func (a *app) scheduleCommand() *cobra.Command {
	list := false
	cmd := &cobra.Command{
		Use:   "schedule",
		Short: "Stay up and run jobs at the times of the configuration",
		Long: "Stays up and runs each job that has a time: the keys schedule.nightly, schedule.billing and so on, cron expressions (minute, hour, " +
			"day of month, month, day of week) in business.timezone. A run is what `duly run JOB` is, with the configuration as it stands then; " +
			"a change of the schedule, the zone, the database or the log takes a restart.\n\n" +
			"Of several schedulers on one database, one fires. A job that is under way is not begun again. After downtime there is one run for " +
			"today: at the start the latest firing of today that nobody took, or that a signal cut short, is made up for at once, those of earlier " +
			"days are not. If a scheduler dies in a run, the next firing recovers it, as every run does.\n\n" +
			"Where the clock is put forward over 02:30, 02:30 fires at 03:30; where it is put back and shows 02:30 twice, the first fires.\n\n" +
			"SIGTERM, SIGINT and SIGHUP let the run under way finish within run.drain. The exit code is 0, or 143, 130 or 129 if a run was cut " +
			"short; " +
			"a second signal ends it at once. schedule.listen answers GET /healthz with each job's next firing, last run and exit code.",
		Example: "  duly schedule --list\n" +
			"  DULY_SCHEDULE_NIGHTLY='30 2 * * *' DULY_SCHEDULE_LISTEN=127.0.0.1:9465 \\\n" +
			"    duly schedule\n" +
			"  curl --fail http://127.0.0.1:9465/healthz",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			firing := a.fork() // each begins with what the process was given, and a configuration that is yet to be read
			c, jobs, err := scheduled(a.Session, !list)
			if err != nil {
				return err
			}
			if list {
				return listSchedule(a.Session, c, jobs)
			}
			return serve(cmd.Context(), a.Session, firing, c, jobs)
		},
	}
	cmd.Flags().BoolVar(&list, "list", false, "print the next firings of each job, and end; no database is asked")
	return cmd
}

// scheduled are the jobs that have a time, by name; serving: what their runs need must be configured.
func scheduled(ses *Session, serving bool) (*config.Config, []schedule.Job, error) {
	c, err := ses.load()
	if err != nil {
		return nil, nil, err
	}
	texts := c.Schedule.Jobs()
	if len(texts) == 0 {
		return nil, nil, usagef("schedule: no job has a time: set e.g. schedule.nightly: \"30 2 * * *\" in %s, or DULY_SCHEDULE_NIGHTLY='30 2 * * *'", config.DefaultFile)
	}
	var jobs []schedule.Job
	gateways := false
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		spec, err := config.ParseCron(texts[name])
		if err != nil {
			return nil, nil, usage(fmt.Errorf("schedule.%s: %w", name, err))
		}
		jobs = append(jobs, schedule.Job{Name: name, Text: texts[name], When: schedule.In(spec, c.Business.Location())})
		w, single := findWork(name)
		gateways = gateways || w.gateways || !single
	}
	if serving {
		err = usage(c.Require(true, gateways))
	}
	return c, jobs, err
}

// serve fires jobs until a signal; firing is what each begins with.
func serve(ctx context.Context, ses *Session, firing *app, c *config.Config, jobs []schedule.Job) error {
	logs, err := firing.logger(c)
	if err != nil {
		return usage(err)
	}
	own := *c
	own.Database.MaxOpen = scheduleOpen
	ses.config = &own
	return ses.withSchema(ctx, func(db *database) error {
		s := firing.scheduler(c, jobs, db, logs.Logger)
		address, end, err := healthServer(ctx, c, s, logs.Logger)
		if err != nil {
			return err
		}
		defer end()
		announce(ses.Screen, c, jobs, s.Clock.Now(), address)
		ses.code, err = s.Serve(ctx)
		return failed(err)
	})
}

func (a *app) scheduler(c *config.Config, jobs []schedule.Job, db *database, log *slog.Logger) *schedule.Scheduler {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	if a.ticks == nil {
		a.ticks = clockwork.NewRealClock()
	}
	return &schedule.Scheduler{
		Jobs: jobs, Zone: c.Business.Location(), Firings: &runs.Firings{DB: db.DB, Now: a.now}, Host: host,
		Lease: c.Run.Lease, Heartbeat: c.Run.Heartbeat, Patience: schedulePatience, Clock: a.ticks, Log: log,
		Offset: func(ctx context.Context) (time.Duration, error) {
			there, err := mysql.ReadClock(ctx, db.DB, a.now)
			return there.Offset, err
		},
		Run:     a.fire,
		Stopped: func(exit int) bool { return exit > batch.ExitNotRun },
	}
}

// fire is `duly run JOB`.
func (a *app) fire(ctx context.Context, job string, began func(run uint64)) int {
	one := a.fork()
	one.began = began
	args := []string{"run", job, "--no-progress"}
	if a.file != "" {
		args = append(args, "--config", a.file)
	}
	if a.Screen.json {
		args = append(args, "--json")
	}
	return one.run(ctx, args)
}

// healthServer serves the scheduler's health, if it is to have an address, until end is called.
func healthServer(ctx context.Context, c *config.Config, s *schedule.Scheduler, log *slog.Logger) (address string, end func(), err error) {
	if c.Schedule.Listen == "" {
		return "", func() {}, nil
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.Schedule.Listen)
	if err != nil {
		return "", nil, usage(fmt.Errorf("schedule.listen: %w", err))
	}
	server := &http.Server{
		Handler: s.Handler(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.ErrorContext(ctx, "health is no longer served", problem(err))
		}
	}()
	return listener.Addr().String(), func() { _ = server.Close(); <-served }, nil // nobody waits for an answer of what ends
}
