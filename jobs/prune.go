package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"duly/internal/batch"
	"duly/internal/mysql"
	"duly/internal/runs"
	"duly/writers"
)

// PruneOptions is what is kept, and for how long.
type PruneOptions struct {
	// Runs is how long runs, and the times at which a scheduler began one, are kept after their end, Events how
	// long events are kept after they were written; 0: for ever.
	Runs, Events time.Duration
	// Sinks are the sinks that are configured: an event that one of them has not got is kept. Without any,
	// events are deleted though nobody was told of them.
	Sinks []string
	// ChunkSize is how many rows a transaction deletes, but for those that belong to them; 0: 1,000.
	ChunkSize int
	// Steps are the names of the steps to run; none: all.
	Steps []string
}

// The steps of the prune job.
const (
	StepRuns    = "runs"
	StepFirings = "firings"
	StepEvents  = "events"
)

// PruneSteps lists the names of the prune job's steps.
func PruneSteps() []string { return []string{StepRuns, StepFirings, StepEvents} }

const pruneChunk = 1000

// Prune is the job that deletes runs, firings and events that were kept for long enough. What money was moved by is
// never deleted: attempts, invoices, orders, payments, the gateways' answers and the marks of what was asked.
//
// Kept whatever their age are runs that a claim names, the newest run of each job for every way to end, the newest
// firing of each job, and events that a sink has not got, also those that were given up.
func Prune(d Deps, o PruneOptions) batch.Job {
	if o.ChunkSize == 0 {
		o.ChunkSize = pruneChunk
	}
	p := &pruneRun{Deps: d, o: o}
	return batch.Job{Name: PruneJob, Steps: pick([]batch.Step{
		batch.Tasklet{StepName: StepRuns, StepLabel: LabelOf(StepRuns), Do: p.runs},
		batch.Tasklet{StepName: StepFirings, StepLabel: LabelOf(StepFirings), Do: p.firings},
		batch.Tasklet{StepName: StepEvents, StepLabel: LabelOf(StepEvents), Do: p.events},
	}, o.Steps)}
}

type pruneRun struct {
	Deps

	o PruneOptions
}

func (p *pruneRun) runs(ctx context.Context, x *batch.StepExecution) error {
	if p.o.Runs <= 0 {
		return nil
	}
	before := p.Business().Add(-p.o.Runs)
	var needed map[uint64]bool
	err := x.Retry(ctx, func(ctx context.Context) (err error) {
		needed, err = runs.NeededRuns(ctx, p.DB)
		return err
	})
	if err != nil {
		return p.ended(err)
	}
	return p.walk(ctx, x, func(ctx context.Context, after uint64) (runs.Expired, error) {
		page, err := runs.OldRuns(ctx, p.DB, after, before, p.o.ChunkSize)
		page.IDs = slices.DeleteFunc(page.IDs, func(id uint64) bool { return needed[id] })
		return page, err
	}, writers.DeleteRuns)
}

func (p *pruneRun) firings(ctx context.Context, x *batch.StepExecution) error {
	if p.o.Runs <= 0 {
		return nil
	}
	before := p.Business().Add(-p.o.Runs)
	var newest []uint64
	err := x.Retry(ctx, func(ctx context.Context) (err error) {
		newest, err = runs.NewestFirings(ctx, p.DB)
		return err
	})
	if err != nil {
		return p.ended(err)
	}
	return p.walk(ctx, x, func(ctx context.Context, after uint64) (runs.Expired, error) {
		page, err := runs.OldFirings(ctx, p.DB, after, before, p.o.ChunkSize)
		page.IDs = slices.DeleteFunc(page.IDs, func(id uint64) bool { return slices.Contains(newest, id) })
		return page, err
	}, writers.DeleteFirings)
}

func (p *pruneRun) events(ctx context.Context, x *batch.StepExecution) error {
	if p.o.Events <= 0 {
		return nil
	}
	before := p.Business().Add(-p.o.Events)
	var upTo uint64
	err := x.Retry(ctx, func(ctx context.Context) (err error) {
		upTo, err = runs.FannedOut(ctx, p.DB, p.o.Sinks)
		return err
	})
	if err != nil {
		return p.ended(err)
	}
	err = p.walk(ctx, x, func(ctx context.Context, after uint64) (runs.Expired, error) {
		return runs.OldEvents(ctx, p.DB, after, upTo, before, p.o.ChunkSize)
	}, writers.DeleteEvents)
	if err == nil {
		err = p.notices(ctx, x, before)
	}
	if tally := x.Tally(); tally.Succeeded > 0 && len(p.o.Sinks) == 0 {
		x.Log.WarnContext(ctx, "no outbox is configured: events were deleted that nobody was told of", slog.Int64("events", tally.Succeeded))
	}
	return err
}

// notices deletes notices of charges that were due before the day of an instant. They are not counted: they belong to their events.
func (p *pruneRun) notices(ctx context.Context, x *batch.StepExecution, before time.Time) error {
	err := x.Retry(ctx, func(ctx context.Context) error { return writers.DeleteNotices(ctx, p.DB, before, p.o.ChunkSize) })
	switch {
	case errors.Is(err, batch.ErrLocked):
		x.Leave("old notices stayed locked by another transaction")
	case err != nil:
		return p.ended(err)
	}
	return nil
}

// walk deletes page by page. A page that stays locked is left, and stops no other.
func (p *pruneRun) walk(
	ctx context.Context, x *batch.StepExecution,
	read func(ctx context.Context, after uint64) (runs.Expired, error),
	remove func(ctx context.Context, db *mysql.DB, ids []uint64) (int64, error),
) error {
	var page runs.Expired
	for !page.Done && ctx.Err() == nil {
		limit := x.Budget.Take(p.o.ChunkSize)
		if limit == 0 {
			return nil
		}
		var deleted int64
		err := x.Retry(ctx, func(ctx context.Context) error {
			next, err := read(ctx, page.Last)
			if next = next.First(limit); err == nil {
				deleted, err = remove(ctx, p.DB, next.IDs)
			}
			if err == nil || errors.Is(err, batch.ErrLocked) {
				page = next
			}
			return err
		})
		x.Budget.Return(limit - int(deleted))
		x.Count(batch.Tally{Read: deleted, Succeeded: deleted})
		switch {
		case errors.Is(err, batch.ErrLocked):
			x.Leave("old rows stayed locked by another transaction")
		case err != nil:
			return p.ended(err)
		}
	}
	return nil
}

// ended turns the end of a stop into success: the run knows of it.
func (p *pruneRun) ended(err error) error {
	if errors.Is(err, batch.ErrStopped) {
		return nil
	}
	return fmt.Errorf("prune: %w", err)
}
