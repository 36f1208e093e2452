// Package searchtest tests models: with every rule on the search finds nothing, and once a rule is off it finds what the rule prevents.
package searchtest

import (
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"duly/internal/model/search"
)

// Scenario searches one scenario of a model under these rules, for the given kinds of violation (none given: all).
type Scenario[R search.Rule] func(rules search.Rules[R], kinds ...search.Violation) search.Result

// Scenarios are the scenarios of a model by name.
type Scenarios[R search.Rule] map[string]Scenario[R]

// Breach is a set of rules that are off, and what the search must find without them in a scenario.
type Breach[R search.Rule] struct {
	In   string
	Want search.Violation
	Off  []R
}

// Without makes a breach.
func Without[R search.Rule](in string, want search.Violation, off ...R) Breach[R] {
	return Breach[R]{In: in, Want: want, Off: off}
}

// Protocol searches every scenario with every rule on: no violation, and a way out of every state.
func (s Scenarios[R]) Protocol(t *testing.T, all search.Rules[R]) {
	t.Helper()
	var states, edges atomic.Int64
	t.Cleanup(func() { t.Logf("%d scenarios, %d states, %d moves", len(s), states.Load(), edges.Load()) })
	for _, name := range slices.Sorted(maps.Keys(s)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := s[name](all)
			expectNothing(t, r)
			states.Add(int64(r.States))
			edges.Add(int64(r.Edges))
			t.Logf("%d states, %d moves", r.States, r.Edges)
		})
	}
}

// Breaches switches rules off and sees the search find what they prevent.
func (s Scenarios[R]) Breaches(t *testing.T, all search.Rules[R], breaches []Breach[R]) {
	t.Helper()
	s.each(t, breaches, func(t *testing.T, b Breach[R], run Scenario[R]) {
		t.Helper()
		r := run(all.Without(b.Off...), b.Want)
		if r.Violation != b.Want {
			t.Fatalf("%s: found %q in %d states, not %q", b.In, r.Violation, r.States, b.Want)
		}
		t.Logf("%s, %d states:\n%s", r.Violation, r.States, search.Format(r.Trace))
	})
}

// Covered switches rules off for which others stand in, and sees the search find nothing.
func (s Scenarios[R]) Covered(t *testing.T, all search.Rules[R], covered []Breach[R]) {
	t.Helper()
	s.each(t, covered, func(t *testing.T, b Breach[R], run Scenario[R]) {
		t.Helper()
		expectNothing(t, run(all.Without(b.Off...), b.Want))
	})
}

// EveryRule checks that each of count rules has a breach and a text.
func EveryRule[R search.Rule](t *testing.T, count R, breaches []Breach[R]) {
	t.Helper()
	for rule := range count {
		if !slices.ContainsFunc(breaches, func(b Breach[R]) bool { return slices.Contains(b.Off, rule) }) {
			t.Errorf("no breach for %q: %s", rule, rule.Text())
		}
		if rule.String() == "" || rule.Text() == "" {
			t.Errorf("rule %d has no text", rule)
		}
	}
}

func (s Scenarios[R]) each(t *testing.T, breaches []Breach[R], try func(*testing.T, Breach[R], Scenario[R])) {
	t.Helper()
	for _, b := range breaches {
		t.Run(b.name(), func(t *testing.T) {
			t.Parallel()
			run, known := s[b.In]
			if !known {
				t.Fatalf("no scenario %q", b.In)
			}
			try(t, b, run)
		})
	}
}

func expectNothing(t *testing.T, r search.Result) {
	t.Helper()
	if r.Violation != search.NoViolation || !r.Full {
		t.Fatalf("%q after %d states (all of them: %v):\n%s", r.Violation, r.States, r.Full, search.Format(r.Trace))
	}
}

func (b Breach[R]) name() string {
	names := make([]string, len(b.Off))
	for i, rule := range b.Off {
		names[i] = rule.String()
	}
	return "without " + strings.Join(names, " and ") + ": " + b.In + ": " + string(b.Want)
}
