package batch

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// Step hides its type parameters, so that jobs fit in one slice.
type Step interface {
	Name() string
	// Label says what the step's numbers mean.
	Label() Label
	// Run does the step's work. When ctx is cancelled it ends claiming, lets what is in flight finish under
	// x.Work and returns nil: being stopped is not a failure.
	Run(ctx context.Context, x *StepExecution) error
}

// Job is an ordered list of steps.
type Job struct {
	Name  string
	Steps []Step
	// Drained names steps that also have their turn when the run was stopped before it: they do what must not wait for a later run under
	// x.Work, with a ctx that is cancelled. A run that was not to run at all, has halted, or has lost its lease does without.
	Drained []string
	// Left names what the run leaves undone in its selection, one line a reason; nil for nothing.
	Left func(ctx context.Context) ([]string, error)
	// Held names what waits for an operator to resume what is paused, one line a reason; nil for nothing. It is called after
	// Left. A run that leaves nothing else ends with [ExitNotRun].
	Held func(ctx context.Context) ([]string, error)
	// Waits lists rows that need a decision before a run can process them; nil if the job has none. A run that leaves nothing else ends
	// with [ExitReview].
	Waits func(ctx context.Context) ([]Waiting, error)
}

// Waiting is a group of rows that need a decision by the shop or an operator.
type Waiting struct {
	Reason string // one line
	Next   string // the command that lists them; empty: Reason says what to type
}

// Budget bounds how many items a run may claim in all its steps. The zero Budget has no bound. Its methods
// are safe for concurrent use.
type Budget struct {
	mu      sync.Mutex
	bounded bool
	left    int
	spent   bool
}

// newBudget returns a budget of n items; 0 means no bound.
func newBudget(n int) *Budget { return &Budget{bounded: n > 0, left: n} }

// Take returns how many of want items may be claimed; Return refunds what was not used.
func (b *Budget) Take(want int) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.bounded {
		return want
	}
	n := min(want, b.left)
	b.left -= n
	if n == 0 {
		b.spent = true
	}
	return n
}

// Return gives n items of a Take back.
func (b *Budget) Return(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.bounded {
		b.left += n
	}
}

// Spent reports whether a step wanted more than the budget held.
func (b *Budget) Spent() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.spent
}

// StepExecution is one execution of a step. Its methods are safe for concurrent use.
type StepExecution struct {
	Run    *Run
	Step   string
	Label  Label
	Lease  *Lease
	Budget *Budget
	// Acknowledged is what the database has confirmed to this run, in all its steps.
	Acknowledged *Acknowledged
	Log          *slog.Logger
	// Work is the context of what is in flight: a stop does not cancel it, the end of the drain does.
	// Execution finds x in it. It is settled before Runner.Began is called.
	Work context.Context //nolint:containedctx // it outlives the context of the step on purpose
	// Now is the process's own clock, with its monotonic reading.
	Now func() time.Time

	trace     Tracer
	siblings  []*StepExecution // all steps of the run, in their order
	beside    *sync.WaitGroup  // what Beside started in any step of the run
	besideCtx context.Context  //nolint:containedctx // it outlives the context of the step on purpose

	mu      sync.Mutex
	tally   Tally
	left    []string
	begun   time.Time
	ended   time.Time
	status  StepStatus // once it has ended
	stop    <-chan struct{}
	halted  error
	failed  []error
	err     error // that the step ended with
	waits   LeaseWait
	awaited []uint64 // runs whose lease it waited for
	goesOn  bool
	rest    func()          // of a step that goes on: see GoOn
	ends    func(err error) // ends a step that goes on; nil once it has ended
}

type executionKey struct{}

// Execution is the step execution that ctx belongs to: readers, processors and writers find their run, its
// lease and the wish to stop in it. It is nil outside of one.
func Execution(ctx context.Context) *StepExecution {
	x, _ := ctx.Value(executionKey{}).(*StepExecution)
	return x
}

// Beside starts work that goes on beside the steps of the run. Its ctx ends when the run is to stop and when the last step
// has ended; the run waits for it. do must not panic.
func (x *StepExecution) Beside(do func(ctx context.Context)) {
	ctx, cancel := context.WithCancel(x.Work)
	stop := context.AfterFunc(x.besideCtx, cancel)
	x.beside.Go(func() {
		defer cancel()
		defer stop()
		do(ctx)
	})
}

// Sibling returns the execution of another step of the run; nil if the run has no step of that name.
func (x *StepExecution) Sibling(name string) *StepExecution {
	for _, other := range x.siblings {
		if other.Step == name {
			return other
		}
	}
	return nil
}

// GoOn makes the step go on after its function has returned without an error: a later step of the run does the rest of its work, and
// calls [StepExecution.Conclude]. It ends with the run's last step at the latest, and rest, unless it is nil, is called before that if
// nothing has ended it.
func (x *StepExecution) GoOn(rest func()) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.goesOn, x.rest = true, rest
}

// Conclude ends a step that goes on, with the error that it failed with, if any. It does nothing for a step that has ended.
func (x *StepExecution) Conclude(err error) {
	x.mu.Lock()
	ends := x.ends
	x.ends = nil
	x.mu.Unlock()
	if ends != nil {
		ends(err)
	}
}

// concludeRest ends a step that went on to the end of the run, and returns what it failed with.
func (x *StepExecution) concludeRest() error {
	x.mu.Lock()
	rest := x.rest
	x.mu.Unlock()
	if rest != nil && !x.Ended() {
		rest()
	}
	x.Conclude(nil)
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.err
}

// leaveOpen reports whether the step goes on after its function; ends is what ends it then.
func (x *StepExecution) leaveOpen(ends func(err error)) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.goesOn {
		x.ends = ends
	}
	return x.goesOn
}

// Stopping is closed when the step is asked to end.
func (x *StepExecution) Stopping() <-chan struct{} {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.stop
}

// Halt ends the run: nothing more is claimed, what waits is not processed, and the run fails with err.
func (x *StepExecution) Halt(err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.halted == nil {
		x.halted = errors.Join(ErrHalt, err)
	}
}

// Halted is the error given to Halt.
func (x *StepExecution) Halted() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.halted
}

// Fail notes an error of ours that the step goes on in spite of. The step has failed when it ends.
func (x *StepExecution) Fail(err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.failed = append(x.failed, err)
}

// Failures lists the errors given to Fail.
func (x *StepExecution) Failures() []error {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Clone(x.failed)
}

// Err is what the step failed with, and nil while it is under way: the errors given to Fail, and the one that it ended with.
func (x *StepExecution) Err() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.ended.IsZero() {
		return nil
	}
	return errors.Join(append(slices.Clone(x.failed), x.err)...)
}

// LeaseWait is the lease of another run that a step waits for. Its instants are of the process's clock.
type LeaseWait struct {
	Run   uint64
	Host  string
	Beat  time.Time // its last heartbeat
	Until time.Time // when its lease ends, unless its heartbeat goes on
}

// Await notes that the step can go on only when the lease of another run has ended, and logs the first time that it waits for that run;
// the zero value: it waits for none.
func (x *StepExecution) Await(w LeaseWait) {
	x.mu.Lock()
	x.waits = w
	first := w.Run != 0 && !slices.Contains(x.awaited, w.Run)
	if first {
		x.awaited = append(x.awaited, w.Run)
	}
	x.mu.Unlock()
	if first {
		now := x.Now()
		x.Log.InfoContext(x.Work, "waiting for the lease of another run", slog.Uint64("lease_run_id", w.Run), slog.String("lease_host", w.Host),
			slog.Int64("lease_seconds_left", int64(w.Until.Sub(now).Seconds())), slog.Int64("heartbeat_seconds_ago", int64(now.Sub(w.Beat).Seconds())))
	}
}

// Waiting returns what was given to Await.
func (x *StepExecution) Waiting() LeaseWait {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.waits
}

// Count adds to the step's tally.
func (x *StepExecution) Count(t Tally) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.tally.Add(t)
}

// Tally is what the step has done so far.
func (x *StepExecution) Tally() Tally {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.tally.clone()
}

// Leave notes that the step leaves work for a later run, and why.
func (x *StepExecution) Leave(reason string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !slices.Contains(x.left, reason) {
		x.left = append(x.left, reason)
	}
}

// Left lists the reasons given to Leave.
func (x *StepExecution) Left() []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Clone(x.left)
}

// Took is how long the step has run, until now or its end.
func (x *StepExecution) Took() time.Duration {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.begun.IsZero() {
		return 0
	}
	if x.ended.IsZero() {
		return x.Now().Sub(x.begun)
	}
	return x.ended.Sub(x.begun)
}

// progress is how far the step has come; false if it has not begun.
func (x *StepExecution) progress() (Progress, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.begun.IsZero() {
		return Progress{}, false
	}
	now := x.Now()
	p := Progress{Step: x.Step, Status: Running, Tally: x.tally.clone(), Began: now.Sub(x.begun)}
	if !x.ended.IsZero() {
		p.Status, p.Ended = x.status, now.Sub(x.ended)
	}
	return p, true
}

// Status is how the step stands once it has begun.
func (x *StepExecution) Status() StepStatus {
	p, _ := x.progress()
	return p.Status
}

// Begun reports whether the step has started, and Ended whether it has finished.
func (x *StepExecution) Begun() bool { x.mu.Lock(); defer x.mu.Unlock(); return !x.begun.IsZero() }

// Ended reports whether the step has finished.
func (x *StepExecution) Ended() bool { x.mu.Lock(); defer x.mu.Unlock(); return !x.ended.IsZero() }

// Tasklet is a step that is a plain function.
type Tasklet struct {
	StepName  string
	StepLabel Label
	Do        func(ctx context.Context, x *StepExecution) error
}

// Name implements Step.
func (t Tasklet) Name() string { return t.StepName }

// Label implements Step.
func (t Tasklet) Label() Label { return t.StepLabel }

// Run implements Step.
func (t Tasklet) Run(ctx context.Context, x *StepExecution) error { return t.Do(ctx, x) }
