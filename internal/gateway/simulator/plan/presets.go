package plan

import "time"

// DefaultFaults spreads a share of requests that go wrong, in [0,1], evenly over all kinds of fault. Slow and
// late requests are so by a tenth of a second.
func DefaultFaults(share float64) Faults {
	each := share / float64(len(FaultNames()))
	return Faults{
		DropBefore: each, DropAfter: each, Err5xxBefore: each, Err5xxAfter: each, TooMany: each, TooManyAfter: each,
		NotExecuted: each, Garbage: each, HalfBody: each, Slow: each, Late: each, Redirect: each, Conflict: each,
		Empty400: each, Empty404: each, SlowBy: 100 * time.Millisecond, LateBy: 100 * time.Millisecond,
	}
}

// Demo is a gateway on an ordinary day: a few declines of each kind, a fault now and then, answers after about
// 40 ms.
func Demo() Config {
	return Config{
		Seed:    1,
		Latency: Latency{Median: 40 * time.Millisecond, P99: 400 * time.Millisecond},
		Shares:  Shares{Soft: 0.06, Hard: 0.01, Action: 0.01, TryLater: 0.005, Pending: 0.005},
		Pending: Pending{Lookups: 1},
		Faults:  DefaultFaults(0.03),
		KeyLife: 24 * time.Hour,
	}
}
