package app

import (
	"maps"
	"slices"
	"sync"
	"time"

	"duly/internal/batch"
	"duly/internal/gateway"
	"duly/internal/payment"
	"duly/internal/report"
	"duly/internal/session"
	"duly/jobs"
)

// Bounds of what a run stores for its page.
const (
	keptGateways = 12
	keptLines    = 20 // of left and notes each
	keptLetters  = 300
)

// reportRecorder records what the page of a run shows beside the numbers of its steps. It is safe for concurrent use.
type reportRecorder struct {
	*progress

	mu      sync.Mutex
	began   time.Time // zero: the run has not begun
	ended   bool
	sampler report.Sampler
}

// start samples the run until the function that it returns is called.
func (r *reportRecorder) start() (stop func()) {
	r.mu.Lock()
	r.began = r.e.Now()
	r.mu.Unlock()
	return session.Every(report.Every, r.sample)
}

func (r *reportRecorder) sample() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.began.IsZero() || r.ended {
		return
	}
	var t report.Totals
	for _, x := range r.steps {
		if x.Step == jobs.StepIssue || x.Step == jobs.StepFanOut {
			continue // thousands a second; charges would be invisible beside them
		}
		done := x.Tally()
		t.Succeeded += done.Succeeded
		t.Declined += done.Declined
		t.Others += done.Released + done.InDoubt + done.Rejected + done.Review
	}
	held := false
	for _, g := range r.e.Deps.Gateways {
		held = held || g.Open()
	}
	r.sampler.Add(r.e.Now().Sub(r.began), t, held)
}

// record returns the [report.Measured] of the run so far; res is its result, nil before its end.
func (r *reportRecorder) record(res *batch.Result) any {
	r.sample()
	r.mu.Lock()
	r.ended = res != nil
	out := report.Measured{Pace: r.sampler.Pace(), Gateways: map[string]report.Gateway{}}
	r.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(r.e.Deps.Gateways))[:min(keptGateways, len(r.e.Deps.Gateways))] {
		out.Gateways[name] = gatewayKept(r.e.Deps.Gateways[name])
	}
	if res != nil {
		out.Left, out.Notes = bounded(res.Left), bounded(r.e.Notes)
	}
	return out
}

// bounded bounds lines of text.
func bounded(lines []string) []string {
	lines = slices.Clone(lines[:min(len(lines), keptLines)])
	for i, line := range lines {
		lines[i] = payment.Cut(line, keptLetters)
	}
	return lines
}

func gatewayKept(g *gateway.Limited) report.Gateway {
	s := g.Stats()
	out := report.Gateway{
		Requests: s.Requests(), Charges: map[string]int64{}, LookUps: s.LookUps, Listings: s.Listings, Cancels: s.Cancels,
		Refunds: s.Refunds, Retries: s.Retries, Misconfigured: s.Misconfigured, Openings: s.Openings,
		Latency: latencyKept(s),
	}
	for kind, n := range s.Charges {
		out.Charges[kind.String()] = n
	}
	reason, _ := g.Closed()
	out.LeftAlone = payment.Cut(reason, keptLetters)
	return out
}

func latencyKept(s gateway.Stats) report.Latency {
	ms := func(d time.Duration) float64 {
		return float64(d.Round(10*time.Microsecond)) / float64(time.Millisecond)
	}
	l := report.Latency{
		P50: ms(s.Times.Quantile(0.5)), P95: ms(s.Times.Quantile(0.95)), P99: ms(s.Times.Quantile(0.99)), Max: ms(s.Times.Max),
		Buckets: []report.Bucket{},
	}
	if n := s.Requests(); n > 0 {
		l.Mean = ms(s.Latency / time.Duration(n))
	}
	for i, n := range s.Times.Counts {
		if n == 0 {
			continue
		}
		b := report.Bucket{To: ms(s.Times.Bound(i)), Count: n}
		if i > 0 {
			b.From = ms(s.Times.Bound(i - 1))
		}
		l.Buckets = append(l.Buckets, b)
	}
	return l
}
