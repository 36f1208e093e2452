package batch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"
)

// settleAll settles outcomes until there are no more, whole chunks at a time or what there is after a short
// interval. Outcomes are settled after a stop too, so that nothing in flight is left in doubt.
func (e *chunkRun[I, O]) settleAll() error {
	var (
		chunk = make([]O, 0, e.Size)
		from  = make([]origin, 0, e.Size) // of the outcomes of chunk
		timer = time.NewTimer(e.FlushEvery)
		errs  []error
	)
	defer timer.Stop()
	flush := func() {
		if len(chunk) > 0 {
			e.setSettling(true)
			if err := e.settle(chunk); err != nil {
				errs = append(errs, err)
				e.fail(err)
			}
			e.setSettling(false)
			e.release(from)
			clear(chunk) // what they refer to may go
			chunk, from = chunk[:0], from[:0]
		}
		timer.Reset(e.FlushEvery)
	}
	add := func(o settled[O]) {
		if len(chunk) == 0 {
			timer.Reset(e.FlushEvery)
		}
		chunk, from = append(chunk, o.outcome), append(from, o.origin)
		if len(chunk) >= e.Size || e.short(from, o.lane) {
			flush()
		}
	}
	for {
		select {
		case o, ok := <-e.outcomes:
			if !ok {
				e.rest(add)
				flush()
				e.finish()
				return errors.Join(errs...)
			}
			e.pass(o, add)
		case <-timer.C:
			flush()
		}
	}
}

// pass adds o to what is settled, or what the gate lets through after o has arrived. What the gate holds takes
// no room from the claims; how much that may be is the gate's to bound.
func (e *chunkRun[I, O]) pass(o settled[O], add func(settled[O])) {
	if e.Gate == nil {
		add(o)
		return
	}
	e.release([]origin{o.origin})
	for _, outcome := range e.Gate.Pass(e.x.Work, o.outcome) {
		add(settled[O]{outcome: outcome, origin: origin{free: true}})
	}
}

// rest adds what the gate still holds.
func (e *chunkRun[I, O]) rest(add func(settled[O])) {
	if e.Gate == nil {
		return
	}
	for _, outcome := range e.Gate.Rest(e.x.Work) {
		add(settled[O]{outcome: outcome, origin: origin{free: true}})
	}
}

func (e *chunkRun[I, O]) fail(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.failed == nil {
		e.failed = err
	}
}

// setSettling records when a settlement begins and ends.
func (e *chunkRun[I, O]) setSettling(settling bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.settling, e.settledAt = settling, e.x.Now()
}

// release makes room for as many items as were settled.
func (e *chunkRun[I, O]) release(from []origin) {
	e.mu.Lock()
	for _, s := range from {
		if !s.free {
			e.lanes[s.lane].unsettled--
		}
	}
	e.mu.Unlock()
	select {
	case e.moved <- struct{}{}:
	default:
	}
}

// settle writes a chunk. If the values of a row or an unknown error keep it from being written, it is written row by row; then a
// row at fault is rejected, and any other is left for a later run. Outcomes that cannot be written are saved.
func (e *chunkRun[I, O]) settle(chunk []O) error {
	return e.persist(chunk, func(ctx context.Context) (Tally, error) {
		return e.Writer.Write(ctx, chunk)
	}, func(kind FailureKind, err error) error {
		switch {
		case len(chunk) > 1:
			return e.settleEach(chunk)
		case kind == FailureData:
			return e.reject(chunk[0], err)
		}
		return e.leave(chunk[0], err)
	})
}

func (e *chunkRun[I, O]) settleEach(chunk []O) error {
	var errs []error
	for i := range chunk {
		errs = append(errs, e.settle(chunk[i:i+1]))
	}
	return errors.Join(errs...)
}

// reject sets a row aside. One that cannot be set aside either fails the step, in the end: the others go on,
// unless it is one of many.
func (e *chunkRun[I, O]) reject(outcome O, cause error) error {
	return e.persist([]O{outcome}, func(ctx context.Context) (Tally, error) {
		return e.Writer.Reject(ctx, outcome, cause)
	}, func(kind FailureKind, err error) error {
		if kind != FailureData || errors.Is(err, ErrLeave) {
			return e.leave(outcome, cause)
		}
		e.save([]O{outcome})
		err = errors.Join(fmt.Errorf("settle: %w", cause), fmt.Errorf("set the row aside: %w", err))
		if e.failures.Leave() {
			return err
		}
		e.x.Fail(err)
		return nil
	})
}

// unwritten is an outcome that is left for a later run, and the error that kept it from being written.
type unwritten[O any] struct {
	outcome O
	cause   error
}

// leave saves an outcome for a later run. It is tried once more when the step ends.
func (e *chunkRun[I, O]) leave(outcome O, cause error) error {
	e.x.Log.WarnContext(e.x.Work, "an outcome could not be written, the row is left", slog.Any("error", cause))
	e.save([]O{outcome})
	e.unwritten = append(e.unwritten, unwritten[O]{outcome, cause})
	if e.failures.Leave() {
		return fmt.Errorf("settle: %w", cause)
	}
	return nil
}

// persist calls write until it succeeds, as long as the database can be waited for. Failures that are about the rows, or about
// nothing that is known, are for otherwise to deal with.
func (e *chunkRun[I, O]) persist(chunk []O, write func(context.Context) (Tally, error), otherwise func(FailureKind, error) error) error {
	for pause := minPause; ; pause = min(2*pause, maxPause) {
		if e.x.Lease.Left() <= 0 {
			e.save(chunk)
			return fmt.Errorf("settle: %w", ErrLeaseLost)
		}
		tally, err := e.caught(len(chunk), write)
		if err == nil {
			e.x.Count(tally)
			e.failures.Succeeded()
			return nil
		}
		if e.x.Work.Err() != nil && !errors.Is(err, ErrLeaseLost) && !errors.Is(err, ErrHistoryLost) {
			e.x.Leave("the drain ended before everything was settled")
			e.save(chunk)
			return nil
		}
		kind, err := e.failures.Classify(e.x.Work, err)
		switch {
		case kind == FailureUnavailable:
			e.x.Log.WarnContext(e.x.Work, "settlement failed, trying again", slog.Any("error", err))
			_ = Wait(e.x.Work, pause) // its end is seen above
		case kind == FailureLocked && len(chunk) == 1:
			e.x.Leave("a row stayed locked by another transaction")
			e.save(chunk)
			return nil
		case kind == FailureEnded:
			e.save(chunk)
			return fmt.Errorf("settle: %w", err)
		default:
			return otherwise(kind, err)
		}
	}
}

// The pauses between tries while the database is away.
const (
	minPause = 50 * time.Millisecond
	maxPause = 2 * time.Second
)

// caught writes once, and turns a panic of a writer into an error, so that it is the fault of one row.
func (e *chunkRun[I, O]) caught(items int, write func(context.Context) (Tally, error)) (tally Tally, err error) {
	ctx, ended := e.x.span(SpanSettle)
	defer func() { ended(SpanEnd{Items: items, Err: err}) }()
	defer func() {
		if p := recover(); p != nil {
			e.x.Log.ErrorContext(e.x.Work, "panic while settling", slog.Any("panic", PanicError(p)), slog.String("stack", string(debug.Stack())))
			err = PanicError(p)
		}
	}()
	return write(ctx)
}
