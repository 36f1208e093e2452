package app

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"duly/internal/batch"
	"duly/internal/cli"
	"duly/internal/text"
	"duly/internal/view"
	"duly/jobs"
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
	e *Execution

	run       *batch.Run
	steps     []*batch.StepExecution
	ends      []func()
	screen    *cli.Redraw // nil: it is not drawn
	startedAt time.Time   // when the run began, by the process's clock

	mu     sync.Mutex
	due    map[string]int64 // by step, once it has begun; -1: not known
	rates  map[string]*view.RateWindow
	slow   string    // what the run waits for most, as of the last heartbeat
	died   []string  // what is known of runs that died and are taken over, and
	since  time.Time // when the first of them began
	shown  int       // how many of the steps, and
	dead   int       // how many of died were written
	logged int       // how many steps' ends were logged
}

func (p *progress) start(run *batch.Run, steps []*batch.StepExecution) {
	p.startedAt = p.e.Now()
	p.run, p.steps, p.due, p.rates = run, steps, map[string]int64{}, map[string]*view.RateWindow{}
	if p.e.drawn() {
		p.e.logs.Quiet()
	}
	p.e.logs.LogAttrs(context.Background(), slog.LevelInfo, "run started", slog.Uint64("run_id", run.ID), slog.String("job", run.Job),
		slog.String("business_date", p.e.Business.String()), slog.Any("gateways", p.e.gatewayNames()))
	if p.e.drawn() {
		p.draw()
		return
	}
	p.ends = append(p.ends, p.e.Every(logEvery, p.log))
}

// drawn reports whether the progress is drawn on a terminal rather than logged.
func (e *Execution) drawn() bool {
	return e.Screen.Terminal(e.Screen.Out) && e.Screen.People() == e.Screen.Out && !e.Flags.NoProgress && !e.Screen.Dumb()
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
			slog.Uint64("run_id", p.run.ID), slog.String("step", x.Step), slog.Int64("done", s.Done),
			slog.Float64("rate_per_second", tenth(s.Rate)), slog.Int64("declined", s.Declined), slog.Int64("in_doubt", s.InDoubt),
		}
		if s.Due >= 0 {
			attributes = append(attributes, slog.Int64("due", s.Due))
		}
		if s.Left > 0 {
			attributes = append(attributes, slog.Int64("seconds_left", int64(s.Left.Seconds())))
		}
		if w := x.Waiting(); w.Run != 0 {
			attributes = append(attributes, slog.Uint64("lease_run_id", w.Run), slog.Int64("lease_seconds_left", int64(w.Until.Sub(p.e.Now()).Seconds())))
		}
		if len(s.Open) > 0 {
			attributes = append(attributes, slog.Any("circuit_open", s.Open))
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
	p.screen = &cli.Redraw{To: cli.DrawnOn(p.e.Screen.Out), Plain: p.e.Screen.Getenv("NO_COLOR") != ""}
	if p.e.Screen.Terminal(p.e.Screen.Err) {
		p.e.logs.Screen.Put(func(line string) { p.screen.Above(strings.TrimSuffix(line, "\n")) })
	}
	end := p.e.Every(drawEvery, p.update)
	p.ends = append(p.ends, func() {
		end()
		p.update()
		p.screen.Draw()
		p.e.logs.Screen.Put(nil)
	})
}

// update writes what has ended since the last update, and draws what is under way.
func (p *progress) update() {
	if lines := p.finished(); len(lines) > 0 {
		p.screen.Above(lines...)
	}
	width, _ := p.e.Screen.Size(p.e.Screen.Out)
	width-- // the cursor stays on the line
	p.screen.Draw(p.liveLines(width)...)
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
		lines := []string{p.e.Screen.Symbols(p.state(x).Line(within, width))}
		if waits := view.LeaseWait(x.Waiting(), p.e.Now()); waits != "" {
			lines = append(lines, cli.Folded(p.e.Screen.Symbols("           "+text.Finished(waits)), width, cli.BlockIndent)...)
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.slow != "" && x.Waiting().Run == 0 {
			lines = append(lines, p.e.Screen.Symbols(cli.Cut("           slow: "+text.Finished(p.slow), width)))
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
		lines = append(lines, p.e.Screen.Wrapped(line, cli.SignIndent)...)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for ; !p.e.brief() && p.shown < len(p.steps) && p.steps[p.shown].Ended(); p.shown++ {
		if v := p.view(p.steps[p.shown]); !v.Idle() {
			lines = append(lines, p.e.Screen.Wrapped(v.Line(), cli.BlockIndent)...)
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
		lines = append(lines, string(cli.SignLook)+" "+p.died[p.dead])
	}
	return lines
}

// view is a step with how much it had before it. The caller holds mu. What the step issue has changed as planned, and not invoiced, is not before collect
// any more.
func (p *progress) view(x *batch.StepExecution) view.Step {
	v := view.StepOf(x)
	due, ok := p.due[x.Step]
	if !ok {
		return v
	}
	v.Due = due
	if x.Step != jobs.StepCollect || due <= 0 {
		return v
	}
	if i := slices.IndexFunc(p.steps, func(other *batch.StepExecution) bool { return other.Step == jobs.StepIssue }); i >= 0 {
		v.Due = max(due-p.steps[i].Tally().Changed, 0)
	}
	return v
}

// views are all steps.
func (p *progress) views() []view.Step {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := make([]view.Step, 0, len(p.steps))
	for _, x := range p.steps {
		list = append(list, p.view(x))
	}
	return list
}

func (p *progress) state(x *batch.StepExecution) view.LiveStep {
	t := x.Tally()
	s := view.LiveStep{Step: x.Step, Label: x.Label, Done: t.Done(), Due: p.before(x.Step), Declined: t.Declined, InDoubt: t.InDoubt}
	p.mu.Lock()
	window := p.rates[x.Step]
	if window == nil {
		window = &view.RateWindow{}
		p.rates[x.Step] = window
	}
	s.Rate = window.Rate(x.Took(), s.Done)
	p.mu.Unlock()
	if s.Rate > 0 && s.Done >= view.EtaFrom && s.Due > s.Done {
		s.Left = time.Duration(float64(s.Due-s.Done) / s.Rate * float64(time.Second))
	}
	for _, name := range slices.Sorted(maps.Keys(p.e.Deps.Gateways)) {
		if p.e.Deps.Gateways[name].Open() {
			s.Open = append(s.Open, name)
		}
	}
	return s
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
	if p.e.Job.Due != nil {
		var err error
		if n, err = p.e.Job.Due(ctx, p.e.Request, x.Step); err != nil {
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
