package batch

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// save keeps outcomes that this run may not or cannot settle where the next run finds them. What the database does not take is
// held in memory until the step ends.
func (e *chunkRun[I, O]) save(chunk []O) {
	if err := e.keep(chunk); err != nil {
		e.x.Log.WarnContext(e.x.Work, "outcomes could not be kept in the database, they are held in memory", slog.Int("outcomes", len(chunk)), slog.Any("error", err))
		e.held = append(e.held, chunk...)
	}
}

// keep hands outcomes to the writer, also after the end of the drain.
func (e *chunkRun[I, O]) keep(chunk []O) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(e.x.Work), 5*time.Second)
	defer cancel()
	return e.Writer.Keep(ctx, chunk)
}

// finish is called once everything else is settled. It tries rows that were left once more, and moves what is held in memory to the
// database or, failing that, to this host.
func (e *chunkRun[I, O]) finish() {
	for _, u := range e.unwritten {
		if !e.retry(u.outcome) {
			e.tellUnwritten(u)
		}
	}
	e.unwritten = nil
	e.keepHeld()
}

// retry writes an outcome that was left, if the run still may.
func (e *chunkRun[I, O]) retry(outcome O) bool {
	if e.x.Lease.Left() <= 0 || e.x.Work.Err() != nil {
		return false
	}
	tally, err := e.caught(1, func(ctx context.Context) (Tally, error) { return e.Writer.Write(ctx, []O{outcome}) })
	if err != nil {
		return false
	}
	e.x.Count(tally)
	return true
}

func (e *chunkRun[I, O]) tellUnwritten(u unwritten[O]) {
	e.x.Count(Tally{InDoubt: 1})
	if e.Unwritten != nil {
		e.Unwritten(e.x.Work, u.outcome, u.cause)
	} else {
		e.x.Leave("a row could not be written: " + u.cause.Error())
	}
	if !FromDatabase(u.cause) { // a bug of ours, which no later run gets past
		e.x.Fail(fmt.Errorf("settle: %w", u.cause))
	}
}

// keepHeld keeps what is held in memory. It waits for the database while the lease lasts.
func (e *chunkRun[I, O]) keepHeld() {
	for pause := minPause; len(e.held) > 0; pause = min(2*pause, maxPause) {
		err := e.keep(e.held)
		if err == nil {
			e.held = nil
			return
		}
		if e.x.Lease.Left() <= 0 || e.x.Work.Err() != nil {
			break
		}
		if kind, _ := e.failures.Classify(e.x.Work, err); kind != FailureUnavailable {
			e.keepEach()
			break
		}
		_ = Wait(e.x.Work, pause) // its end is seen above
	}
	e.spill()
}

// keepEach keeps what it can, one by one.
func (e *chunkRun[I, O]) keepEach() {
	var rest []O
	for i := range e.held {
		if e.keep(e.held[i:i+1]) != nil {
			rest = append(rest, e.held[i])
		}
	}
	e.held = rest
}

// spill saves what the database does not take on this host, for the next run here.
func (e *chunkRun[I, O]) spill() {
	if len(e.held) == 0 {
		return
	}
	if e.Spill == nil {
		e.x.Fail(fmt.Errorf("%d outcomes could not be kept for the next run", len(e.held)))
		return
	}
	where, err := e.Spill(e.x.Work, e.held)
	switch {
	case err != nil:
		e.x.Fail(fmt.Errorf("keep %d outcomes for the next run: %w", len(e.held), err))
	case where != "":
		e.x.Leave("answers of gateways that the database did not take are kept in " + where + "; the next run on this host reads them")
	}
	e.held = nil
}
