package gateway

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/failsafe-go/failsafe-go/retrypolicy"

	"duly/internal/payment"
)

// Limited is a Gateway that is used within its limits: tries with back-off, rate, circuit, outage and shared slots.
// It is safe for concurrent use.
type Limited struct {
	name    string
	gateway Gateway
	limits  Limits
	rate    *rate
	auto    auto
	bound   Bound // of a throttle
	slots   int   // as configured
	meter   meter
	circuit *circuit
	retries retrypolicy.RetryPolicy[verdict]
	gone    chan struct{} // closed when the run stops using the gateway

	mu        sync.Mutex
	reason    string          // why it is
	paused    bool            // until somebody resumes it
	unread    map[string]bool // charges in a row whose answers could not be read, by key
	illegible bool            // there were too many of them
	pages     map[string]bool // charges in a row that were answered by a web page, by key
	failure   string          // of the newest request that failed: why
	stats     Stats
}

// lookUpTries bounds the requests of one look-up: the caller looks again later anyhow.
const lookUpTries = 2

var (
	errStopped = errors.New("stopped")
	errElapsed = errors.New("out of time for another try")
	errGone    = errors.New("gateway left alone")
)

// Limit wraps g, known to people as name. A caller that closes the result must not close g.
func Limit(name string, g Gateway, l Limits) *Limited {
	if l.Now == nil {
		l.Now = func() time.Time { return time.Time{} }
	}
	l.Tries = max(l.Tries, 1)
	p := &Limited{
		name:    name,
		gateway: g,
		limits:  l,
		retries: retries(),
		gone:    make(chan struct{}),
		unread:  map[string]bool{},
		pages:   map[string]bool{},
		rate:    newRate(l.Rate),
		meter:   meter{now: l.Now, last: l.Now()},
		stats:   Stats{Charges: make(map[payment.Kind]int64, len(payment.Kinds()))},
	}
	if l.Auto > 0 {
		p.auto.use(l, g.Capabilities().KeyLife == 0)
	}
	p.circuit = newCircuit(l, func() { p.leave("gateway down for " + brief(l.MaxOutage) + p.lastFailure()) })
	if l.Slots != nil {
		p.slots = l.Slots.Size()
	}
	return p
}

// Name is the name in the configuration.
func (p *Limited) Name() string { return p.name }

// Capabilities are the gateway's own.
func (p *Limited) Capabilities() Capabilities { return p.gateway.Capabilities() }

// Auto is the current limit of open requests with `parallelism: auto`; 0: the number is configured, and callers keep to it.
func (p *Limited) Auto() int { return p.auto.limit() }

// Found is the best limit found so far; 0: the number is configured, or there were too few requests to find it.
func (p *Limited) Found() int { return p.auto.found() }

// FoundRate is the requests a second that the gateway accepts, once it has refused more; 0: no limit.
func (p *Limited) FoundRate() float64 { return p.auto.rate() }

// MaxOutage is how long an outage is waited for before the gateway is left alone; 0: for ever.
func (p *Limited) MaxOutage() time.Duration { return p.limits.MaxOutage }

// Ping is the gateway's own, not paced.
func (p *Limited) Ping(ctx context.Context) error { return p.gateway.Ping(ctx) }

// Close frees connections and timers. Nothing may be called after it.
func (p *Limited) Close() {
	p.circuit.stop()
	p.gateway.Close()
}

// Closed says whether the gateway is left alone for the rest of the run, and why: it was down for too long,
// or it refused our credentials. Every later call returns at once.
func (p *Limited) Closed() (reason string, closed bool) {
	select {
	case <-p.gone:
	default:
		return "", false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.reason, true
}

// Open reports whether the circuit holds requests back at the moment, wholly or but for probes.
func (p *Limited) Open() bool {
	_, open, _ := p.circuit.status()
	return open
}

// Held says whether the circuit holds back every request at the moment. Half open it does not: it needs probes.
func (p *Limited) Held() bool { return p.circuit.held() }

// OpenSince is when the circuit left its closed state; zero while it is closed.
func (p *Limited) OpenSince() time.Time {
	since, _, _ := p.circuit.status()
	return since
}

// Stats is a copy of the counts so far.
func (p *Limited) Stats() Stats {
	_, _, openings := p.circuit.status()
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.stats
	s.Charges = maps.Clone(s.Charges)
	s.Openings = openings
	return s
}

// LeaveAlone ends the use of the gateway for the run, as if it were down; reason says why to people.
func (p *Limited) LeaveAlone(reason string) { p.leave(reason) }

// Pause ends the use of the gateway as [Limited.LeaveAlone] does, if it was not ended before. No later run can use it either.
func (p *Limited) Pause(reason string) {
	if p.leave(reason) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.paused = true
	}
}

// Paused reports whether the gateway cannot be used until somebody resumes it.
func (p *Limited) Paused() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.paused
}

// leave ends the use of the gateway for the run, and reports whether it did. Later reasons change nothing.
func (p *Limited) leave(reason string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reason != "" {
		return false
	}
	p.reason = reason
	close(p.gone)
	return true
}

// lastFailure says in what way the newest request failed that did.
func (p *Limited) lastFailure() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failure == "" {
		return ""
	}
	return ": " + p.failure
}

// failed notes why a request failed. It is called before the circuit hears of it, which may give the gateway up.
func (p *Limited) failed(reason string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failure = reason
}

// add adds one request to the statistics.
func (p *Limited) count(took time.Duration, retry bool, add func(*Stats)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	add(&p.stats)
	p.stats.Latency += took
	p.stats.Times.Add(took)
	if retry {
		p.stats.Retries++
	}
}

// why says to people what ended a wait.
func (p *Limited) why(err error) string {
	if errors.Is(err, errGone) {
		reason, _ := p.Closed()
		return reason
	}
	return err.Error()
}

// brief writes d without the zeros that Duration.String ends in.
func brief(d time.Duration) string {
	if d >= time.Minute && d%time.Minute == 0 {
		return fmt.Sprintf("%dm", d/time.Minute)
	}
	return d.String()
}
