package search

import (
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
)

// Violation is what must never happen, in words.
type Violation string

// The violations that every model has.
const (
	NoViolation Violation = ""
	Stuck       Violation = "stuck" // no way on to an end
)

// Move is one step from a state to the next, by one of two workers that nothing else tells apart, or by something else.
type Move[M any] interface {
	fmt.Stringer
	Swapped() M  // the move with the workers' names exchanged
	Helps() bool // a way to an end may rely on it
}

// State is a state of a model, by its pointer.
type State[S any] interface {
	*S
	// Canonical names the workers in a fixed order and sorts what has no order. It reports whether the workers changed places.
	Canonical() bool
	Broken() Violation // what the state breaks
	Over() bool        // nothing is left to do
}

// Step is a move and where it leads.
type Step[S, M any] struct {
	To    S
	Move  M
	Broke Violation
}

// Steps collects the moves from a state.
type Steps[S, M any] []Step[S, M]

// Emit adds a move.
func (x *Steps[S, M]) Emit(to S, move M) { x.EmitBroken(to, move, NoViolation) }

// EmitBroken adds a move that breaks something.
func (x *Steps[S, M]) EmitBroken(to S, move M, broke Violation) {
	*x = append(*x, Step[S, M]{to, move, broke})
}

// Result is what a search found.
type Result struct {
	States    int
	Edges     int
	Violation Violation
	Trace     []string // the shortest way to the violation
	Full      bool     // the bound on states was not reached
}

// edge is how a state was reached first.
type edge[M any] struct {
	from uint32
	swap bool // the workers changed places after it
	move M
}

// search holds the states that were reached, in the order of their depth.
type search[S comparable, M Move[M], P State[S]] struct {
	seed   maphash.Seed
	table  []uint32 // open addressing: 1 + the number of a state, 0: free
	mask   uint64   // the table's length less 1
	states []S
	edges  []edge[M]
	// next lists, for each state, the states that it leads to by a move that helps; first is where its list begins.
	next  []uint32
	first []uint32
	count int
}

// Run searches the states that moves lead to, from begin on, up to limit states, for the given kinds of violation (none given: all), and stops at
// the first, whose trace is the shortest. The slice that moves returns is read until it is called again.
func Run[S comparable, M Move[M], P State[S]](begin S, moves func(S) Steps[S, M], limit int, kinds ...Violation) Result {
	x := &search[S, M, P]{seed: maphash.MakeSeed(), table: make([]uint32, 1<<12), mask: 1<<12 - 1}
	wanted := func(v Violation) bool {
		return v != NoViolation && (len(kinds) == 0 || slices.Contains(kinds, v))
	}
	x.reach(begin, edge[M]{})
	for at := 0; at < len(x.states); at++ {
		if len(x.states) > limit {
			return Result{States: len(x.states), Edges: x.count}
		}
		if v := P(&x.states[at]).Broken(); wanted(v) {
			return x.result(v, x.trace(number(at)))
		}
		x.first = append(x.first, number(len(x.next)))
		steps := moves(x.states[at])
		x.count += len(steps)
		for _, step := range steps {
			swap := P(&step.To).Canonical()
			id := x.reach(step.To, edge[M]{number(at), swap, step.Move})
			if wanted(step.Broke) {
				return x.result(step.Broke, x.trace(number(at), edge[M]{move: step.Move}))
			}
			if step.Move.Helps() && id != number(at) {
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

func (x *search[S, M, P]) result(v Violation, trace []string) Result {
	return Result{States: len(x.states), Edges: x.count, Violation: v, Trace: trace, Full: true}
}

// number narrows the number of a state or an edge, of which the limit allows fewer than 2^32.
func number(n int) uint32 {
	return uint32(n) //nolint:gosec // see above
}

// reach adds a state that was not reached before, and returns its number.
func (x *search[S, M, P]) reach(s S, by edge[M]) uint32 {
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
func (x *search[S, M, P]) slot(s *S) uint64 {
	at := maphash.Comparable(x.seed, *s) & x.mask
	for x.table[at] > 0 && x.states[x.table[at]-1] != *s {
		at = (at + 1) & x.mask
	}
	return at
}

func (x *search[S, M, P]) grow() {
	x.mask = x.mask<<1 | 1
	x.table = make([]uint32, x.mask+1)
	for id := range x.states {
		x.table[x.slot(&x.states[id])] = number(id) + 1
	}
}

// stuck returns the first state from which no moves that help lead to one that is over.
func (x *search[S, M, P]) stuck() (uint32, bool) {
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
		if P(&x.states[id]).Over() {
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
	id := slices.Index(good, false)
	return number(max(id, 0)), id >= 0
}

// trace lists the moves that lead to the state, and then the last, which leads from it.
func (x *search[S, M, P]) trace(id uint32, last ...edge[M]) []string {
	edges := last
	for id != 0 {
		edges = append(edges, x.edges[id])
		id = x.edges[id].from
	}
	var out []string
	swapped := false
	for _, by := range slices.Backward(edges) {
		move := by.move
		if swapped {
			move = move.Swapped()
		}
		out = append(out, move.String())
		swapped = swapped != by.swap
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
