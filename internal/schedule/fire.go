package schedule

import (
	"context"
	"errors"
	"log/slog"
	"runtime/debug"
	"sync/atomic"
	"time"

	"duly/internal/batch"
	"duly/internal/runs"
)

const (
	// early is how much before its time a firing may be triggered, by clocks that are a little apart.
	early = 5 * time.Second
	// writeWithin bounds the taking and the ending of a firing in the database.
	writeWithin = 10 * time.Second
)

// errNothing says that no firing of today is due.
var errNothing = errors.New("no firing of today is due")

// fire takes the firing that is due and runs its job. A time that comes while a firing is being taken or written down
// is not lost: it is seen to afterwards.
func (s *Scheduler) fire(ctx context.Context, job Job, starting bool) {
	if !s.begin() {
		return
	}
	defer s.firing.Done()
	log := s.Log.With(slog.String("job", job.Name))
	switch s.came(job.Name) {
	case notAgain:
		log.WarnContext(ctx, "not fired: the job is still under way")
		return
	case later:
		log.DebugContext(ctx, "the next firing is due; it waits for the end of this one")
		return
	case fireNow:
	}
	s.fireOnce(ctx, log, job, starting, starting)
	for s.over(job.Name) {
		s.fireOnce(ctx, log, job, false, true)
	}
}

// fireOnce takes a firing, if there is one, and runs its job. again: also one that was cut short; past: only one whose
// time is over, and there need be none.
func (s *Scheduler) fireOnce(ctx context.Context, log *slog.Logger, job Job, again, past bool) {
	token, err := runs.NewLease()
	if err != nil {
		log.ErrorContext(ctx, "not fired", slog.Any("error", err))
		return
	}
	claim := runs.Claim{Job: job.Name, Host: s.Host, Token: token, Lease: s.Lease, Again: again}
	firing, err := s.take(ctx, log, job, claim, past)
	switch {
	case err == nil:
		s.runJob(ctx, log.With(slog.Time("fires_at", firing.At)), firing)
	case ctx.Err() != nil:
	case past && (errors.Is(err, errNothing) || errors.Is(err, runs.ErrTaken)):
		log.DebugContext(ctx, "no firing was missed")
	case errors.Is(err, runs.ErrTaken):
		log.InfoContext(ctx, "fired by another scheduler")
	case errors.Is(err, runs.ErrUnderWay):
		log.WarnContext(ctx, "not fired: the job is still under way with another scheduler")
	default:
		log.WarnContext(ctx, "not fired", slog.Any("error", err))
	}
}

// take takes the latest firing of today. While the database is down it tries again, until there is none any more.
func (s *Scheduler) take(ctx context.Context, log *slog.Logger, job Job, claim runs.Claim, past bool) (runs.Firing, error) {
	for told := false; ; told = true {
		firing, err := s.try(ctx, job, claim, past)
		if err == nil || ctx.Err() != nil || final(err) {
			return firing, err
		}
		if !told {
			log.ErrorContext(ctx, "the firing waits for the database", slog.Any("error", err))
		}
		if !s.wait(ctx, s.Patience) {
			return firing, ctx.Err()
		}
	}
}

// final reports whether another try would find the same.
func final(err error) bool {
	return errors.Is(err, errNothing) || errors.Is(err, runs.ErrTaken) || errors.Is(err, runs.ErrUnderWay)
}

func (s *Scheduler) try(ctx context.Context, job Job, claim runs.Claim, past bool) (runs.Firing, error) {
	offset, err := s.Offset(ctx)
	if err != nil {
		return runs.Firing{}, err
	}
	now, ahead := s.Clock.Now().Add(offset), early
	if past {
		ahead = max(-offset, 0) // what is over by its own clock; the rest is triggered in time
	}
	at, due := job.When.Latest(now.Add(ahead))
	if !due {
		return runs.Firing{}, errNothing
	}
	if !s.wait(ctx, at.Sub(now)) {
		return runs.Firing{}, ctx.Err()
	}
	claim.At = at
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeWithin)
	defer cancel()
	return s.Firings.Take(ctx, claim)
}

// wait waits by the scheduler's clock; false: ctx ended first.
func (s *Scheduler) wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := s.Clock.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.Chan():
		return true
	}
}

// runJob runs the job of a firing and notes how it ended.
func (s *Scheduler) runJob(ctx context.Context, log *slog.Logger, firing runs.Firing) {
	log.InfoContext(ctx, "fired")
	var run atomic.Uint64
	end := s.beat(ctx, log, firing, &run)
	s.under(firing.Job, true)
	exit := s.safely(ctx, log, firing.Job, run.Store)
	s.under(firing.Job, false)
	end()
	if s.Stopped(exit) {
		s.cut(exit)
	}
	log.Log(ctx, s.level(exit), "the firing ended", slog.Int("exit_code", exit), slog.Uint64("run_id", run.Load()))
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeWithin)
	defer cancel()
	if err := s.Firings.Finish(ctx, firing, run.Load(), exit); err != nil {
		log.WarnContext(ctx, "the end of the firing could not be written", slog.Any("error", err))
	}
}

// level is how loud the end of a firing is: what a later run goes on with is a warning.
func (s *Scheduler) level(exit int) slog.Level {
	switch {
	case exit == batch.ExitDone:
		return slog.LevelInfo
	case exit == batch.ExitUnfinished, exit == batch.ExitNotRun, s.Stopped(exit):
		return slog.LevelWarn
	}
	return slog.LevelError
}

// safely is Run, with a panic as a failure: the other jobs go on.
func (s *Scheduler) safely(ctx context.Context, log *slog.Logger, job string, began func(uint64)) (exit int) {
	defer func() {
		if p := recover(); p != nil {
			log.ErrorContext(ctx, "panic in a job", slog.String("panic", batch.PanicError(p).Error()), slog.String("stack", string(debug.Stack())))
			exit = batch.ExitFailed
		}
	}()
	return s.Run(ctx, job, began)
}

// beat says that the firing's holder lives, until end is called.
func (s *Scheduler) beat(ctx context.Context, log *slog.Logger, firing runs.Firing, run *atomic.Uint64) (end func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(s.Heartbeat)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			once, stop := context.WithTimeout(ctx, s.Lease)
			err := s.Firings.Beat(once, firing, run.Load())
			stop()
			if err != nil && ctx.Err() == nil {
				log.WarnContext(ctx, "heartbeat of the firing failed", slog.Any("error", err))
			}
		}
	}()
	return func() { cancel(); <-ended }
}
