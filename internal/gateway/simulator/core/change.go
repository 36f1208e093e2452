package core

import (
	"net/http"

	"duly/internal/gateway/simulator/plan"
)

// Change is a request for a cancellation or a refund.
type Change struct {
	// Operation is OpCancel or OpRefund.
	Operation string
	// Key is the idempotency key that the request is counted by.
	Key string
	// Scope is what the answer is kept under; empty: it is not kept.
	Scope string
	// ID is the provider's own id of the payment.
	ID string
	// Sum stands for the bytes of the request; see [Simulator.Sum].
	Sum uint64
	// Refusal answers instead: the request cannot work.
	Refusal *Answer
	// Do changes the payment. It is called with the simulator locked.
	Do func(b Books, p Payment) Answer
}

// Change serves an operation that changes a payment, once for each key.
func (s *Simulator) Change(w http.ResponseWriter, r *http.Request, ch Change) {
	s.mu.Lock()
	c := s.admit(ch.Operation, r)
	k := s.changes[ch.Key]
	if k == nil {
		k = &key{text: ch.Key}
		s.changes[ch.Key] = k
	}
	k.arrive(ch.Sum)
	if c.refused == nil && k.takesTooMany() {
		a := s.tooMany(s.cfg.ChangeFaults.RetryAfter)
		c.refused = &a
	}
	if c.inside && !s.rules.Recall {
		ch.Refusal, c.refused = c.refused, nil
	}
	s.meet(c, &s.cfg.ChangeFaults, ch.Key, k.requests, plan.StrikeRule{})
	k.struck(c)
	s.mu.Unlock()
	c.settle = k.answered
	if !s.rules.Recall {
		c.reserve = func() (Answer, bool) { return s.holdLocked(ch.Scope) }
	}
	c.effect = func() Answer {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.rules.Recall && ch.Refusal != nil {
			return *ch.Refusal
		}
		return s.once(ch.Scope, ch.Sum, s.clock(), func() Answer { return s.apply(ch) })
	}
	s.reply(w, r, c)
}

// apply does a change, for those who hold mu.
func (s *Simulator) apply(ch Change) Answer {
	if ch.Refusal != nil {
		return *ch.Refusal
	}
	at, ok := s.book.byID(ch.ID)
	if !ok {
		return s.dialect.Refuse(NotFound, "")
	}
	s.book.tick(at, s.clock())
	a := ch.Do(s.books(), s.view(at))
	if ch.Operation == OpRefund && s.book.payments.at(at).outcome.Result().Name == plan.OutcomeRefundError && a.Code == http.StatusOK {
		return s.dialect.Unclear(s.variant(ch.Key))
	}
	return a
}
