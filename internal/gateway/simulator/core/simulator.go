package core

import (
	"context"
	"hash/maphash"
	"net/http"
	"sync"
	"time"

	"duly/internal/gateway/simulator/plan"
)

// Simulator is a payment service in memory. It is an http.Handler for the API of its dialect, and under /_sim/ for
// the questions and orders of Control. It is safe for concurrent use. Make one with New.
type Simulator struct {
	mux      *http.ServeMux
	dialect  Dialect
	rules    Rules
	bodySeed maphash.Seed
	done     chan struct{}  // closed by Close: nobody waits any more
	requests sync.WaitGroup // being served, and late ones landing

	mu      sync.Mutex
	cfg     plan.Config
	book    *book
	stats   Stats
	open    int // requests being served
	current int // charges among them
	start   time.Time
	offset  time.Duration
	second  int64 // that `served` counts for
	served  int
	listed  uint32
	changes map[string]*key // the keys of cancellations and refunds
	kept    map[string]*kept
	late    map[*landing]struct{}
	closed  bool
	// forgotten is when ForgetKeys was called last.
	forgotten time.Time
}

// New makes a simulator that speaks a dialect. It expects a configuration that Validate has nothing to say against.
// Close it when done.
func New(cfg plan.Config, dialect Dialect) *Simulator {
	rules := dialect.Rules()
	s := &Simulator{
		mux: http.NewServeMux(), dialect: dialect, rules: rules, bodySeed: maphash.MakeSeed(), done: make(chan struct{}), cfg: cfg,
		book: newBook(rules.IDPrefix), stats: newStats(), changes: map[string]*key{}, kept: map[string]*kept{}, late: map[*landing]struct{}{},
	}
	if rules.ByMethod {
		s.book.byMethod = map[string][]uint32{}
	}
	s.start = s.clock()
	dialect.Routes(s, s.mux)
	s.routeControl()
	return s
}

// ServeHTTP implements http.Handler.
func (s *Simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Close lands every late request at once, ends all waiting, and returns when no request is being served.
// Close a simulator before the server that it answers for; the ledger can still be asked afterwards.
func (s *Simulator) Close() {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.done)
	}
	landings := s.dueLandings(func(*landing) bool { return true })
	s.mu.Unlock()
	s.land(landings)
	s.requests.Wait()
}

// Update changes the configuration from the next request on.
func (s *Simulator) Update(change func(*plan.Config)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.cfg)
}

// Advance moves the simulator's clock on by d, and lands the late requests that were due within it, each at its
// own time. It does not shorten latencies.
func (s *Simulator) Advance(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	target := s.offset + max(0, d)
	for l := s.nextLanding(); l != nil && !l.due.After(s.clock().Add(target-s.offset)); l = s.nextLanding() {
		s.offset += max(0, l.due.Sub(s.clock()))
		landings := s.dueLandings(func(other *landing) bool { return other == l })
		s.mu.Unlock()
		s.land(landings)
		s.mu.Lock()
	}
	s.offset = max(s.offset, target)
}

// ForgetKeys makes the gateway forget every idempotency key that was executed by now, as if each had outlived KeyLife. Their
// payments are still listed.
func (s *Simulator) ForgetKeys() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgotten = s.clock().Add(time.Microsecond) // executions are dated in microseconds
}

// Now is the simulator's clock.
func (s *Simulator) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.clock()
}

// clock is the clock, for those who hold mu.
func (s *Simulator) clock() time.Time {
	if s.cfg.Now == nil {
		return time.Now().Add(s.offset) //nolint:forbidigo // the default that Config.Now promises
	}
	return s.cfg.Now().Add(s.offset)
}

// wait lets d pass, unless ctx ends or the simulator is closed.
func (s *Simulator) wait(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-s.done:
	case <-ctx.Done():
	}
}
