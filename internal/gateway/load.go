package gateway

import (
	"math"
	"sync"
	"time"
)

// Load is how a gateway is being used.
type Load struct {
	Open    int // requests under way
	Waiting int // callers that wait for whatever it is
	// Bound is how many requests may be open at once by a throttle, by shared slots or by what duly tries; 0: not bounded here.
	Bound int
	// Auto is the best number of open requests found so far ([Limited.Found]); 0: the number is configured, or none was found.
	Auto int
	// Rate limits the requests a second, as configured, throttled or found; 0: no limit.
	Rate float64
	// Spent is the time of all callers together.
	Spent Spent
	// OpenSince is when the circuit left its closed state; zero while it is closed.
	OpenSince time.Time
	// LeftAlone is why the gateway is left alone for the rest of the run; empty: it is not.
	LeftAlone string
}

// Spent is what callers spent their time on, added up over all of them: ten callers that wait a second for the rate
// make ten seconds.
type Spent struct {
	Open                           time.Duration // their requests were under way
	Circuit, Throttle, Rate, Slots time.Duration // they waited for it
	Backoff                        time.Duration // they waited to send again
}

// All is the sum.
func (s Spent) All() time.Duration {
	return s.Open + s.Circuit + s.Throttle + s.Rate + s.Slots + s.Backoff
}

// Minus is what was spent since before.
func (s Spent) Minus(before Spent) Spent {
	return Spent{
		Open: s.Open - before.Open, Circuit: s.Circuit - before.Circuit, Throttle: s.Throttle - before.Throttle,
		Rate: s.Rate - before.Rate, Slots: s.Slots - before.Slots, Backoff: s.Backoff - before.Backoff,
	}
}

// phase is what a caller spends its time on.
type phase int

const (
	inCircuit phase = iota
	inThrottle
	inRate
	inSlots
	inRequest
	inBackoff
	phases
)

// meter adds up the time of all callers by phase, up to the very moment: a caller that still waits counts. It is safe
// for concurrent use.
type meter struct {
	now func() time.Time

	mu   sync.Mutex
	n    [phases]int // callers in the phase
	sum  [phases]time.Duration
	last time.Time
}

func (m *meter) enter(p phase) { m.move(p, 1) }

func (m *meter) leave(p phase) { m.move(p, -1) }

func (m *meter) move(p phase, by int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.count()
	m.n[p] += by
}

// count adds the time since it was last called. Needs the lock.
func (m *meter) count() {
	now := m.now()
	for p, n := range m.n {
		m.sum[p] += time.Duration(n) * now.Sub(m.last)
	}
	m.last = now
}

// read is how many callers are in each phase, and what all of them spent there.
func (m *meter) read() ([phases]int, Spent) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.count()
	return m.n, Spent{
		Open: m.sum[inRequest], Circuit: m.sum[inCircuit], Throttle: m.sum[inThrottle], Rate: m.sum[inRate],
		Slots: m.sum[inSlots], Backoff: m.sum[inBackoff],
	}
}

// Load is how the gateway is being used at the moment.
func (p *Limited) Load() Load {
	n, spent := p.meter.read()
	l := Load{Open: n[inRequest], Bound: p.bound.Size(), Rate: p.rate.most(), Spent: spent, OpenSince: p.OpenSince()}
	for phase, callers := range n {
		if phase != int(inRequest) {
			l.Waiting += callers
		}
	}
	if p.limits.Slots != nil {
		l.Bound = p.limits.Slots.Size()
	}
	if limit := p.auto.limit(); limit > 0 && (l.Bound == 0 || limit < l.Bound) {
		l.Bound = limit
	}
	l.Auto = p.auto.found()
	if found := p.auto.rate(); found > 0 && (l.Rate == 0 || found < l.Rate) {
		l.Rate = math.Round(10*found) / 10
	}
	l.LeftAlone, _ = p.Closed()
	return l
}

// Throttle slows the gateway down while it is in use: that many requests open at once at most (over all gateways that
// share its slots), and that many a second. 0 refunds what was configured; faster than that it never gets.
func (p *Limited) Throttle(parallelism int, rate float64) {
	p.rate.throttle(rate)
	if p.limits.Slots == nil {
		p.bound.Resize(parallelism)
		return
	}
	size := p.slots
	if parallelism > 0 && (size <= 0 || parallelism < size) {
		size = parallelism
	}
	p.limits.Slots.Resize(size)
}
