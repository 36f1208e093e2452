package batch_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
)

// item is a piece of work, and outcome what became of it.
type item struct {
	id   int
	lane string
}

type outcome struct {
	item

	err error
}

// items makes n items of a lane, numbered from first.
func items(lane string, first, n int) []item {
	out := make([]item, n)
	for i := range out {
		out[i] = item{first + i, lane}
	}
	return out
}

// source is a reader over a list. An item is claimed once; a walk passes over those of lanes to skip, and postpones
// those of full lanes.
type source struct {
	takes time.Duration // each claim
	fail  func(read int) error

	mu      sync.Mutex
	todo    []item
	later   []item // postponed
	walked  bool
	at      int
	reads   int
	claimed atomic.Int64
}

func (s *source) Read(ctx context.Context, want batch.ClaimRequest) (batch.Claim[item], error) {
	if err := sleep(ctx, s.takes); err != nil {
		return batch.Claim[item]{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	if s.fail != nil {
		if err := s.fail(s.reads); err != nil {
			return batch.Claim[item]{}, err
		}
	}
	var page batch.Claim[item]
	rooms := want.Rooms()
	if want.Postponed {
		later := s.later
		s.later = nil
		for _, next := range later {
			switch {
			case want.Skip(next.lane):
				s.todo = append(s.todo, next)
			case len(page.Items) < want.Limit && rooms.Take(next.lane):
				page.Items = append(page.Items, next)
			default:
				s.later = append(s.later, next)
			}
		}
	} else {
		if s.walked {
			s.walked, s.at = false, 0
		}
		for s.at < len(s.todo) && len(page.Items) < want.Limit {
			next := s.todo[s.at]
			if want.Skip(next.lane) {
				s.at++
				continue
			}
			if rooms.Take(next.lane) {
				page.Items = append(page.Items, next)
			} else {
				s.later = append(s.later, next)
			}
			s.todo = slices.Delete(s.todo, s.at, s.at+1)
		}
		s.walked = s.at == len(s.todo)
	}
	page.Done = s.walked
	for _, it := range s.later {
		if !slices.Contains(page.Postponed, it.lane) {
			page.Postponed = append(page.Postponed, it.lane)
		}
	}
	s.claimed.Add(int64(len(page.Items)))
	return page, nil
}

// count is how many items were claimed.
func (s *source) count() int { return int(s.claimed.Load()) }

// sleep waits for d or the end of ctx, and reports which came first.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// work is a processor that does what it is told, and counts.
type work struct {
	do func(ctx context.Context, it item) error

	mu      sync.Mutex
	running map[string]int
	begun   map[string]int
	most    map[string]int
	times   map[int]int
}

func (w *work) Process(ctx context.Context, it item) (outcome, error) {
	w.mu.Lock()
	if w.running == nil {
		w.running, w.begun, w.most, w.times = map[string]int{}, map[string]int{}, map[string]int{}, map[int]int{}
	}
	w.begun[it.lane]++
	w.running[it.lane]++
	w.most[it.lane] = max(w.most[it.lane], w.running[it.lane])
	w.times[it.id]++
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.running[it.lane]--
	}()
	if w.do == nil {
		return outcome{item: it}, nil
	}
	err := w.do(ctx, it)
	return outcome{item: it}, err
}

// started is how many items of a lane were begun.
func (w *work) started(lane string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.begun[lane]
}

// processed is how often an item was begun.
func (w *work) processed(id int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.times[id]
}

// sink is a writer that keeps what it is given.
type sink struct {
	takes  time.Duration
	fail   func(call int, chunk []outcome) error
	reject func(o outcome) error

	mu       sync.Mutex
	calls    int
	settled  map[int]time.Time
	errs     map[int]error
	rejected map[int]error
	kept     []int
	spilled  []int
	biggest  int

	keep  func(chunk []outcome) error
	probe func() error
}

func (s *sink) Write(ctx context.Context, chunk []outcome) (batch.Tally, error) {
	if err := sleep(ctx, s.takes); err != nil {
		return batch.Tally{}, err
	}
	if err := ctx.Err(); err != nil {
		return batch.Tally{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	s.biggest = max(s.biggest, len(chunk))
	if s.fail != nil {
		if err := s.fail(s.calls, chunk); err != nil {
			return batch.Tally{}, err
		}
	}
	if s.settled == nil {
		s.settled, s.errs = map[int]time.Time{}, map[int]error{}
	}
	var tally batch.Tally
	for _, o := range chunk {
		s.settled[o.id], s.errs[o.id] = time.Now(), o.err
		if o.err == nil {
			tally.Succeeded++
		} else {
			tally.Released++
		}
	}
	return tally, nil
}

func (s *sink) Reject(_ context.Context, o outcome, cause error) (batch.Tally, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reject != nil {
		if err := s.reject(o); err != nil {
			return batch.Tally{}, err
		}
	}
	if s.rejected == nil {
		s.rejected = map[int]error{}
	}
	s.rejected[o.id] = cause
	return batch.Tally{Review: 1}, nil
}

func (s *sink) Keep(_ context.Context, chunk []outcome) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keep != nil {
		if err := s.keep(chunk); err != nil {
			return err
		}
	}
	for _, o := range chunk {
		s.kept = append(s.kept, o.id)
	}
	return nil
}

func (s *sink) Probe(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.probe == nil {
		return nil
	}
	return s.probe()
}

func (s *sink) spill(_ context.Context, chunk []outcome) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range chunk {
		s.spilled = append(s.spilled, o.id)
	}
	return "the file", nil
}

func (s *sink) done() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.settled)
}

// lanes holds the states of lanes, open unless told otherwise.
type lanes struct {
	hook func(lane string) batch.LaneState // instead of states

	mu     sync.Mutex
	states map[string]batch.LaneState
}

func (l *lanes) set(lane string, s batch.LaneState) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.states == nil {
		l.states = map[string]batch.LaneState{}
	}
	l.states[lane] = s
}

func (l *lanes) state(lane string) batch.LaneState {
	if l.hook != nil {
		return l.hook(lane)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.states[lane]
}

// bench is a step over a source, a processor and a writer, with what it needs to run.
type bench struct {
	source source
	work   work
	sink   sink
	lanes  lanes
	size   int
	width  int
	bounds map[string]int
}

func (b *bench) step(name string) *batch.Chunk[item, outcome] {
	return &batch.Chunk[item, outcome]{
		StepName: name, Reader: &b.source, Processor: &b.work, Writer: &b.sink,
		Fail:  func(it item, err error) outcome { return outcome{it, err} },
		Lane:  func(it item) string { return it.lane },
		Width: func(string) int { return b.width },
		State: b.lanes.state,
		Bound: func(lane string) int { return b.bounds[lane] },
		Probe: b.sink.Probe, Spill: b.sink.spill,
		Size: b.size, FlushEvery: 100 * time.Millisecond,
	}
}

// runs is a repository in memory.
type runs struct {
	beat   func(n int) error
	finish error

	mu       sync.Mutex
	beats    int
	progress []batch.Progress
	result   *batch.Result
}

const lease = time.Minute

func (r *runs) Start(_ context.Context, s batch.Spec) (*batch.Run, error) {
	return &batch.Run{ID: 7, Job: s.Job, Lease: s.Lease, Started: time.Now()}, nil
}

func (r *runs) Beat(_ context.Context, _ *batch.Run, p []batch.Progress) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.beats++
	if r.beat != nil {
		if err := r.beat(r.beats); err != nil {
			return err
		}
	}
	r.progress = p
	return nil
}

func (r *runs) Finish(_ context.Context, _ *batch.Run, p []batch.Progress, result batch.Result) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.progress, r.result = p, &result
	return r.finish
}

func runner(r *runs) *batch.Runner {
	return &batch.Runner{
		Repository: r, Heartbeat: 5 * time.Second, Drain: 25 * time.Second, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Stop: func(ctx context.Context) int {
			if errors.Is(context.Cause(ctx), errSignal) {
				return 143
			}
			return 0
		},
	}
}

var (
	errSignal = errors.New("terminated")
	errNotRun = errors.New("not run")
	errSyntax = errors.New("syntax error")
	errData   = fmt.Errorf("%w: too long", batch.ErrData)
	errOdd    = fmt.Errorf("%w: max_statement_time exceeded", batch.ErrDatabase)
	errBrake  = errors.New("brake")
)

// failFirst fails the first n calls.
func failFirst(n int, err error) func(outcome) error {
	return func(outcome) error {
		if n--; n >= 0 {
			return err
		}
		return nil
	}
}

// run runs steps as a job and returns how the run ended.
func run(ctx context.Context, t *testing.T, r *batch.Runner, steps ...batch.Step) batch.Result {
	t.Helper()
	result, err := r.Run(ctx, batch.Job{Name: "job", Steps: steps}, batch.Spec{Job: "job", Lease: lease})
	require.NoError(t, err)
	return result
}
