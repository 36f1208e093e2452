package model

import (
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
)

// Violation is what must never happen.
type Violation uint8

// The violations.
const (
	NoViolation    Violation = iota
	DoubleCharge             // I1: two successful charges of one invoice
	SecondAttempt            // I4: a second attempt while one is unsettled
	FalseProof               // I5: an attempt ended as not executed whose key took money, or still can
	UnprovenNumber           // a key's number moved past an attempt without a proof
	MoneyForgotten           // an invoice ended unpaid, and money was taken
	PaidForNothing           // an invoice paid without money
	Stuck                    // no way on to a settled invoice, not even for an operator
)

// String returns the violation in words.
func (v Violation) String() string {
	return [...]string{
		"none", "double charge", "second attempt", "false proof", "unproven number", "money forgotten", "paid for nothing", "stuck",
	}[v]
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
	out   []step
}

type step struct {
	to    State
	move  Move
	broke Violation
}

func (m *machine) on(r Rule) bool { return m.rules.on(r) }

func (m *machine) emit(to State, move Move) { m.emitBroken(to, move, NoViolation) }

func (m *machine) emitBroken(to State, move Move, broke Violation) {
	m.out = append(m.out, step{to, move, broke})
}

// successors fills m.out with every move from s.
func (m *machine) successors(s State) {
	m.out = m.out[:0]
	m.deliver(s)
	m.work(s)
	m.operate(s)
	m.faults(s)
	m.tick(s)
}

// edge is how a state was reached first.
type edge struct {
	from uint32
	move Move
}

// search holds the states that were reached, in the order of their depth.
type search struct {
	machine machine

	seed   maphash.Seed
	table  []uint32 // open addressing: 1 + the number of a state, 0: free
	mask   uint64   // the table's length less 1
	states []State
	edges  []edge
	// next lists, for each state, the states that it leads to without a fault; first is where its list begins.
	next  []uint32
	first []uint32
	count int
}

// Run searches every interleaving of the scenario under these rules breadth first, up to limit states, for the
// given kinds of violation (none given: all), and stops at the first, whose trace is the shortest.
func Run(sc Scenario, rules Rules, limit int, kinds ...Violation) Result {
	x := &search{machine: machine{Scenario: sc, rules: rules}, seed: maphash.MakeSeed(), table: make([]uint32, 1<<12), mask: 1<<12 - 1}
	wanted := func(v Violation) bool {
		return v != NoViolation && (len(kinds) == 0 || slices.Contains(kinds, v))
	}
	x.reach(State{DB: DB{Invoice: sc.Begins}}, edge{})
	for at := 0; at < len(x.states); at++ {
		if len(x.states) > limit {
			return Result{States: len(x.states), Edges: x.count}
		}
		if v := x.broken(&x.states[at]); wanted(v) {
			return x.result(v, x.trace(number(at)))
		}
		x.first = append(x.first, number(len(x.next)))
		x.machine.successors(x.states[at])
		x.count += len(x.machine.out)
		for _, step := range x.machine.out {
			step.move.Swap = step.to.canonical()
			id := x.reach(step.to, edge{number(at), step.move})
			if wanted(step.broke) {
				trace := append(x.trace(number(at)), step.move.String())
				return x.result(step.broke, trace)
			}
			if !step.move.Kind.fault() && id != number(at) {
				x.next = append(x.next, id)
			}
		}
	}
	x.first = append(x.first, number(len(x.next)))
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

// number narrows the number of a state or an edge, of which the limit allows fewer than 2^32.
func number(n int) uint32 {
	return uint32(n) //nolint:gosec // see above
}

// reach adds a state that was not reached before, and returns its number.
func (x *search) reach(s State, by edge) uint32 {
	slot := x.slot(&s)
	if x.table[slot] > 0 {
		return x.table[slot] - 1
	}
	id := number(len(x.states))
	x.states = append(x.states, s)
	x.edges = append(x.edges, by)
	x.table[slot] = id + 1
	if len(x.states)*2 > len(x.table) {
		x.grow()
	}
	return id
}

// slot returns where the state stands in the table, or the free place for it.
func (x *search) slot(s *State) uint64 {
	at := maphash.Comparable(x.seed, *s) & x.mask
	for x.table[at] > 0 && x.states[x.table[at]-1] != *s {
		at = (at + 1) & x.mask
	}
	return at
}

func (x *search) grow() {
	x.mask = x.mask<<1 | 1
	x.table = make([]uint32, x.mask+1)
	for id := range x.states {
		x.table[x.slot(&x.states[id])] = number(id) + 1
	}
}

// broken says which invariant the state breaks.
func (x *search) broken(s *State) Violation {
	open := 0
	for _, a := range s.DB.Attempts {
		if a.open() {
			open++
		}
	}
	switch {
	case s.Charges > 1:
		return DoubleCharge
	case open > 1:
		return SecondAttempt
	case s.DB.Invoice == InvoiceEnded && s.Charges > 0:
		return MoneyForgotten
	case (s.DB.Invoice == InvoicePaid || s.DB.Invoice == InvoiceClosed) && s.Charges == 0:
		return PaidForNothing
	}
	return NoViolation
}

// stuck returns the first state from which no way leads on to a settled one without a fault.
func (x *search) stuck() (uint32, bool) {
	// The edges backwards, in one array: those that lead to state i are before[start[i]:start[i+1]].
	start := make([]uint32, len(x.states)+1)
	for _, to := range x.next {
		start[to+1]++
	}
	for i := range x.states {
		start[i+1] += start[i]
	}
	before := make([]uint32, len(x.next))
	fill := make([]uint32, len(x.states))
	for from := range x.states {
		for _, to := range x.next[x.first[from]:x.first[from+1]] {
			before[start[to]+fill[to]] = number(from)
			fill[to]++
		}
	}
	good := make([]bool, len(x.states))
	var queue []uint32
	for id := range x.states {
		if x.states[id].settled() {
			good[id] = true
			queue = append(queue, number(id))
		}
	}
	for len(queue) > 0 {
		id := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		for _, from := range before[start[id]:start[id+1]] {
			if !good[from] {
				good[from] = true
				queue = append(queue, from)
			}
		}
	}
	for id := range good {
		if !good[id] {
			return number(id), true
		}
	}
	return 0, false
}

// trace lists the moves that lead to the state.
func (x *search) trace(id uint32) []string {
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
