package gateway

import (
	"math/rand/v2"
	"time"
)

// Limits is how fast and how stubbornly one gateway is used.
type Limits struct {
	// Rate is the number of requests a second, look-ups included; 0: no limit.
	Rate float64
	// Tries is how many requests one call may send under its key, the first included; a look-up two at most.
	Tries int
	// Backoff is the wait before the second try; it doubles with each further one.
	Backoff time.Duration
	// MaxElapsed bounds the tries of one call: none begins later than this after the first; 0: no bound.
	MaxElapsed time.Duration
	// MaxOutage is how long the circuit may stay other than closed before the gateway is left alone for
	// the rest of the run; 0: for ever.
	MaxOutage time.Duration
	Circuit   CircuitLimits
	// Auto is the most requests that may be open at once if duly is to find the best number itself: [Limited.Auto]. 0: callers
	// bound them.
	Auto int
	// Timeout limits a request: Auto avoids limits at which answers would take as long. 0: unknown.
	Timeout time.Duration
	// Slots bounds the requests that are open at once over all gateways that share it. A request takes its place when
	// circuit and rate have let it through, so that those that the rate let through while all places were taken may
	// leave together. nil: no bound.
	Slots *Bound
	// Observe, if set, is told of every request.
	Observe Observer
	// Now measures latency and elapsed time. Needed.
	Now func() time.Time
}

// CircuitLimits says when requests to a failing gateway are held back.
type CircuitLimits struct {
	// Window is the number of latest results looked at; 0: no circuit.
	Window int
	// Minimum is the number of results below which the circuit stays closed.
	Minimum int
	// FailurePercent of failures in the window, or among the probes, opens the circuit.
	FailurePercent int
	// OpenFor is how long nothing is sent before the circuit is half open.
	OpenFor time.Duration
	// HalfOpen is the number of probes that decide whether the circuit closes.
	HalfOpen int
}

// Defaults are the limits of a gateway of which the configuration says nothing, but for Now.
func Defaults() Limits {
	return Limits{
		Tries:      3,
		Backoff:    3 * time.Second,
		MaxElapsed: 5 * time.Minute,
		MaxOutage:  5 * time.Minute,
		Circuit: CircuitLimits{
			Window:         40,
			Minimum:        20,
			FailurePercent: 60,
			OpenFor:        10 * time.Second,
			HalfOpen:       10,
		},
	}
}

// waitBefore is the wait before the given retry, counted from 1: Backoff doubled with each, a fifth more or
// less at random, and never shorter than what the gateway wished for.
func (l Limits) waitBefore(retry int, wish time.Duration) time.Duration {
	const maxDoublings = 20 // six weeks from 3 s; more would overflow in the end
	d := l.Backoff << min(retry-1, maxDoublings)
	d += spread(-d/5, d/5)
	if wish > 0 {
		// Those who were sent away together should not come back together.
		d = max(d, wish+spread(0, wish/5))
	}
	return d
}

// spread is a random duration from low to high.
func spread(low, high time.Duration) time.Duration {
	return low + time.Duration(rand.Float64()*float64(high-low)) //nolint:gosec // jitter need not be unpredictable
}
