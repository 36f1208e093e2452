package main

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"duly/internal/batch"
	"duly/internal/text"
)

const (
	// logEvery is how often progress is logged where there is no terminal, drawEvery how often it is drawn.
	logEvery  = 10 * time.Second
	drawEvery = 200 * time.Millisecond
	// countFor bounds the query that counts what a step has before it.
	countFor = 5 * time.Second
)

// progress shows how far a run has come.
type progress struct {
	e *execution

	run       *batch.Run
	steps     []*batch.StepExecution
	ends      []func()
	screen    *redraw   // nil: it is not drawn
	startedAt time.Time // when the run began, by the process's clock

	mu     sync.Mutex
	due    map[string]int64 // by step, once it has begun; -1: not known
	rates  map[string]*rateWindow
	slow   string    // what the run waits for most, as of the last heartbeat
	died   []string  // what is known of runs that died and are taken over, and
	since  time.Time // when the first of them began
	shown  int       // how many of the steps, and
	dead   int       // how many of died were written
	logged int       // how many steps' ends were logged
}

func (p *progress) start(run *batch.Run, steps []*batch.StepExecution) {
	p.startedAt = p.e.now()
	p.run, p.steps, p.due, p.rates = run, steps, map[string]int64{}, map[string]*rateWindow{}
	if p.e.drawn() {
		p.e.logs.quiet()
	}
	p.e.logs.LogAttrs(context.Background(), slog.LevelInfo, "run started", slog.Uint64("run_id", run.ID), slog.String("job", run.Job),
		slog.String("business_date", p.e.business.String()), slog.Any("gateways", p.e.gatewayNames()))
	if p.e.drawn() {
		p.draw()
		return
	}
	p.ends = append(p.ends, p.e.every(logEvery, p.log))
}

// drawn reports whether the progress is drawn on a terminal rather than logged.
func (e *execution) drawn() bool {
	return e.Screen.terminal(e.Screen.out) && e.Screen.people() == e.Screen.out && !e.flags.noProgress && !e.Screen.dumb()
}

// stop ends the progress; the summary comes after it.
func (p *progress) stop() {
	for _, end := range p.ends {
		end()
	}
	p.logEnded()
}

// log writes a line for the step under way.
func (p *progress) log() {
	for _, x := range p.steps {
		if !x.Begun() || x.Ended() {
			continue
		}
		s := p.state(x)
		attributes := []slog.Attr{
			slog.Uint64("run_id", p.run.ID), slog.String("step", x.Step), slog.Int64("done", s.done),
			slog.Float64("rate_per_second", tenth(s.rate)), slog.Int64("declined", s.declined), slog.Int64("in_doubt", s.inDoubt),
		}
		if s.due >= 0 {
			attributes = append(attributes, slog.Int64("due", s.due))
		}
		if s.left > 0 {
			attributes = append(attributes, slog.Int64("seconds_left", int64(s.left.Seconds())))
		}
		if len(s.open) > 0 {
			attributes = append(attributes, slog.Any("circuit_open", s.open))
		}
		p.e.logs.LogAttrs(context.Background(), slog.LevelInfo, "progress", attributes...)
	}
}

// logEnded logs the ends of steps that were not logged yet. They end in their order.
func (p *progress) logEnded() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for ; p.logged < len(p.steps) && p.steps[p.logged].Ended(); p.logged++ {
		x := p.steps[p.logged]
		t := x.Tally()
		p.e.logs.LogAttrs(context.Background(), slog.LevelInfo, "step ended",
			slog.Uint64("run_id", p.run.ID), slog.String("step", x.Step), slog.String("status", string(x.Status())),
			slog.Int64("done", t.Done()), slog.Int64("succeeded", t.Succeeded), slog.Int64("declined", t.Declined),
			slog.Int64("in_doubt", t.InDoubt), slog.Int64("review", t.Review+t.Rejected), slog.Float64("seconds", tenth(x.Took().Seconds())))
	}
}

// tenth rounds to one decimal.
func tenth(n float64) float64 { return float64(int64(n*10+0.5)) / 10 }

// draw draws the step under way at the foot of the terminal, and the steps that have ended above it.
func (p *progress) draw() {
	p.screen = &redraw{to: drawnOn(p.e.Screen.out), plain: p.e.Screen.getenv("NO_COLOR") != ""}
	if p.e.Screen.terminal(p.e.Screen.err) {
		p.e.logs.screen.put(func(line string) { p.screen.above(strings.TrimSuffix(line, "\n")) })
	}
	end := p.e.every(drawEvery, p.update)
	p.ends = append(p.ends, func() {
		end()
		p.update()
		p.screen.draw()
		p.e.logs.screen.put(nil)
	})
}

// update writes what has ended since the last update, and draws what is under way.
func (p *progress) update() {
	if lines := p.finished(); len(lines) > 0 {
		p.screen.above(lines...)
	}
	width, _ := p.e.Screen.size(p.e.Screen.out)
	width-- // the cursor stays on the line
	p.screen.draw(p.liveLines(width)...)
}

// liveLines are the lines about the step under way, none wider than width.
func (p *progress) liveLines(width int) []string {
	for _, x := range slices.Backward(p.steps) {
		if !x.Begun() || x.Ended() {
			continue
		}
		within := ""
		if p.e.brief() {
			within = p.run.Job
		}
		lines := []string{p.e.Screen.symbols(p.state(x).line(within, width))}
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.slow != "" {
			lines = append(lines, p.e.Screen.symbols(cut("           slow: "+text.Finished(p.slow), width)))
		}
		return lines
	}
	return nil
}

// finished returns the lines about runs that died and, unless the run is one of a night, about steps that have ended: those that
// were not returned before.
func (p *progress) finished() []string {
	var lines []string
	for _, line := range p.deaths() {
		lines = append(lines, p.e.Screen.wrapped(line, signIndent)...)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for ; !p.e.brief() && p.shown < len(p.steps) && p.steps[p.shown].Ended(); p.shown++ {
		if v := p.view(p.steps[p.shown]); !v.idle() {
			lines = append(lines, p.e.Screen.wrapped(v.line(), blockIndent)...)
		}
	}
	return lines
}

// deaths are the lines about runs that died, but for those that were returned before.
func (p *progress) deaths() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var lines []string
	for ; p.dead < len(p.died); p.dead++ {
		lines = append(lines, string(signLook)+" "+p.died[p.dead])
	}
	return lines
}

// view is a step with how much it had before it. The caller holds mu.
func (p *progress) view(x *batch.StepExecution) stepView {
	v := stepOf(x)
	if due, ok := p.due[x.Step]; ok {
		v.due = due
	}
	return v
}

// views are all steps.
func (p *progress) views() []stepView {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := make([]stepView, 0, len(p.steps))
	for _, x := range p.steps {
		list = append(list, p.view(x))
	}
	return list
}

func (p *progress) state(x *batch.StepExecution) state {
	t := x.Tally()
	s := state{step: x.Step, label: x.Label, done: t.Done(), due: p.before(x.Step), declined: t.Declined, inDoubt: t.InDoubt, waits: p.waits(x)}
	p.mu.Lock()
	window := p.rates[x.Step]
	if window == nil {
		window = &rateWindow{}
		p.rates[x.Step] = window
	}
	s.rate = window.rate(x.Took(), s.done)
	p.mu.Unlock()
	if s.rate > 0 && s.done >= etaFrom && s.due > s.done {
		s.left = time.Duration(float64(s.due-s.done) / s.rate * float64(time.Second))
	}
	for _, name := range slices.Sorted(maps.Keys(p.e.deps.Gateways)) {
		if p.e.deps.Gateways[name].Open() {
			s.open = append(s.open, name)
		}
	}
	return s
}

// waits says which other run's lease the step waits for; empty: for none.
func (p *progress) waits(x *batch.StepExecution) string {
	run, until := x.Waiting()
	if run == 0 {
		return ""
	}
	if left := until.Sub(p.e.now()).Round(time.Second); left > 0 {
		return fmt.Sprintf("waits for run %d, lease ends in %s", run, took(left))
	}
	return fmt.Sprintf("waits for run %d", run)
}

// slowBy notes what the run waits for most; empty: for nothing.
func (p *progress) slowBy(why string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.slow = why
}

// began counts what a step has before it.
func (p *progress) began(x *batch.StepExecution) {
	p.logEnded()
	ctx, cancel := context.WithTimeout(x.Work, countFor)
	defer cancel()
	n := int64(-1)
	if p.e.work.due != nil {
		var err error
		if n, err = p.e.work.due(ctx, p.e, x.Step); err != nil {
			n = -1 // the step goes on without; it tells of a database that is lost
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.due[x.Step] = n
}

// before is how much a step had before it when it began; -1 if that is not known.
func (p *progress) before(step string) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n, ok := p.due[step]; ok {
		return n
	}
	return -1
}
