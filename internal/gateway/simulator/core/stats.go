package core

import (
	"maps"
	"time"

	"duly/internal/gateway/simulator/plan"
)

// Stats counts what the simulator has been asked and has answered.
type Stats struct {
	// Requests by operation, as docs/payments-api.yaml names them whatever the dialect.
	Requests map[string]int `json:"requests"`
	// Answers by operation and status code; "dropped" is none, "half" one that broke off.
	Answers map[string]map[string]int `json:"answers"`
	// Faults that struck, by kind.
	Faults map[plan.Fault]int `json:"faults"`
	// Payments in the ledger.
	Payments int `json:"payments"`
	// MaxConcurrent is the largest number of charges that were being served at once.
	MaxConcurrent int `json:"max_concurrent"`
	// MaxOpen is the largest number of requests, of all operations, that were being served at once.
	MaxOpen int `json:"max_open"`
	// ServiceTime is the sum, over all charges, of the time from a request's arrival to its answer, in
	// nanoseconds by Config.Now.
	ServiceTime time.Duration `json:"service_time_ns"`
	// StillLate is how many requests have yet to land.
	StillLate int `json:"still_late"`
}

// The operations that requests are counted by, whatever the dialect: those of docs/payments-api.yaml, and OpMethod for
// questions about a payment method.
const (
	OpCreate = "createPayment"
	OpList   = "listPayments"
	OpFind   = "findPaymentByKey"
	OpGet    = "getPayment"
	OpCancel = "cancelPayment"
	OpRefund = "refundPayment"
	OpMethod = "getPaymentMethod"
)

func newStats() Stats {
	return Stats{Requests: map[string]int{}, Answers: map[string]map[string]int{}, Faults: make(map[plan.Fault]int)}
}

// Stats returns a copy of the counts.
func (s *Simulator) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.stats
	c.Requests, c.Faults = maps.Clone(c.Requests), maps.Clone(c.Faults)
	c.Answers = make(map[string]map[string]int, len(s.stats.Answers))
	for operation, answers := range s.stats.Answers {
		c.Answers[operation] = maps.Clone(answers)
	}
	c.Payments, c.StillLate = int(s.book.payments.n), len(s.late)
	return c
}

// arrived counts a request, for those who hold mu.
func (s *Simulator) arrived(operation string) {
	s.stats.Requests[operation]++
	s.open++
	s.stats.MaxOpen = max(s.stats.MaxOpen, s.open)
	if operation == OpCreate {
		s.current++
		s.stats.MaxConcurrent = max(s.stats.MaxConcurrent, s.current)
	}
}

// answered counts an answer, for those who hold mu.
func (s *Simulator) answered(operation string, a Answer, took time.Duration) {
	if s.stats.Answers[operation] == nil {
		s.stats.Answers[operation] = map[string]int{}
	}
	s.stats.Answers[operation][a.label()]++
	s.open--
	if operation == OpCreate {
		s.current--
		s.stats.ServiceTime += took
	}
}
