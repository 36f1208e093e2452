package model

import "duly/internal/model/search"

// The violations.
const (
	DoubleCharge   search.Violation = "double charge"    // I1: two successful charges of one invoice
	SecondAttempt  search.Violation = "second attempt"   // I4: a second attempt while one is unsettled
	FalseProof     search.Violation = "false proof"      // I5: an attempt ended as not executed whose key took money, or still can
	UnprovenNumber search.Violation = "unproven number"  // a key's number moved past an attempt without a proof
	MoneyForgotten search.Violation = "money forgotten"  // an invoice ended unpaid, and money was taken
	PaidForNothing search.Violation = "paid for nothing" // an invoice paid without money
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
	m.operate(s)
	m.faults(s)
	m.tick(s)
	return m.Steps
}

// Run searches every interleaving of the scenario under these rules, as [search.Run] does.
func Run(sc Scenario, rules Rules, limit int, kinds ...search.Violation) search.Result {
	m := &machine{Scenario: sc, rules: rules}
	return search.Run(State{DB: DB{Invoice: sc.Begins}}, m.moves, limit, kinds...)
}

// Broken says which invariant the state breaks.
func (s *State) Broken() search.Violation {
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
	return search.NoViolation
}
