package methods

import (
	"context"
	"time"

	"duly/internal/batch"
	"duly/internal/claims"
)

const (
	// look is how long a claim waits that found nothing but methods which are being tried.
	look = 50 * time.Millisecond
	// patience is for how long a run waits for them to be settled. What waits longer is put off to the next day.
	patience = time.Minute
	// most bounds the memory that what waits takes.
	most = 100_000
)

// Row is a row that waits, and its lane.
type Row struct {
	Lane string
	ID   uint64
}

// Waiting are rows whose methods are being tried for others, as often as their card networks allow to be declined. They are claimed once the walk
// is at its end, as those are settled.
type Waiting struct {
	rows  []Row
	again bool      // there are more
	since time.Time // when claims began to find nothing else; zero: they do not
	tired bool
}

// Reset forgets the rows, when a pass begins that meets all of them again.
func (w *Waiting) Reset() { w.rows, w.again = nil, false }

// Add has rows wait.
func (w *Waiting) Add(rows []Row) {
	w.again = w.again || len(w.rows)+len(rows) > most
	w.rows = append(w.rows, rows[:min(len(rows), most-len(w.rows))]...)
}

// Follow has the rows claimed with those that were postponed.
func (w *Waiting) Follow(later *claims.Postponed) {
	for _, row := range w.rows {
		later.Add(row.Lane, row.ID)
	}
	later.Again = later.Again || w.again
	w.Reset()
}

// Tired reports whether what waits is put off to the next day.
func (w *Waiting) Tired() bool { return w.tired }

// Await is called at now, by the process's clock, after a claim of such rows, with how many it took and how many still wait. Where it took none
// and some wait, it waits a moment. The patience begins anew once some were taken, and not with rows that were put off: all of them
// together have one.
func (w *Waiting) Await(ctx context.Context, taken, waiting int, now time.Time) {
	switch {
	case taken > 0:
		w.since, w.tired = time.Time{}, false
		return
	case waiting == 0:
		return
	}
	if w.since.IsZero() {
		w.since = now
	}
	w.tired = now.Sub(w.since) >= patience
	_ = batch.Wait(ctx, look) // the engine sees that the run ends
}
