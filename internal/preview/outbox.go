package preview

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"duly/internal/query"
	"duly/jobs"
)

// OutboxForecast is what an outbox run would send.
type OutboxForecast struct {
	// Pending are sums of the events that sinks have not got.
	Pending []EventsPending `json:"pending"`
	// First are the first events that would be sent, by sink.
	First []EventDue `json:"first"`
	// Limited: the limit of the run would be reached.
	Limited bool `json:"limited"`
	// Sinks are the configured receivers.
	Sinks []string `json:"sinks"`
}

// EventsPending counts the events of a type that a sink has not got.
type EventsPending struct {
	Sink string `json:"sink"`
	Type string `json:"type"` // empty: the events are gone
	New  int64  `json:"new"`  // due, and no run has met them yet
	Due  int64  `json:"due"`
	// Later are those that failed and are tried again later, the first of them at NextTryAt.
	Later     int64      `json:"later"`
	NextTryAt *time.Time `json:"next_try_at,omitempty"`
}

// EventDue is one event that would be sent.
type EventDue struct {
	Sink      string    `json:"sink"`
	Event     uint64    `json:"event_id"`
	Type      string    `json:"type"`
	Tries     int       `json:"tries"` // that failed
	CreatedAt time.Time `json:"created_at"`
}

// Outbox says what [jobs.Outbox] with the same arguments would send, without writing anything, taking a lock or
// telling anybody. At most first events of each sink are listed, limit bounds them all (0: no bound).
func Outbox(ctx context.Context, d jobs.Deps, o jobs.OutboxOptions, first, limit int) (OutboxForecast, error) {
	f := OutboxForecast{Pending: []EventsPending{}, First: []EventDue{}, Sinks: slices.Sorted(maps.Keys(o.Sinks))}
	peek, now := query.Preview{DB: d.DB, Selection: o.Selection}, d.Business()
	var due int64
	for _, sink := range f.Sinks {
		var sums []query.EventSum
		if jobs.Selected(o.Steps, jobs.StepFanOut) {
			found, err := peek.NewEvents(ctx, sink, o.Sinks[sink].Types())
			if err != nil {
				return f, err
			}
			sums = append(sums, found...)
		}
		if jobs.Selected(o.Steps, jobs.StepDeliver) {
			found, err := peek.Deliveries(ctx, sink, now)
			if err != nil {
				return f, err
			}
			sums = append(sums, found...)
			next, err := peek.FirstDeliveries(ctx, sink, now, first)
			if err != nil {
				return f, err
			}
			for _, e := range next {
				f.First = append(f.First, EventDue{sink, e.ID, e.Type, e.Tries, e.Created})
			}
		}
		pending := pendingOf(sink, sums)
		for _, p := range pending {
			due += p.New + p.Due
		}
		f.Pending = append(f.Pending, pending...)
	}
	f.Limited = limit > 0 && due > int64(limit)
	return f, nil
}

// pendingOf brings what is new and what was met before together, by type.
func pendingOf(sink string, sums []query.EventSum) []EventsPending {
	byType := map[string]EventsPending{}
	for _, s := range sums {
		p := byType[s.Type]
		p.Sink, p.Type = sink, s.Type
		p.New += s.New
		p.Due += s.Due
		p.Later += s.Later
		if s.Next != nil {
			p.NextTryAt = s.Next
		}
		byType[s.Type] = p
	}
	return slices.SortedFunc(maps.Values(byType), func(a, b EventsPending) int { return cmp.Compare(a.Type, b.Type) })
}
