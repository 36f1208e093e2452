package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"duly/internal/batch"
	"duly/internal/mysql"
	"duly/internal/runstate"
	"duly/migrations"
)

// lookFor bounds each look at what operators want.
const lookFor = 3 * time.Second

// heldError is the cause of the context of a run that an operator has stopped.
type heldError struct{ why string }

// Error implements error.
func (h heldError) Error() string { return h.why }

// helm is where a run is steered from: it looks after each heartbeat at what operators want, and tells with each
// heartbeat how the run goes.
type helm struct {
	*progress

	cancel context.CancelCauseFunc

	mu       sync.Mutex
	control  mysql.Control
	stopping string
	locks    mysql.Locks
	last     runstate.Sample
}

func newHelm(p *progress, cancel context.CancelCauseFunc) *helm {
	h := &helm{progress: p, cancel: cancel}
	h.last = h.sample()
	return h
}

// look is called after each heartbeat.
func (h *helm) look(ctx context.Context, run *batch.Run) {
	ctx, cancel := context.WithTimeout(ctx, lookFor)
	defer cancel()
	control, err := mysql.ReadControl(ctx, h.db.DB, run.ID)
	if err == nil {
		h.obey(ctx, control)
	}
	pauses, pausesErr := mysql.ReadPauses(ctx, h.db.DB)
	if pausesErr == nil {
		h.heed(ctx, pauses)
	}
	if locks, err := mysql.ReadLocks(ctx, h.db.DB); err == nil { // no more than a hint
		h.mu.Lock()
		h.locks = locks
		h.mu.Unlock()
	}
	if err := errors.Join(err, pausesErr); err != nil && ctx.Err() == nil {
		h.logs.WarnContext(ctx, "what operators want could not be read", slog.Uint64("run_id", run.ID), problem(err))
	}
}

// obey does what operators told the run.
func (h *helm) obey(ctx context.Context, c mysql.Control) {
	h.mu.Lock()
	before := h.control
	h.control = c
	h.mu.Unlock()
	if pace(before) != pace(c) {
		parallelism, rate := paceOf(c)
		for _, g := range h.deps.Gateways {
			g.Throttle(parallelism, rate)
		}
		h.logs.InfoContext(ctx, "the pace was changed", slog.Uint64("run_id", h.run.ID), slog.String("to", pace(c)))
	}
	if c.Stop != nil {
		h.end(ctx, "stopped by "+c.Stop.String())
	}
}

// heed leaves alone what is paused: gateways for the rest of the run, the job by ending it.
func (h *helm) heed(ctx context.Context, pauses mysql.Pauses) {
	for name, g := range h.deps.Gateways {
		pause, paused := pauses.Gateway(name)
		if _, closed := g.Closed(); paused && !closed {
			leavePaused(g, pause)
			h.logs.WarnContext(ctx, "a gateway was paused; it is left alone for the rest of the run", slog.Uint64("run_id", h.run.ID), slog.String("gateway", name))
		}
	}
	if name, pause, paused := h.paused(pauses); paused {
		h.end(ctx, fmt.Sprintf("%s was paused: %s; duly resume %s lets it go on", name, pause, name))
	}
}

// end stops the run, once: it claims no more and drains.
func (h *helm) end(ctx context.Context, why string) {
	h.mu.Lock()
	first := h.stopping == ""
	if first {
		h.stopping = why
	}
	h.mu.Unlock()
	if first {
		h.logs.WarnContext(ctx, "the run stops", slog.Uint64("run_id", h.run.ID), slog.String("reason", why))
		h.cancel(heldError{why})
	}
}

func paceOf(c mysql.Control) (parallelism int, rate float64) {
	if c.Throttle == nil {
		return 0, 0
	}
	return c.Throttle.Parallelism, c.Throttle.Rate
}

// pace is what a throttle comes to.
func pace(c mysql.Control) string {
	parallelism, rate := paceOf(c)
	return mysql.Throttle{Parallelism: parallelism, Rate: rate}.Pace()
}

// sample measures the run.
func (h *helm) sample() runstate.Sample {
	s := runstate.Sample{At: h.now(), Gateways: map[string]runstate.GatewaySample{}, Work: h.db.Work(), Locks: h.locks}
	for name, g := range h.deps.Gateways {
		s.Gateways[name] = runstate.GatewaySample{Stats: g.Stats(), Load: g.Load(), Parallelism: h.deps.Parallelism(name)}
	}
	return s
}

// tell is what the run says of itself with a heartbeat.
func (h *helm) tell() any {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.sample()
	s := runstate.Between(h.last, now)
	h.last = now
	s.At = h.deps.Business().UTC().Truncate(time.Microsecond)
	s.Throttle, s.Stopping = h.control.Throttle, h.stopping
	for _, x := range slices.Backward(h.steps) {
		if !x.Begun() || x.Ended() {
			continue
		}
		t, p := x.Tally(), h.state(x)
		s.Unsettled = max(0, t.Read-t.Done())
		s.Step = &runstate.Step{Name: x.Step, Done: p.done, Rate: float64(int64(p.rate*10)) / 10, SecondsLeft: int64(p.left.Seconds())}
		if p.due >= 0 {
			s.Step.Due = &p.due
		}
		break
	}
	return s.Short()
}

// paused is the pause that holds the job back: its own, or that of the night that it is a part of.
func (e *execution) paused(pauses mysql.Pauses) (name string, p mysql.Pause, paused bool) {
	names := []string{e.work.name}
	if e.night {
		names = append(names, nightlyJob)
	}
	for _, name := range names {
		if p, paused := pauses.Job(name); paused {
			return name, p, true
		}
	}
	return "", mysql.Pause{}, false
}

// awake says whether the night may begin. What is wrong with the schema its first job tells.
func (a *app) awake(ctx context.Context, db *database) error {
	if err := migrations.Check(ctx, db.DB.DB.DB); err != nil {
		return nil //nolint:nilerr // see above
	}
	pauses, err := mysql.ReadPauses(ctx, db.DB)
	if err != nil {
		return failed(err)
	}
	if pause, paused := pauses.Job(nightlyJob); paused {
		return notRun(nightlyJob, pause)
	}
	return nil
}

func notRun(name string, pause mysql.Pause) error {
	return exitError{batch.ExitNotRun, fmt.Errorf("not run: %s is paused: %s", name, pause)}
}
