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
func (e *execution[I, O]) settleAll() error {
	var (
		chunk = make([]settled[O], 0, e.Size)
		timer = time.NewTimer(e.FlushEvery)
		errs  []error
	)
	defer timer.Stop()
	flush := func() {
		if len(chunk) > 0 {
			if err := e.settle(outcomes(chunk)); err != nil {
				errs = append(errs, err)
				e.fail(err)
			}
			e.release(chunk)
			chunk = chunk[:0] // the writer had a copy
		}
		timer.Reset(e.FlushEvery)
	}
	add := func(o settled[O]) {
		if len(chunk) == 0 {
			timer.Reset(e.FlushEvery)
		}
		if chunk = append(chunk, o); len(chunk) >= e.Size || e.short(chunk, o.lane) {
			flush()
		}
	}
	for {
		select {
		case o, ok := <-e.outcomes:
			if !ok {
				e.rest(add)
				flush()
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
func (e *execution[I, O]) pass(o settled[O], add func(settled[O])) {
	if e.Gate == nil {
		add(o)
		return
	}
	e.release([]settled[O]{o})
	for _, outcome := range e.Gate.Pass(e.x.Work, o.outcome) {
		add(settled[O]{outcome: outcome, free: true})
	}
}

// rest adds what the gate still holds.
func (e *execution[I, O]) rest(add func(settled[O])) {
	if e.Gate == nil {
		return
	}
	for _, outcome := range e.Gate.Rest(e.x.Work) {
		add(settled[O]{outcome: outcome, free: true})
	}
}

func (e *execution[I, O]) fail(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.failed == nil {
		e.failed = err
	}
}

func outcomes[O any](chunk []settled[O]) []O {
	out := make([]O, len(chunk))
	for i, s := range chunk {
		out[i] = s.outcome
	}
	return out
}

// release makes room for as many items as were settled.
func (e *execution[I, O]) release(chunk []settled[O]) {
	e.mu.Lock()
	for _, s := range chunk {
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

// how many rows in a row may be impossible to settle and to set aside before the step claims no more.
const maxStuck = 10

// settle writes a chunk. A chunk that fails for a reason of its own is written row by row: the row at fault
// is rejected, the others go on. What may not be written any more is kept for the next run.
func (e *execution[I, O]) settle(chunk []O) error {
	return e.persist(chunk, func(ctx context.Context) (Tally, error) {
		return e.Writer.Write(ctx, chunk)
	}, func(err error) error {
		if len(chunk) > 1 {
			return e.settleEach(chunk)
		}
		return e.reject(chunk[0], err)
	})
}

func (e *execution[I, O]) settleEach(chunk []O) error {
	var errs []error
	for i := range chunk {
		errs = append(errs, e.settle(chunk[i:i+1]))
	}
	return errors.Join(errs...)
}

// reject sets a row aside. One that cannot be set aside either fails the step, in the end: the others go on,
// unless it is one of many.
func (e *execution[I, O]) reject(outcome O, cause error) error {
	return e.persist([]O{outcome}, func(ctx context.Context) (Tally, error) {
		return e.Writer.Reject(ctx, outcome, cause)
	}, func(err error) error {
		err = errors.Join(fmt.Errorf("settle: %w", cause), fmt.Errorf("set the row aside: %w", err), e.keep([]O{outcome}))
		if e.stuck++; e.stuck >= maxStuck {
			return err
		}
		e.x.Fail(err)
		return nil
	})
}

// persist calls write until it succeeds, as long as the database can be waited for. A failure of the rows' own
// is for otherwise to deal with.
func (e *execution[I, O]) persist(chunk []O, write func(context.Context) (Tally, error), otherwise func(error) error) error {
	pause := 100 * time.Millisecond
	for {
		if e.x.Lease.Left() <= 0 {
			return errors.Join(fmt.Errorf("settle: %w", ErrLeaseLost), e.keep(chunk))
		}
		tally, err := e.caught(len(chunk), write)
		switch {
		case err == nil:
			e.x.Count(tally)
			e.stuck = 0
			return nil
		case errors.Is(err, ErrLeaseLost), errors.Is(err, ErrHistoryLost):
			return errors.Join(fmt.Errorf("settle: %w", err), e.keep(chunk))
		case e.x.Work.Err() != nil:
			e.x.Leave("the drain ended before everything was settled")
			return e.keep(chunk)
		case errors.Is(err, ErrUnavailable):
			e.x.Log.WarnContext(e.x.Work, "settlement failed, trying again", slog.Any("error", err))
			if wait(e.x.Work, pause) == nil {
				pause = min(2*pause, 2*time.Second)
			}
		case errors.Is(err, ErrLocked) && len(chunk) == 1:
			e.x.Leave("a row stayed locked by another transaction")
			return e.keep(chunk)
		default:
			return otherwise(err)
		}
	}
}

// caught writes once, and turns a panic of a writer into an error, so that it is the fault of one row.
func (e *execution[I, O]) caught(items int, write func(context.Context) (Tally, error)) (tally Tally, err error) {
	ctx, ended := e.x.span(SpanSettle)
	defer func() { ended(SpanEnd{Items: items, Err: err}) }()
	defer func() {
		if p := recover(); p != nil {
			e.x.Log.ErrorContext(e.x.Work, "panic while settling", slog.Any("panic", Panicked(p)), slog.String("stack", string(debug.Stack())))
			err = Panicked(p)
		}
	}()
	return write(ctx)
}

// keep saves outcomes that may not be settled by this run any more.
func (e *execution[I, O]) keep(chunk []O) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(e.x.Work), 5*time.Second)
	defer cancel()
	if err := e.Writer.Keep(ctx, chunk); err != nil {
		return fmt.Errorf("keep answers for the next run: %w", err)
	}
	return nil
}
