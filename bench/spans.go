package main

import (
	"context"
	"sync"
	"time"

	"duly/internal/batch"
)

// span is a claim or a settlement of a run.
type span struct {
	kind         batch.SpanKind
	begun, ended time.Time
	items        int
	err          error
}

func (s span) took() time.Duration { return s.ended.Sub(s.begun) }

// spans records claims and settlements in the order of their ends.
type spans struct {
	now func() time.Time

	mu   sync.Mutex
	list []span
}

// trace is the batch.Tracer that records.
func (s *spans) trace(ctx context.Context, what batch.Span) (context.Context, func(batch.SpanEnd)) {
	if what.Kind != batch.SpanClaim && what.Kind != batch.SpanSettle {
		return ctx, func(batch.SpanEnd) {}
	}
	begun := s.now()
	return ctx, func(end batch.SpanEnd) {
		ended := s.now()
		s.mu.Lock()
		defer s.mu.Unlock()
		s.list = append(s.list, span{what.Kind, begun, ended, end.Items, end.Err})
	}
}

// of lists those of a kind that were of items.
func (s *spans) of(kind batch.SpanKind) []span {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []span
	for _, x := range s.list {
		if x.kind == kind && x.items > 0 {
			out = append(out, x)
		}
	}
	return out
}

// failed lists the errors of claims and settlements.
func (s *spans) failed() []error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []error
	for _, x := range s.list {
		if x.err != nil {
			out = append(out, x.err)
		}
	}
	return out
}

// perItem is how many µs an item of some spans took.
func perItem(some []span) float64 {
	var took time.Duration
	items := 0
	for _, x := range some {
		took += x.took()
		items += x.items
	}
	return float64(took.Microseconds()) / float64(max(1, items))
}

// ends are what the first and the last hundred claims took, in µs an item; of a short run fewer, and no claim is in both.
func (s *spans) ends() (first, last float64, claims int) {
	list := s.of(batch.SpanClaim)
	n := min(100, len(list)/2)
	return perItem(list[:n]), perItem(list[len(list)-n:]), n
}
