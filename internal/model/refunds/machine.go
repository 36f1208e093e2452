package refunds

import "duly/internal/model/search"

// The violations.
const (
	ExecutedTwice search.Violation = "executed twice"     // a row was executed twice
	MoreThanPaid  search.Violation = "more than was paid" // more was refunded than was paid
	SentUnstored  search.Violation = "sent unstored"      // a request left of which nothing was stored
	NotRefunded   search.Violation = "not refunded"       // a row is refunded, and nothing at the gateway is its own
	Overbooked    search.Violation = "overbooked"         // rows say that more was refunded than the gateway shows
	Forgotten     search.Violation = "forgotten"          // a row was given up, or put back, and was executed
)

// machine makes the successors of a state.
type machine struct {
	Scenario
	search.Steps[State, Move]
	rules Rules
}

func (m *machine) on(r Rule) bool { return m.rules.On(r) }

// moves returns every move from s.
func (m *machine) moves(s State) search.Steps[State, Move] {
	m.Steps = m.Steps[:0]
	m.deliver(s)
	m.work(s)
	m.people(s)
	m.refundByHand(s)
	m.restore(s)
	m.tick(s)
	return m.Steps
}

// Run searches every interleaving of the scenario under these rules, as [search.Run] does.
func Run(sc Scenario, rules Rules, limit int, kinds ...search.Violation) search.Result {
	m := &machine{Scenario: sc, rules: rules}
	return search.Run(sc.begin(), m.moves, limit, kinds...)
}

// Broken says which invariant the state breaks.
func (s *State) Broken() search.Violation {
	if s.Total > Paid {
		return MoreThanPaid
	}
	booked := s.Provider
	for _, r := range s.Rows {
		given := r.Status == Refused || r.Status == Cancelled || !r.Unsettled && (r.Status == Requested || r.Status == Review)
		switch {
		case r.Executed > 1:
			return ExecutedTwice
		case given && r.Executed > 0 && (!s.Restored || r.ended() && s.Total < Paid): // of what is refunded in full nothing is refunded again
			return Forgotten
		case r.Status == Refunded:
			booked += r.Amount
		}
	}
	if booked > s.Total || s.Recorded > s.Total {
		return Overbooked
	}
	return search.NoViolation
}
