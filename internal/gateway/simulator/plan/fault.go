package plan

import (
	"math/rand/v2"
	"slices"
	"time"
)

// Fault is a kind of thing that goes wrong with one request.
type Fault string

// The kinds of fault; Faults says what each does. Their names follow "pm_" in a payment method.
const (
	DropBefore   Fault = "drop_before"
	DropAfter    Fault = "drop_after"
	Err5xxBefore Fault = "5xx_before"
	Err5xxAfter  Fault = "5xx_after"
	TooMany      Fault = "429"
	TooManyAfter Fault = "429_after"
	NotExecuted  Fault = "not_executed"
	Garbage      Fault = "garbage"
	HalfBody     Fault = "half_body"
	Slow         Fault = "slow"
	Late         Fault = "late"
	Redirect     Fault = "redirect"
	Conflict     Fault = "conflict"
	Empty400     Fault = "empty_400"
	Empty404     Fault = "empty_404"
)

// NoFault is the ordinary way.
const NoFault Fault = ""

// FaultNames lists all kinds of fault.
func FaultNames() []Fault {
	return []Fault{
		DropBefore, DropAfter, Err5xxBefore, Err5xxAfter, TooMany, TooManyAfter, NotExecuted, Garbage, HalfBody,
		Slow, Late, Redirect, Conflict, Empty400, Empty404,
	}
}

// list gives the shares in the order of FaultNames.
func (f *Faults) list() []float64 {
	return []float64{
		f.DropBefore, f.DropAfter, f.Err5xxBefore, f.Err5xxAfter, f.TooMany, f.TooManyAfter, f.NotExecuted, f.Garbage,
		f.HalfBody, f.Slow, f.Late, f.Redirect, f.Conflict, f.Empty400, f.Empty404,
	}
}

// Strike is a fault on one request, with what its details are drawn from.
type Strike struct {
	Fault   Fault
	Effect  bool // the request takes effect
	Variant int  // which of a fault's several faces
}

// ambiguous reports whether f may come before or after the effect; the other kinds say which in their name.
func (f Fault) ambiguous() bool {
	return slices.Contains([]Fault{Garbage, Redirect, Conflict, Empty400, Empty404}, f)
}

// takesEffect reports whether a request struck by f is executed, unless it is said otherwise.
func (f Fault) takesEffect() bool {
	return !slices.Contains([]Fault{DropBefore, Err5xxBefore, TooMany, NotExecuted, Redirect}, f)
}

// NewStrike is a strike of f whose details are drawn from r.
func NewStrike(f Fault, r *rand.Rand) Strike {
	return Strike{Fault: f, Effect: f.takesEffect(), Variant: r.IntN(1 << 16)}
}

// Draw decides whether the n-th request about subject goes wrong. To is the share that all kinds together
// have, or 0 for the sum of their own.
func (f *Faults) Draw(seed uint64, subject string, n uint32, to float64) Strike {
	shares := f.list()
	sum := 0.0
	for _, share := range shares {
		sum += share
	}
	if sum == 0 && to == 0 || f.First > 0 && n > uint32(f.First) { //nolint:gosec // First is not negative
		return Strike{Effect: true}
	}
	scale := 1.0
	if to > 0 {
		if sum == 0 {
			sum = float64(len(shares))
			for i := range shares {
				shares[i] = 1
			}
		}
		scale = to / sum
	}
	r := Stream(seed, ForFault, subject, n)
	i := pick(shares, scale, r.Float64())
	if i < 0 {
		return Strike{Effect: true}
	}
	s := NewStrike(FaultNames()[i], r)
	if s.Fault.ambiguous() {
		s.Effect = r.IntN(2) == 0
	}
	return s
}

// Share is the share of charges that go wrong after so much time and so many requests; 0: that of the
// faults themselves.
func (r Rise) Share(f *Faults, since time.Duration, requests int) float64 {
	if r.To == 0 {
		return 0
	}
	progress := 0.0
	if r.Over > 0 {
		progress = float64(since) / float64(r.Over)
	}
	if r.OverRequests > 0 {
		progress = max(progress, float64(requests)/float64(r.OverRequests))
	}
	from := 0.0
	for _, share := range f.list() {
		from += share
	}
	return from + (r.To-from)*min(1, progress)
}

const defaultDelay = time.Second

// Slowness is by how much slow answers are late.
func (f *Faults) Slowness() time.Duration { return orDefault(f.SlowBy) }

// Lateness is by how much late requests are.
func (f *Faults) Lateness() time.Duration { return orDefault(f.LateBy) }

func orDefault(d time.Duration) time.Duration {
	if d == 0 {
		return defaultDelay
	}
	return d
}
