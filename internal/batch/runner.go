package batch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"time"
)

// Run is one execution of a job, as kept by the repository.
type Run struct {
	ID      uint64
	Job     string
	Token   []byte        // the lease's random name
	Lease   time.Duration // its length
	Started time.Time     // by the database's clock
}

// Spec is what a run is started with.
type Spec struct {
	Job          string
	BusinessDate string // 2026-01-31
	Params       []byte // JSON
	RerunOf      uint64
	Lease        time.Duration
	Host         string
	PID          int
	Version      string
}

// StepStatus is how a step stands.
type StepStatus string

// The statuses of a step, and of a run but for abandoned.
const (
	Running   StepStatus = "running"
	Completed StepStatus = "completed"
	Failed    StepStatus = "failed"
	Stopped   StepStatus = "stopped"
)

// Progress is how far a step has come.
type Progress struct {
	Step   string
	Status StepStatus
	Tally  Tally
	// Began and Ended say how long ago the step began and, unless it is running, ended.
	Began, Ended time.Duration
}

// JobRepository keeps runs. Its methods are safe for concurrent use.
type JobRepository interface {
	Start(ctx context.Context, spec Spec) (*Run, error)
	// Beat renews the run's lease and writes the progress. It returns ErrLeaseLost, and changes nothing, if
	// the lease ran out or the run is no longer running.
	Beat(ctx context.Context, run *Run, progress []Progress) error
	Finish(ctx context.Context, run *Run, progress []Progress, result Result) error
}

// Result is how a run ended.
type Result struct {
	Status StepStatus
	Exit   int
	Err    error
	Left   []string  // what is left for a later run, and why
	Waits  []Waiting // what of Left waits for somebody to decide: see [Job]
	Tally  Tally
}

// Exit codes of a run; operators' scripts rely on them.
const (
	ExitDone       = 0
	ExitFailed     = 1
	ExitUsage      = 2
	ExitReview     = 3
	ExitUnfinished = 4
	ExitNotRun     = 5
)

// Runner runs jobs.
type Runner struct {
	Repository JobRepository
	Heartbeat  time.Duration
	Drain      time.Duration
	Limit      int // items that the run may claim; 0: no bound
	Now        func() time.Time
	Log        *slog.Logger
	// Started is called when the run exists and before its first step, with the executions of all steps.
	OnRun func(run *Run, steps []*StepExecution)
	// Began is called for each step when it begins, before it does anything.
	OnStep func(x *StepExecution)
	// Beaten is called after each heartbeat that the database took, on a goroutine of its own: one that takes longer
	// than a heartbeat is called less often, and delays none. Its ctx ends with the run, which waits for it.
	AfterHeartbeat func(ctx context.Context, run *Run)
	// Witness, if set, is told of each claim that was committed, before anything of it is sent.
	Witness func(run *Run, m Mark)
	// Trace, if set, is told of the run, its steps, claims and settlements.
	Trace Tracer
	// Stop says why ctx was cancelled, as an exit code; 0 if it was not by a signal or a bound of time.
	Stop func(ctx context.Context) int
}

// Run runs a job to its end and says how it ended. It returns an error only if no run could be started.
// Cancelling ctx stops the run: it claims no more, finishes what is in flight within Drain, and settles it.
func (r *Runner) Run(ctx context.Context, job Job, spec Spec) (Result, error) {
	beat := r.Now()
	run, err := r.Repository.Start(ctx, spec)
	if err != nil {
		return Result{}, fmt.Errorf("start the run: %w", err)
	}
	lease := NewLease(run.Lease, beat, r.Now)
	ctx, ended := r.Trace.begin(ctx, Span{Kind: SpanRun, Run: run})
	ctx, lose := context.WithCancelCause(ctx)
	defer lose(nil)
	work, drained := r.drainSteps(ctx)
	defer drained()

	beside := &sync.WaitGroup{}
	besideCtx, endBeside := context.WithCancel(ctx)
	defer endBeside()
	budget, acknowledged := newBudget(r.Limit), &Acknowledged{}
	if r.Witness != nil {
		acknowledged.witness = func(m Mark) { r.Witness(run, m) }
	}
	steps := make([]*StepExecution, len(job.Steps))
	for i, s := range job.Steps {
		steps[i] = &StepExecution{
			Run: run, Step: s.Name(), Label: s.Label(), Lease: lease, Budget: budget, Acknowledged: acknowledged, Now: r.Now,
			Log: r.Log.With(slog.Uint64("run_id", run.ID), slog.String("step", s.Name())), trace: r.Trace, beside: beside, besideCtx: besideCtx,
		}
		steps[i].Work = context.WithValue(work, executionKey{}, steps[i]) //nolint:fatcontext // each step has its own
		steps[i].siblings = steps
	}
	if r.OnRun != nil {
		r.OnRun(run, steps)
	}
	beating := make(chan struct{})
	stopBeating, endBeats := context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		defer close(beating)
		r.beat(stopBeating, run, lease, steps, lose)
	}()

	err = r.steps(ctx, job, steps)
	endBeside()
	beside.Wait()
	result := r.result(ctx, work, job, steps, lease, err)
	endBeats()
	<-beating
	r.finish(ctx, run, lease, steps, &result)
	ended(SpanEnd{Status: result.Status, Exit: result.Exit, Tally: result.Tally, Err: result.Err})
	return result, nil
}

// drainSteps returns the context of what is in flight: it outlives ctx by the drain time.
func (r *Runner) drainSteps(ctx context.Context) (context.Context, func()) {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.NewTimer(r.Drain)
		defer timer.Stop()
		select {
		case <-timer.C:
			cancel()
		case <-work.Done():
		}
	})
	return work, func() { stop(); cancel() }
}

func (r *Runner) steps(ctx context.Context, job Job, steps []*StepExecution) error {
	var errs []error
	var open []*StepExecution // that went on after their function
	for i, s := range job.Steps {
		if steps[i].Lease.Left() <= 0 {
			break
		}
		if ctx.Err() != nil && !r.drains(ctx, job, s) {
			continue
		}
		err := r.step(ctx, s, steps[i])
		if err == nil && !steps[i].Ended() {
			open = append(open, steps[i])
			continue
		}
		errs = append(errs, problems(steps[i], err)...)
		if errors.Is(err, ErrHalt) || errors.Is(err, ErrLeaseLost) {
			break
		}
	}
	for _, x := range open {
		errs = append(errs, problems(x, x.concludeRest())...)
	}
	return errors.Join(errs...)
}

// drains reports whether a step has its turn although the run was stopped.
func (r *Runner) drains(ctx context.Context, job Job, s Step) bool {
	return slices.Contains(job.Drained, s.Name()) && (r.Stop == nil || r.Stop(ctx) != ExitNotRun)
}

// problems are the errors of a step that ended with err, which may be nil, under its name.
func problems(x *StepExecution, err error) []error {
	var errs []error
	for _, failure := range x.Failures() {
		errs = append(errs, fmt.Errorf("%s: %w", x.Step, failure))
	}
	if err != nil {
		errs = append(errs, fmt.Errorf("%s: %w", x.Step, err))
	}
	return errs
}

func (r *Runner) step(ctx context.Context, s Step, x *StepExecution) (err error) {
	x.begin(ctx)
	var ended func(SpanEnd)
	x.Work, ended = x.span(SpanStep)
	end := func(err error) {
		status := outcome(ctx, append(x.Failures(), err))
		x.end(status, err)
		ended(SpanEnd{Status: status, Tally: x.Tally(), Err: err})
	}
	defer func() {
		if err != nil || !x.leaveOpen(end) {
			end(err)
		}
	}()
	defer func() {
		if p := recover(); p != nil {
			x.Log.ErrorContext(ctx, "panic in a step", slog.Any("panic", PanicError(p)), slog.String("stack", string(debug.Stack())))
			err = PanicError(p)
		}
	}()
	if r.OnStep != nil {
		r.OnStep(x)
	}
	err = s.Run(ctx, x)
	if err != nil && x.Work.Err() != nil && only(err, calledOff) {
		x.Leave("the drain ended before the step was done")
		return nil
	}
	return err
}

func calledOff(err error) bool { return errors.Is(err, context.Canceled) }

func (x *StepExecution) begin(ctx context.Context) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.begun, x.stop = x.Now(), ctx.Done()
}

func (x *StepExecution) end(status StepStatus, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.ended, x.status, x.err = x.Now(), status, err
}

// outcome is the status of a step that ended with errs, of which any may be nil.
func outcome(ctx context.Context, errs []error) StepStatus {
	status := Completed
	if ctx.Err() != nil {
		status = Stopped
	}
	for _, err := range errs {
		switch {
		case err == nil:
		case !onlyLost(err):
			return Failed
		default:
			status = Stopped
		}
	}
	return status
}

// beat renews the lease until ctx ends or the lease is lost.
func (r *Runner) beat(ctx context.Context, run *Run, lease *Lease, steps []*StepExecution, lose context.CancelCauseFunc) {
	ticker := time.NewTicker(r.Heartbeat)
	defer ticker.Stop()
	after := r.beaten(ctx, run)
	defer after.end()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		at := r.Now()
		err := ErrLeaseLost
		if left := lease.Left(); left > 0 {
			once, cancel := context.WithTimeout(ctx, left)
			err = r.Repository.Beat(once, run, progressOf(steps))
			cancel()
		}
		switch {
		case err == nil:
			lease.Renew(at)
			after.beat()
		case ctx.Err() != nil:
			return
		case errors.Is(err, ErrHistoryLost):
			for _, x := range steps {
				x.Halt(err)
			}
			lease.Lose()
			r.Log.ErrorContext(ctx, "the database is not the one that the run began on; it sends and settles nothing more", slog.Uint64("run_id", run.ID), slog.Any("error", err))
			lose(err)
			return
		case errors.Is(err, ErrLeaseLost), lease.Left() <= 0:
			lease.Lose()
			r.Log.ErrorContext(ctx, "the lease of the run is lost; it sends and settles nothing more", slog.Uint64("run_id", run.ID))
			lose(ErrLeaseLost)
			return
		default:
			r.Log.WarnContext(ctx, "heartbeat failed", slog.Uint64("run_id", run.ID), slog.Any("error", err))
		}
	}
}

func progressOf(steps []*StepExecution) []Progress {
	var out []Progress
	for _, x := range steps {
		if p, begun := x.progress(); begun {
			out = append(out, p)
		}
	}
	return out
}

// result sums a run up. Of several truths the one that an operator must act on first wins: 1, 4, 3, 5, 0.
func (r *Runner) result(ctx, work context.Context, job Job, steps []*StepExecution, lease *Lease, err error) Result {
	for _, x := range steps {
		if halted := x.Halted(); halted != nil && !errors.Is(err, ErrHalt) { // between two steps, or in one that heeds it not
			err = errors.Join(err, halted)
		}
	}
	res := Result{Err: err}
	for _, x := range steps {
		res.Tally.Add(x.Tally())
		for _, reason := range x.Left() {
			res.leave(reason)
		}
	}
	lost := lease.Left() <= 0
	if lost {
		res.leave("the lease of the run was lost; what was in flight is recovered by the next run")
	}
	var held []string
	if !lost && work.Err() == nil {
		var reasons []string
		reasons, held, res.Waits = count(work, job)
		for _, reason := range reasons {
			res.leave(reason)
		}
	}
	if len(steps) > 0 && steps[0].Budget.Spent() && (job.Left == nil || len(res.Left) > 0) {
		res.leave("--limit ended the work")
	}
	stop := 0
	if ctx.Err() != nil && r.Stop != nil {
		stop = r.Stop(ctx)
	}
	if cause := context.Cause(ctx); ctx.Err() != nil && stop == 0 && !lost {
		res.leave(cause.Error())
	}
	res.Status, res.Exit = Completed, ExitDone
	switch {
	case err != nil && !onlyLost(err):
		res.Status, res.Exit = Failed, ExitFailed
	case stop != 0:
		res.Status, res.Exit = Stopped, stop
	case len(res.Left) > 0 || ctx.Err() != nil || err != nil:
		res.Status, res.Exit = Stopped, ExitUnfinished
		if ctx.Err() == nil {
			res.Status = Completed
		}
	case res.Tally.Review+res.Tally.Rejected > 0, len(res.Waits) > 0:
		res.Exit = ExitReview
	case len(held) > 0:
		res.Exit = ExitNotRun
	}
	for _, w := range res.Waits {
		res.leave(w.Reason)
	}
	for _, reason := range held {
		res.leave(reason)
	}
	return res
}

// count is what the job leaves undone, what of it waits for an operator to resume something, and what for one to decide.
func count(work context.Context, job Job) (left, held []string, waits []Waiting) {
	reasons := reasonsOf(work, job.Left, &left)
	held, waits = reasonsOf(work, job.Held, &left), reasonsOf(work, job.Waits, &left)
	return append(left, reasons...), held, waits
}

// reasonsOf calls one of a job's counts. If it fails, it appends the error to left.
func reasonsOf[T any](work context.Context, of func(context.Context) ([]T, error), left *[]string) []T {
	if of == nil {
		return nil
	}
	reasons, err := of(work)
	if err != nil {
		*left = append(*left, "what is left could not be counted: "+err.Error())
	}
	return reasons
}

// onlyLost reports whether err says no more than that the lease was lost, or that the database was away or in trouble: unfinished, not
// failed.
func onlyLost(err error) bool {
	return only(err, func(part error) bool {
		lost := errors.Is(part, ErrLeaseLost) || errors.Is(part, ErrUnavailable) || errors.Is(part, ErrDatabase)
		return lost && !errors.Is(part, ErrHalt) && !errors.Is(part, ErrHistoryLost)
	})
}

// only reports whether each of the errors that were joined in err is one that is meant.
func only(err error, meant func(error) bool) bool {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, part := range joined.Unwrap() {
			if !only(part, meant) {
				return false
			}
		}
		return true
	}
	return meant(err)
}

func (res *Result) leave(reason string) {
	if !slices.Contains(res.Left, reason) {
		res.Left = append(res.Left, reason)
	}
}

func (r *Runner) finish(ctx context.Context, run *Run, lease *Lease, steps []*StepExecution, result *Result) {
	left := lease.Left()
	if left <= 0 {
		return // the next run marks it abandoned
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), min(left, 10*time.Second))
	defer cancel()
	last := progressOf(steps)
	if err := r.Repository.Finish(ctx, run, last, *result); err != nil {
		r.Log.ErrorContext(ctx, "the end of the run could not be written", slog.Uint64("run_id", run.ID), slog.Any("error", err))
		if result.Exit == ExitDone || result.Exit == ExitReview || result.Exit == ExitNotRun {
			result.Exit = ExitUnfinished
			result.leave("the end of the run could not be written")
		}
	}
}
