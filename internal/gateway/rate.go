package gateway

import (
	"context"
	"sync"
	"time"

	"github.com/failsafe-go/failsafe-go/ratelimiter"
)

// rate spreads requests evenly over time; it can be changed while callers wait. It is safe for concurrent use.
type rate struct {
	configured float64 // a second; 0: no limit

	mu      sync.Mutex
	current float64
	limiter ratelimiter.RateLimiter[any] // nil: no limit
	changed chan struct{}                // closed when the limiter is replaced
}

func newRate(configured float64) *rate {
	return &rate{configured: configured, current: configured, limiter: limiter(configured), changed: make(chan struct{})}
}

func limiter(rate float64) ratelimiter.RateLimiter[any] {
	if interval := time.Duration(float64(time.Second) / rate); rate > 0 && interval > 0 {
		return ratelimiter.NewSmoothWithMaxRate[any](interval)
	}
	return nil
}

// wait waits for the caller's turn; false: ctx ended before.
func (r *rate) wait(ctx context.Context) bool {
	for {
		r.mu.Lock()
		limiter, changed := r.limiter, r.changed
		r.mu.Unlock()
		if limiter == nil {
			return true
		}
		timer := time.NewTimer(limiter.ReservePermit())
		select {
		case <-timer.C:
			return true
		case <-ctx.Done():
			timer.Stop()
			return false
		case <-changed: // a turn of the old limiter is worth nothing
			timer.Stop()
		}
	}
}

// throttle makes the rate that much at most; 0: as configured. What is the same already is left alone, with its turns.
func (r *rate) throttle(most float64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	next := r.configured
	if most > 0 && (next <= 0 || most < next) {
		next = most
	}
	if next == r.current {
		return
	}
	r.current, r.limiter = next, limiter(next)
	close(r.changed)
	r.changed = make(chan struct{})
}

// most is the rate at the moment; 0: no limit.
func (r *rate) most() float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.current
}
