package core

import (
	"net/http"
	"time"

	"duly/internal/gateway/simulator/plan"
)

// Look is a request for one payment.
type Look struct {
	// Operation is OpFind, by the handle, or OpGet, by the provider's own id.
	Operation string
	// Subject is the handle or the id.
	Subject string
	// Refusal answers instead: the request cannot work.
	Refusal *Answer
}

// Look serves a look-up. Show writes the payment as it stands, with the simulator locked.
func (s *Simulator) Look(w http.ResponseWriter, r *http.Request, q Look, show func(b Books, p Payment) Answer) {
	s.reply(w, r, s.beginLookup(r, q, func() Answer {
		s.mu.Lock()
		defer s.mu.Unlock()
		if q.Refusal != nil {
			return *q.Refusal
		}
		if q.Operation == OpFind && s.cfg.NoFind {
			return Plain(http.StatusNotFound)
		}
		at, ok := s.locate(q)
		if !ok {
			return s.dialect.Refuse(NotFound, "")
		}
		s.book.lookedUp(at, s.clock())
		if s.cfg.HideDeclines && s.book.payments.at(at).status == declinedStatus {
			return s.dialect.Refuse(NotFound, "")
		}
		return show(s.books(), s.view(at))
	}))
}

// locate finds the payment that is asked for, for those who hold mu.
func (s *Simulator) locate(q Look) (uint32, bool) {
	if q.Operation != OpFind {
		return s.book.byID(q.Subject)
	}
	at, ok := s.book.find(q.Subject)
	if ok {
		at, ok = s.book.ofKey(at)
	}
	if ok && s.cfg.FindForgets && !s.alive(time.UnixMicro(s.book.created(at)), s.clock()) {
		ok = false
	}
	return at, ok
}

// beginLookup makes the call for a look-up of a handle or an id.
func (s *Simulator) beginLookup(r *http.Request, q Look, effect func() Answer) *call {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.admit(q.Operation, r)
	var keyAt uint32
	if paid, ok := s.book.byID(q.Subject); ok && q.Operation == OpGet {
		keyAt = s.book.payments.at(paid).key
	} else {
		keyAt = s.book.touch(q.Subject)
	}
	k := s.book.keys.at(keyAt)
	k.lookups++
	s.meet(c, &s.cfg.LookupFaults, q.Subject, k.lookups, plan.StrikeRule{})
	c.effect = effect
	return c
}

// Ask serves every other request, such as a list. Answer is called with the simulator locked. Latency and faults are drawn by
// subject.
func (s *Simulator) Ask(w http.ResponseWriter, r *http.Request, operation, subject string, answer func(b Books) Answer) {
	s.mu.Lock()
	c := s.admit(operation, r)
	s.listed++
	s.meet(c, &s.cfg.LookupFaults, subject, s.listed, plan.StrikeRule{})
	s.mu.Unlock()
	c.effect = func() Answer {
		s.mu.Lock()
		defer s.mu.Unlock()
		return answer(s.books())
	}
	s.reply(w, r, c)
}
