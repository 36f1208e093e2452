package schedule

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/go-co-op/gocron/v2"
	"github.com/jonboulle/clockwork"

	"duly/internal/runs"
)

// Job is a job with its times.
type Job struct {
	Name string
	Text string // its cron expression, as it was written
	When Expression
}

// Scheduler fires jobs. Its fields are not changed once it serves; Health may be asked at any time.
type Scheduler struct {
	Jobs    []Job
	Zone    *time.Location // of the expressions, for Health to name
	Firings *runs.Firings
	Host    string
	// Lease is how long a firing is held after a heartbeat, and Heartbeat how often it beats.
	Lease, Heartbeat time.Duration
	// Patience is the pause between two tries to take a firing while the database is down.
	Patience time.Duration
	Clock    clockwork.Clock
	// Offset measures how far the database's clock is ahead of Clock.
	Offset func(ctx context.Context) (time.Duration, error)
	// Run runs a job to completion and returns its exit code. It calls began for each run that it begins. When ctx
	// is cancelled it drains and returns.
	Run func(ctx context.Context, job string, began func(run uint64)) (exit int)
	// Stopped says which exit codes mean that a signal cut a run short.
	Stopped func(exit int) bool
	Log     *slog.Logger

	mu       sync.Mutex
	cron     gocron.Scheduler
	stopping bool
	exit     int // of a run that was cut short
	firing   sync.WaitGroup
	turns    map[string]*turn // by job
}

// Serve fires jobs until ctx is cancelled, and then waits for those that are under way. At once it makes up for
// firings of today that nobody took, or that a signal cut short: for the latest of each job. It returns 0, or the exit
// code of a run that was cut short. A Scheduler serves once.
func (s *Scheduler) Serve(ctx context.Context) (exit int, err error) {
	cron, err := gocron.NewScheduler(
		gocron.WithClock(wallClock{s.Clock}),
		gocron.WithLocation(time.UTC),       // an Expression knows its zone, and needs no further care on days of change
		gocron.WithStopTimeout(time.Second), // by then nothing runs any more
	)
	if err != nil {
		return 0, fmt.Errorf("make a scheduler: %w", err)
	}
	defer func() { err = errors.Join(err, cron.Shutdown()) }()
	for _, job := range s.Jobs {
		var first sync.Once
		fire := func() {
			starting := false
			first.Do(func() { starting = true })
			s.fire(ctx, job, starting)
		}
		_, err := cron.NewJob(gocron.CronJob(job.Text, false), gocron.NewTask(fire), gocron.WithName(job.Name),
			gocron.WithCronImplementation(cronTimes{job.When}), gocron.WithStartAt(gocron.WithStartImmediately()))
		if err != nil {
			return 0, fmt.Errorf("schedule %s: %w", job.Name, err)
		}
	}
	cron.Start()
	s.enter(cron)
	<-ctx.Done()
	s.leave()
	s.firing.Wait()
	return s.exit, nil
}

func (s *Scheduler) enter(cron gocron.Scheduler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cron = cron
}

func (s *Scheduler) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopping = true
}

// begin counts a firing as under way, unless the scheduler stops.
func (s *Scheduler) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		return false
	}
	s.firing.Add(1)
	return true
}

// cut notes the exit code of a run that a signal cut short.
func (s *Scheduler) cut(exit int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.exit = exit
}

// cronTimes makes an Expression a gocron.Cron.
type cronTimes struct{ Expression }

// IsValid implements gocron.Cron; an expression was checked when it was read.
func (cronTimes) IsValid(string, *time.Location, time.Time) error { return nil }

// Next implements gocron.Cron.
func (t cronTimes) Next(after time.Time) time.Time { return t.Expression.Next(after).UTC() }
