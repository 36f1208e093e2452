package main

import (
	"context"
	"errors"
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

// errTooFew says that a run was too short to compare its end with its begin.
var errTooFew = errors.New("too few to compare the end with the begin: take a larger -scale")

// ends are what the first and the last hundred claims took, in µs an item; of a short run fewer, and no claim is in both.
func (s *spans) ends() (first, last float64, claims int, err error) {
	list := s.of(batch.SpanClaim)
	n := min(100, len(list)/2)
	if n == 0 {
		return 0, 0, 0, errTooFew
	}
	return perItem(list[:n]), perItem(list[len(list)-n:]), n, nil
}

// stretch is a part of a run, from the end of one settlement to that of another.
type stretch struct {
	from, to time.Time
	items    int // settled after from
}

func (t stretch) rate() float64 { return float64(t.items) / t.to.Sub(t.from).Seconds() }

// tenths are the stretches in which the first and the last tenth of the items were settled, and somewhat more: a
// settlement is not divided. The first begins with the end of the first settlement.
func (s *spans) tenths() (first, last stretch, err error) {
	settled := s.of(batch.SpanSettle)
	if len(settled) < 10 {
		return first, last, errTooFew
	}
	all := 0
	for _, x := range settled {
		all += x.items
	}
	until, from := 1, len(settled)-1
	for done := settled[1].items; done < all/10; done += settled[until].items {
		until++
	}
	for done := settled[from].items; done < all/10; done += settled[from].items {
		from--
	}
	return between(settled[:until+1]), between(settled[from-1:]), nil
}

// between is the stretch from the end of the first settlement to that of the last.
func between(settled []span) stretch {
	t := stretch{from: settled[0].ended, to: settled[len(settled)-1].ended}
	for _, x := range settled[1:] {
		t.items += x.items
	}
	return t
}
