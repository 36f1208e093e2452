package refunds

import (
	"flag"
	"sync/atomic"
	"testing"
)

var large = flag.Bool("model.large", false, "search the large bounds, and print each scenario's states")

// TestProtocol searches every scenario with every rule on: no violation, and a way to the end of every row.
func TestProtocol(t *testing.T) {
	t.Parallel()
	size, limit := Small(), 500_000
	if *large {
		size, limit = Large(), 15_000_000
	}
	scenarios := size.Scenarios()
	var states, edges atomic.Int64
	t.Cleanup(func() { t.Logf("%d scenarios, %d states, %d moves", len(scenarios), states.Load(), edges.Load()) })
	for _, sc := range scenarios {
		t.Run(sc.Name, func(t *testing.T) {
			t.Parallel()
			r := Run(sc, AllRules, limit)
			if r.Violation != NoViolation {
				t.Fatalf("%s after %d states:\n%s", r.Violation, r.States, Format(r.Trace))
			}
			if !r.Full {
				t.Fatalf("more than %d states", limit)
			}
			states.Add(int64(r.States))
			edges.Add(int64(r.Edges))
			t.Logf("%d states, %d moves", r.States, r.Edges)
		})
	}
}
