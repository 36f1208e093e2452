package preview

import (
	"context"
	"fmt"
	"slices"
	"time"

	"duly/internal/runs"
	"duly/jobs"
	"duly/writers"
)

// PruneForecast is what a prune run would delete.
type PruneForecast struct {
	// Runs is how many runs would be deleted, of those that ended before RunsBefore (nil: none ever is).
	Runs       int64      `json:"runs"`
	RunsBefore *time.Time `json:"runs_before,omitempty"`
	RunsKept   int64      `json:"runs_kept"` // as old, and still needed
	// Firings is how many firings of that age would be deleted.
	Firings     int64 `json:"firings"`
	FiringsKept int64 `json:"firings_kept"` // as old, and the newest of their job
	// Events is how many events would be deleted, of those that were written before EventsBefore (nil: none ever is).
	Events       int64      `json:"events"`
	EventsBefore *time.Time `json:"events_before,omitempty"`
	EventsKept   int64      `json:"events_kept"` // as old, and not everywhere delivered
	// Untold: nobody is configured to be told of events.
	Untold bool `json:"untold"`
	// Limited: the limit of the run would be reached.
	Limited bool `json:"limited"`
}

// oldRows is how many old rows are read at once.
const oldRows = 1000

// Prune says what [jobs.Prune] with the same arguments would delete, without writing anything or taking a lock.
// limit bounds it all (0: no bound).
func Prune(ctx context.Context, d jobs.Deps, o jobs.PruneOptions, limit int) (PruneForecast, error) {
	if o.ChunkSize == 0 {
		o.ChunkSize = oldRows
	}
	p := &pruneWalk{Deps: d, o: o, limit: int64(limit), PruneForecast: PruneForecast{Untold: len(o.Sinks) == 0}}
	if jobs.Selected(o.Steps, jobs.StepRuns) && o.Runs > 0 {
		if err := p.runs(ctx); err != nil {
			return p.PruneForecast, fmt.Errorf("count old runs: %w", err)
		}
	}
	if jobs.Selected(o.Steps, jobs.StepFirings) && o.Runs > 0 {
		if err := p.firings(ctx); err != nil {
			return p.PruneForecast, fmt.Errorf("count old firings: %w", err)
		}
	}
	if jobs.Selected(o.Steps, jobs.StepEvents) && o.Events > 0 {
		if err := p.events(ctx); err != nil {
			return p.PruneForecast, fmt.Errorf("count old events: %w", err)
		}
	}
	return p.PruneForecast, nil
}

type pruneWalk struct {
	jobs.Deps
	PruneForecast

	o     jobs.PruneOptions
	limit int64
}

func (p *pruneWalk) runs(ctx context.Context) error {
	before := p.Business().Add(-p.o.Runs).UTC()
	p.RunsBefore = &before
	needed, err := runs.NeededRuns(ctx, p.DB)
	if err != nil {
		return err
	}
	read := func(after uint64) (runs.Expired, error) {
		return runs.OldRuns(ctx, p.DB, after, before, p.o.ChunkSize)
	}
	kept := func(ids []uint64) ([]uint64, error) {
		return slices.DeleteFunc(ids, func(id uint64) bool { return !needed[id] }), nil
	}
	return p.count(ctx, read, kept, &p.Runs, &p.RunsKept)
}

func (p *pruneWalk) firings(ctx context.Context) error {
	before := p.Business().Add(-p.o.Runs).UTC()
	newest, err := runs.NewestFirings(ctx, p.DB)
	if err != nil {
		return err
	}
	read := func(after uint64) (runs.Expired, error) {
		return runs.OldFirings(ctx, p.DB, after, before, p.o.ChunkSize)
	}
	kept := func(ids []uint64) ([]uint64, error) {
		return slices.DeleteFunc(ids, func(id uint64) bool { return !slices.Contains(newest, id) }), nil
	}
	return p.count(ctx, read, kept, &p.Firings, &p.FiringsKept)
}

func (p *pruneWalk) events(ctx context.Context) error {
	before := p.Business().Add(-p.o.Events).UTC()
	p.EventsBefore = &before
	upTo, err := runs.FannedOut(ctx, p.DB, p.o.Sinks)
	if err != nil {
		return err
	}
	read := func(after uint64) (runs.Expired, error) {
		return runs.OldEvents(ctx, p.DB, after, upTo, before, p.o.ChunkSize)
	}
	kept := func(ids []uint64) ([]uint64, error) { return writers.Undelivered(ctx, p.DB, ids) }
	return p.count(ctx, read, kept, &p.Events, &p.EventsKept)
}

// count walks old rows as the job does.
func (p *pruneWalk) count(
	ctx context.Context, read func(after uint64) (runs.Expired, error), kept func(ids []uint64) ([]uint64, error), gone, stay *int64,
) error {
	for page := (runs.Expired{}); !page.Done && ctx.Err() == nil; {
		next, err := read(page.Last)
		if err != nil {
			return err
		}
		page = next
		keep, err := kept(slices.Clone(page.IDs))
		if err != nil {
			return err
		}
		*stay += int64(len(keep))
		*gone += int64(len(page.IDs) - len(keep))
		if over := p.Runs + p.Firings + p.Events - p.limit; p.limit > 0 && over > 0 {
			*gone -= over
			p.Limited = true
			return nil
		}
	}
	return ctx.Err()
}
