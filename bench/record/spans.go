// Package record keeps when a run claimed and settled, to compare its end with its begin.
package record

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

// most is how many spans a run of two million items has, and some more.
const most = 10_000

// Spans records claims and settlements in the order of their ends.
type Spans struct {
	Now func() time.Time

	mu   sync.Mutex
	list []span
}

// Trace is the batch.Tracer that records.
func (s *Spans) Trace(ctx context.Context, what batch.Span) (context.Context, func(batch.SpanEnd)) {
	if what.Kind != batch.SpanClaim && what.Kind != batch.SpanSettle {
		return ctx, func(batch.SpanEnd) {}
	}
	begun := s.Now()
	return ctx, func(end batch.SpanEnd) {
		ended := s.Now()
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.list == nil {
			s.list = make([]span, 0, most) // at once, so that recording leaves no copies behind in the memory that is measured
		}
		s.list = append(s.list, span{what.Kind, begun, ended, end.Items, end.Err})
	}
}

// of lists those of a kind that were of items.
func (s *Spans) of(kind batch.SpanKind) []span {
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

// Failed lists the errors of claims and settlements.
func (s *Spans) Failed() []error {
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

// perItem is how many µs an item of some Spans took.
func perItem(some []span) float64 {
	var took time.Duration
	items := 0
	for _, x := range some {
		took += x.took()
		items += x.items
	}
	return float64(took.Microseconds()) / float64(max(1, items))
}

// ErrTooFew says that a run was too short to compare its end with its begin.
var ErrTooFew = errors.New("too few to compare the end with the begin: take a larger -scale")

// Ends are what the first and the last hundred claims took, in µs an item; of a short run fewer, and no claim is in both.
func (s *Spans) Ends() (first, last float64, claims int, err error) {
	list := s.of(batch.SpanClaim)
	n := min(100, len(list)/2)
	if n == 0 {
		return 0, 0, 0, ErrTooFew
	}
	return perItem(list[:n]), perItem(list[len(list)-n:]), n, nil
}

// Stretch is a part of a run, from the end of one settlement to that of another.
type Stretch struct {
	From, To time.Time
	Items    int // settled after From
}

// Rate is how many items were settled in a second.
func (t Stretch) Rate() float64 { return float64(t.Items) / t.To.Sub(t.From).Seconds() }

// Tenths are the stretches in which the first and the last tenth of the items were settled, and somewhat more: a
// settlement is not divided. The first begins with the end of the first settlement.
func (s *Spans) Tenths() (first, last Stretch, err error) {
	settled := s.of(batch.SpanSettle)
	if len(settled) < 10 {
		return first, last, ErrTooFew
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

// between is the Stretch from the end of the first settlement to that of the last.
func between(settled []span) Stretch {
	t := Stretch{From: settled[0].ended, To: settled[len(settled)-1].ended}
	for _, x := range settled[1:] {
		t.Items += x.items
	}
	return t
}

// Wall is the time from the first claim to the end of the last settlement.
func (s *Spans) Wall() time.Duration {
	claims, settled := s.of(batch.SpanClaim), s.of(batch.SpanSettle)
	if len(claims) == 0 || len(settled) == 0 {
		return 0
	}
	first, last := claims[0].begun, settled[len(settled)-1].ended
	for _, c := range claims {
		if c.begun.Before(first) {
			first = c.begun
		}
	}
	return last.Sub(first)
}
