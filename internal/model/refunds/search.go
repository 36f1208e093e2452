package refunds

import (
	"fmt"
	"slices"
	"strings"
)

// Violation is what must never happen.
type Violation uint8

// The violations.
const (
	NoViolation   Violation = iota
	ExecutedTwice           // a row was executed twice
	MoreThanPaid            // more was refunded than was paid
	SentUnstored            // a request left of which nothing was stored
	NotRefunded             // a row is refunded, and nothing at the gateway is its own
	Overbooked              // rows say that more was refunded than the gateway shows
	Forgotten               // a row was given up, or put back, and was executed
	Stuck                   // no way on to the end of every row
)

// String returns the violation in words.
func (v Violation) String() string {
	return [...]string{"none", "executed twice", "more than was paid", "sent unstored", "not refunded", "overbooked", "forgotten", "stuck"}[v]
}

// Result is what a search found.
type Result struct {
	States    int
	Edges     int
	Violation Violation
	Trace     []string // the shortest way to the violation
	Full      bool     // the bound on states was not reached
}

// machine makes the successors of a state.
type machine struct {
	Scenario
	rules Rules
	out   []reached
}

type reached struct {
	to    State
	move  Move
	broke Violation
}

func (m *machine) on(r Rule) bool { return m.rules.on(r) }

func (m *machine) emit(to State, move Move) { m.emitBroken(to, move, NoViolation) }

func (m *machine) emitBroken(to State, move Move, broke Violation) {
	m.out = append(m.out, reached{to, move, broke})
}

// successors fills m.out with every move from s.
func (m *machine) successors(s State) {
	m.out = m.out[:0]
	m.deliver(s)
	m.work(s)
	m.people(s)
	m.refundByHand(s)
	m.tick(s)
}

// broken says which invariant the state breaks.
func broken(s *State) Violation {
	if s.Total > Paid {
		return MoreThanPaid
	}
	booked := s.Provider
	for _, r := range s.Rows {
		given := r.Status == Refused || r.Status == Cancelled || !r.Unsettled && (r.Status == Requested || r.Status == Review)
		switch {
		case r.Executed > 1:
			return ExecutedTwice
		case given && r.Executed > 0:
			return Forgotten
		case r.Status == Refunded:
			booked += r.Amount
		}
	}
	if booked > s.Total || s.Recorded > s.Total {
		return Overbooked
	}
	return NoViolation
}

// edge is how a state was reached first.
type edge struct {
	from int
	move Move
}

type search struct {
	machine machine
	ids     map[State]int
	states  []State
	edges   []edge
	before  [][]int32 // the states that lead to a state by a move that helps
	count   int
}

// Run searches every interleaving of the scenario under these rules breadth first, up to limit states, for the given kinds of violation (none
// given: all), and stops at the first, whose trace is the shortest.
func Run(sc Scenario, rules Rules, limit int, kinds ...Violation) Result {
	x := &search{machine: machine{Scenario: sc, rules: rules}, ids: map[State]int{}}
	wanted := func(v Violation) bool { return v != NoViolation && (len(kinds) == 0 || slices.Contains(kinds, v)) }
	x.reach(sc.begin(), edge{})
	for at := 0; at < len(x.states); at++ {
		if at > limit {
			return Result{States: len(x.states), Edges: x.count}
		}
		if v := broken(&x.states[at]); wanted(v) {
			return x.result(v, x.trace(at))
		}
		x.machine.successors(x.states[at])
		x.count += len(x.machine.out)
		for _, step := range x.machine.out {
			step.move.Swap = step.to.canonical()
			id := x.reach(step.to, edge{at, step.move})
			if wanted(step.broke) {
				return x.result(step.broke, append(x.trace(at), step.move.String()))
			}
			if step.move.Kind.helps() && id != at {
				x.before[id] = append(x.before[id], int32(at))
			}
		}
	}
	if wanted(Stuck) {
		if id, stuck := x.stuck(); stuck {
			return x.result(Stuck, x.trace(id))
		}
	}
	return x.result(NoViolation, nil)
}

func (x *search) result(v Violation, trace []string) Result {
	return Result{States: len(x.states), Edges: x.count, Violation: v, Trace: trace, Full: true}
}

// reach adds a state that was not reached before, and returns its number.
func (x *search) reach(s State, by edge) int {
	if id, known := x.ids[s]; known {
		return id
	}
	id := len(x.states)
	x.ids[s] = id
	x.states = append(x.states, s)
	x.edges = append(x.edges, by)
	x.before = append(x.before, nil)
	return id
}

// stuck returns the first state from which no way leads on to the end of every row.
func (x *search) stuck() (int, bool) {
	good := make([]bool, len(x.states))
	var queue []int
	for id := range x.states {
		if x.states[id].over() {
			good[id] = true
			queue = append(queue, id)
		}
	}
	for len(queue) > 0 {
		id := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		for _, from := range x.before[id] {
			if !good[from] {
				good[from] = true
				queue = append(queue, int(from))
			}
		}
	}
	id := slices.Index(good, false)
	return id, id >= 0
}

// trace lists the moves that lead to the state.
func (x *search) trace(id int) []string {
	var moves []Move
	for id != 0 {
		moves = append(moves, x.edges[id].move)
		id = x.edges[id].from
	}
	var out []string
	swapped := false
	for _, move := range slices.Backward(moves) {
		if swapped {
			move.W = 1 - move.W
		}
		out = append(out, move.String())
		swapped = swapped != move.Swap
	}
	return out
}

// Format prints a trace, a move a line.
func Format(trace []string) string {
	var b strings.Builder
	for i, move := range trace {
		fmt.Fprintf(&b, "%3d  %s\n", i+1, move)
	}
	return b.String()
}
