package search_test

import (
	"fmt"
	"slices"
	"testing"

	"duly/internal/model/search"
)

// counters is what two workers counted. The one that counted more stands first.
type counters [2]uint8

func (c *counters) Canonical() bool {
	if c[0] >= c[1] {
		return false
	}
	c[0], c[1] = c[1], c[0]
	return true
}

func (c *counters) Broken() search.Violation { return search.NoViolation }
func (c *counters) Over() bool               { return false }

type count struct{ worker int }

func (m count) String() string { return fmt.Sprint("worker ", m.worker, " counts") }
func (m count) Swapped() count { return count{1 - m.worker} }
func (m count) Helps() bool    { return true }

// TestTraceNamesOneWorker lets the second worker count alone: it changes places with the first, and has one name in the trace to its end.
func TestTraceNamesOneWorker(t *testing.T) {
	second := 1
	r := search.Run(counters{}, func(c counters) search.Steps[counters, count] {
		var steps search.Steps[counters, count]
		broke := search.NoViolation
		if c[0] == 2 {
			broke = "counted three"
		}
		if c[0] > 0 {
			second = 0
		}
		c[second]++
		steps.EmitBroken(c, count{second}, broke)
		return steps
	}, 10)
	if want := []string{"worker 1 counts", "worker 1 counts", "worker 1 counts"}; r.Violation != "counted three" || !slices.Equal(r.Trace, want) {
		t.Errorf("%s: %q, want %q", r.Violation, r.Trace, want)
	}
}

// TestStuck gives the states no end.
func TestStuck(t *testing.T) {
	r := search.Run(counters{}, func(counters) search.Steps[counters, count] { return nil }, 10)
	if r.Violation != search.Stuck || !r.Full {
		t.Errorf("found %+v", r)
	}
}
