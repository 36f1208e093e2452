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

	bars "github.com/jedib0t/go-pretty/v6/progress"

	"duly/internal/batch"
)

const (
	// logEvery is how often progress is logged where there is no terminal, drawEvery how often it is drawn.
	logEvery  = 10 * time.Second
	drawEvery = 200 * time.Millisecond
	// countFor bounds the query that counts what a step has before it.
	countFor = 5 * time.Second
)

// progress tells how far a run has come.
type progress struct {
	*execution

	run   *batch.Run
	steps []*batch.StepExecution
	ends  []func()

	mu  sync.Mutex
	due map[string]int64 // by step, once it has begun; -1: not known
}

func (p *progress) start(run *batch.Run, steps []*batch.StepExecution) {
	p.run, p.steps, p.due = run, steps, map[string]int64{}
	if p.terminal(p.out) && p.people() == p.out && !p.flags.noProgress {
		p.draw()
		return
	}
	p.ends = append(p.ends, p.every(logEvery, p.log))
}

// stop ends the progress; the summary comes after it.
func (p *progress) stop() {
	for _, end := range p.ends {
		end()
	}
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
			slog.Float64("rate_per_second", s.rate), slog.Int64("declined", s.declined), slog.Int64("in_doubt", s.inDoubt),
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
		p.logs.LogAttrs(context.Background(), slog.LevelInfo, "progress", attributes...)
	}
}

// draw draws a line for every step that has begun.
func (p *progress) draw() {
	writer := bars.NewWriter()
	writer.SetOutputWriter(drawnOn(p.out))
	writer.SetUpdateFrequency(drawEvery)
	writer.SetSortBy(bars.SortByIndex)
	writer.SetTrackerLength(20)
	style := bars.StyleBlocks
	style.Visibility = bars.StyleVisibility{Percentage: true, Tracker: true}
	writer.SetStyle(style)
	p.logs.screen.put(func(line string) { writer.Log("%s", strings.TrimSuffix(line, "\n")) })

	rendered := make(chan struct{})
	go func() { writer.Render(); close(rendered) }()
	trackers := map[string]*bars.Tracker{}
	update := func() { p.update(writer, trackers) }
	end := p.every(drawEvery, update)
	p.ends = append(p.ends, func() {
		end()
		update()
		for _, t := range trackers {
			t.MarkAsDone()
		}
		writer.Stop()
		<-rendered
		p.logs.screen.put(nil)
	})
}

func (p *progress) update(writer bars.Writer, trackers map[string]*bars.Tracker) {
	for i, x := range p.steps {
		if !x.Begun() {
			continue
		}
		s, t := p.state(x), trackers[x.Step]
		if t == nil {
			t = &bars.Tracker{Message: x.Step, Index: uint64(i), AutoStopDisabled: true}
			trackers[x.Step] = t
			writer.AppendTracker(t)
		}
		t.UpdateMessage(s.String())
		t.UpdateTotal(max(s.due, s.done, 1))
		t.SetValue(s.done)
		if x.Ended() {
			t.UpdateTotal(max(s.done, 1))
			t.MarkAsDone()
		}
	}
}

// state is how far a step has come.
type state struct {
	step              string
	done, due         int64 // due is -1 if that is not known
	rate              float64
	left              time.Duration
	declined, inDoubt int64
	open              []string // gateways whose circuit is open
}

func (p *progress) state(x *batch.StepExecution) state {
	t := x.Tally()
	s := state{step: x.Step, done: t.Done(), due: p.before(x.Step), declined: t.Declined, inDoubt: t.InDoubt}
	if took := x.Took().Seconds(); took > 0 {
		s.rate = float64(s.done) / took
	}
	if s.rate > 0 && s.due > s.done {
		s.left = time.Duration(float64(s.due-s.done) / s.rate * float64(time.Second))
	}
	for _, name := range slices.Sorted(maps.Keys(p.deps.Gateways)) {
		if p.deps.Gateways[name].Open() {
			s.open = append(s.open, name)
		}
	}
	return s
}

// began counts what a step has before it.
func (p *progress) began(x *batch.StepExecution) {
	ctx, cancel := context.WithTimeout(x.Work, countFor)
	defer cancel()
	n := int64(-1)
	if p.work.due != nil {
		var err error
		if n, err = p.work.due(ctx, p.execution, x.Step); err != nil {
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

// String is a line for people.
func (s state) String() string {
	parts := []string{fmt.Sprintf("%-12s %d", s.step, s.done)}
	if s.due >= 0 {
		parts[0] += fmt.Sprintf(" of %d", s.due)
	}
	if s.done > 0 {
		parts = append(parts, fmt.Sprintf("%.0f/s", s.rate))
	}
	if s.left > 0 {
		parts = append(parts, s.left.Round(time.Second).String()+" left")
	}
	if s.declined > 0 {
		parts = append(parts, fmt.Sprintf("%d declined", s.declined))
	}
	if s.inDoubt > 0 {
		parts = append(parts, fmt.Sprintf("%d in doubt", s.inDoubt))
	}
	for _, name := range s.open {
		parts = append(parts, "circuit of "+name+" open")
	}
	return strings.Join(parts, " · ")
}
