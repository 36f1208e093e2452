package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"sync"
	"time"

	"duly/internal/batch"
	"duly/internal/exit"
	"duly/internal/mysql"
	"duly/internal/runs"
	"duly/internal/session"
	"duly/internal/telemetry/runstate"
	"duly/internal/view"
	"duly/jobs"
	"duly/migrations"
)

// pollWithin bounds each poll of what operators want.
const pollWithin = 3 * time.Second

// heldError is the cause of the context of a run that an operator has stopped.
type heldError struct{ why string }

// Error implements error.
func (h heldError) Error() string { return h.why }

// runController applies what operators asked of a run after each heartbeat: a stop, another pace, a pause. It reports with each
// heartbeat how the run goes.
type runController struct {
	*progress

	cancel context.CancelCauseFunc

	mu       sync.Mutex
	control  runs.Control
	stopping string
	locks    mysql.Locks
	last     runstate.Sample
	logged   map[string]int     // the last logged parallelism of `parallelism: auto`, by gateway
	rates    map[string]float64 // the last logged rates, by gateway
}

func newRunController(p *progress, cancel context.CancelCauseFunc) *runController {
	r := &runController{progress: p, cancel: cancel, logged: map[string]int{}, rates: map[string]float64{}}
	r.last = r.sample()
	return r
}

// poll reads what operators want. It is called after each heartbeat.
func (r *runController) poll(ctx context.Context, run *batch.Run) {
	ctx, cancel := context.WithTimeout(ctx, pollWithin)
	defer cancel()
	control, err := runs.ReadControl(ctx, r.e.Database.DB, run.ID)
	if err == nil {
		r.apply(ctx, control)
	}
	pauses, pausesErr := runs.ReadPauses(ctx, r.e.Database.DB)
	if pausesErr == nil {
		r.applyPauses(ctx, pauses)
	}
	if locks, err := mysql.ReadLocks(ctx, r.e.Database.DB); err == nil { // no more than a hint
		r.mu.Lock()
		r.locks = locks
		r.mu.Unlock()
	}
	if err := errors.Join(err, pausesErr); err != nil && ctx.Err() == nil {
		r.e.logs.WarnContext(ctx, "what operators want could not be read", slog.Uint64("run_id", run.ID), session.Problem(err))
	}
}

// apply applies an instruction of an operator.
func (r *runController) apply(ctx context.Context, c runs.Control) {
	r.mu.Lock()
	before := r.control
	r.control = c
	r.mu.Unlock()
	if view.Pace(before) != view.Pace(c) {
		parallelism, rate := view.PaceOf(c)
		for _, g := range r.e.Deps.Gateways {
			g.Throttle(parallelism, rate)
		}
		r.e.logs.InfoContext(ctx, "the pace was changed", slog.Uint64("run_id", r.run.ID), slog.String("to", view.Pace(c)))
	}
	if c.Stop != nil {
		r.end(ctx, "stopped by "+c.Stop.String())
	}
}

// applyPauses skips gateways that are paused for the rest of the run, and ends the run if its job is.
func (r *runController) applyPauses(ctx context.Context, pauses runs.Pauses) {
	for name, g := range r.e.Deps.Gateways {
		pause, paused := pauses.Gateway(name)
		if _, closed := g.Closed(); paused && !closed {
			skipGateway(g, pause)
			r.e.logs.WarnContext(ctx, "a gateway was paused; it is left alone for the rest of the run", slog.Uint64("run_id", r.run.ID), slog.String("gateway", name))
		}
	}
	if name, pause, paused := r.e.paused(pauses); paused {
		r.end(ctx, fmt.Sprintf("%s was paused: %s; duly resume %s lets it go on", name, pause, name))
	}
}

// end stops the run, once: it claims no more and drains.
func (r *runController) end(ctx context.Context, why string) {
	r.mu.Lock()
	first := r.stopping == ""
	if first {
		r.stopping = why
	}
	r.mu.Unlock()
	if first {
		r.e.logs.WarnContext(ctx, "the run stops", slog.Uint64("run_id", r.run.ID), slog.String("reason", why))
		r.cancel(heldError{why})
	}
}

// sample measures the run.
func (r *runController) sample() runstate.Sample {
	s := runstate.Sample{At: r.e.Now(), Gateways: map[string]runstate.GatewaySample{}, Work: r.e.Database.Work(), Locks: r.locks}
	for name, g := range r.e.Deps.Gateways {
		s.Gateways[name] = runstate.GatewaySample{Stats: g.Stats(), Load: g.Load(), Parallelism: r.e.Deps.Parallelism(name)}
	}
	return s
}

// snapshot returns the state of the run that a heartbeat stores.
func (r *runController) snapshot() any {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.sample()
	s := runstate.Between(r.last, now)
	r.last = now
	r.logParallelism(s)
	r.logRates()
	s.At = mysql.Stored(r.e.Deps.Business())
	s.Throttle, s.Stopping = r.control.Throttle, r.stopping
	for _, x := range slices.Backward(r.steps) {
		if !x.Begun() || x.Ended() {
			continue
		}
		t, p := x.Tally(), r.state(x)
		s.Unsettled = max(0, t.Read-t.Done())
		s.Step = &runstate.Step{Name: x.Step, Done: p.Done, Rate: float64(int64(p.Rate*10)) / 10, SecondsLeft: int64(p.Left.Seconds())}
		if p.Due >= 0 {
			s.Step.Due = &p.Due
		}
		if w, shift := x.Waiting(), s.At.Sub(r.e.Now()); w.Run != 0 {
			s.Waits = &runstate.Wait{Run: w.Run, Host: w.Host, Beat: w.Beat.Add(shift).UTC(), Until: w.Until.Add(shift).UTC()}
		}
		break
	}
	r.slowBy(s.Slow())
	return s.Short()
}

// logParallelism logs what `parallelism: auto` has found for gateways that are used, if it is half as much again as when that was
// last logged, or less than two thirds of it.
func (r *runController) logParallelism(s runstate.State) {
	for name, g := range s.Gateways {
		before := r.logged[name]
		if g.Auto == 0 || g.Requests == 0 || 2*g.Auto < 3*before && 3*g.Auto > 2*before {
			continue
		}
		r.logged[name] = g.Auto
		r.e.logs.LogAttrs(context.Background(), slog.LevelInfo, "parallelism auto found another number", slog.Uint64("run_id", r.run.ID),
			slog.String("gateway", name), slog.Int("parallelism", g.Auto), slog.Int("before", before))
	}
}

// logRates logs to how many requests a second gateways are slowed down, if it is half as much again as when that was last logged, or less than two thirds of it.
func (r *runController) logRates() {
	for name, g := range r.e.Deps.Gateways {
		rate, before := math.Round(10*g.FoundRate())/10, r.rates[name]
		if rate == before || before > 0 && 2*rate < 3*before && 3*rate > 2*before {
			continue
		}
		r.rates[name] = rate
		r.e.logs.LogAttrs(context.Background(), slog.LevelInfo, "parallelism auto changes the rate of a gateway", slog.Uint64("run_id", r.run.ID),
			slog.String("gateway", name), slog.Float64("rate", rate), slog.Float64("before", before))
	}
}

// paused is the pause that holds the job back: its own, or that of the night that it is a part of.
func (e *Execution) paused(pauses runs.Pauses) (name string, p runs.Pause, paused bool) {
	names := []string{e.Job.Name}
	if e.cmd.night {
		names = append(names, jobs.NightlyJob)
	}
	for _, name := range names {
		if p, paused := pauses.Job(name); paused {
			return name, p, true
		}
	}
	return "", runs.Pause{}, false
}

// awake says whether the night may begin. What is wrong with the schema its first job tells.
func awake(ctx context.Context, db *session.Database) error {
	if err := migrations.Check(ctx, db.DB.DB.DB); err != nil {
		return nil //nolint:nilerr // see above
	}
	pauses, err := runs.ReadPauses(ctx, db.DB)
	if err != nil {
		return exit.Failed(err)
	}
	if pause, paused := pauses.Job(jobs.NightlyJob); paused {
		return notRun(jobs.NightlyJob, pause)
	}
	return nil
}

func notRun(name string, pause runs.Pause) error {
	return exit.With(batch.ExitNotRun, fmt.Errorf("not run: %s paused %s (%q); duly resume %s", pause.Who, name, pause.Reason, name))
}
