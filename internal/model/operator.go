package model

// operate lets an operator type every command that is allowed.
func (m *machine) operate(s State) {
	for n := uint8(1); n <= Numbers; n++ {
		a := s.DB.attempt(n)
		if m.on(QuietBeforeProof) && m.unquiet(&s) {
			break
		}
		m.adopt(s, n)
		if a.Owner != 0 {
			continue
		}
		switch {
		case a.Status == Rejected && s.DB.Invoice == InvoiceReview:
			m.requeue(s, n)
		case a.Status == Review || a.Status == InDoubt && a.Age > m.window()+operatorWaits:
			m.resolve(s, n)
		}
	}
	m.confirm(s)
}

// requeue makes an invoice due again after a rejection: its number moves, which needs a proof.
func (m *machine) requeue(s State, n uint8) {
	if !m.on(RequeueByProof) {
		m.reopen(s, n, Rejected, Unproven, Requeue)
		return
	}
	m.prove(s, n, Rejected, Requeue)
}

// resolve settles an attempt in review, or in doubt for long.
func (m *machine) resolve(s State, n uint8) {
	if m.Gateway.Mixes && !m.on(ResolveByKey) {
		// The stored id is somebody else's, whose payment was declined.
		broke := m.falseProof(&s, n, false)
		s.believe(n, Refusal)
		m.EmitBroken(s, Move{Kind: ResolveByID, N: n}, broke)
		return
	}
	m.prove(s, n, Released, ResolveNotExecuted)
}

// prove ends an attempt by a look-up by our own key, or by the operator's word.
func (m *machine) prove(s State, n uint8, to Status, kind Kind) {
	a := s.DB.attempt(n)
	if reply := m.lookUp(&s, s.At, n); reply != NoReply {
		s.believe(n, reply)
		m.Emit(s, Move{Kind: ResolveFound, N: n, Reply: reply})
		return
	}
	late := m.over(a)
	if to == Rejected {
		late = a.Age > m.travel()
	}
	vetted := m.absenceLasts() && m.vetted(&s, s.At) && !m.moved(a, s.At)
	if vetted && (late || !m.on(AbsenceAfterWindow)) {
		m.reopen(s, n, to, Absence, kind)
		return
	}
	switch {
	case s.taken(n):
		// What the provider's own pages show and the gateway does not: the period is closed.
		s.DB.attempt(n).settle(Succeeded, Unproven)
		s.DB.Invoice = InvoiceClosed
		m.Emit(s, Move{Kind: ClosePeriod, N: n})
	case late || !m.on(WordAfterWindow):
		if m.on(WordMovesNumber) {
			to = Rejected
		}
		m.reopen(s, n, to, Word, OperatorsWord)
	}
}

// reopen ends the attempt as not executed and makes the invoice due again.
func (m *machine) reopen(s State, n uint8, to Status, proof Proof, kind Kind) {
	broke := m.falseProof(&s, n, true)
	s.DB.attempt(n).settle(to, proof)
	if s.DB.Invoice == InvoiceReview {
		s.DB.Invoice = InvoiceOpen
	}
	s.DB.endIfDone()
	m.EmitBroken(s, Move{Kind: kind, N: n}, broke)
}

// unknown reports whether what the gateway shows of a key is not what the tables say.
func (m *machine) unknown(s *State, n uint8, shown Reply) bool {
	a := s.DB.attempt(n)
	switch {
	case shown == NoReply || a.open() || a.Status == Succeeded || s.DB.Invoice == InvoiceClosed:
		return false
	case a.Status == None || shown == OK && m.on(ListStrictly):
		return true
	}
	return shown == Refusal && a.Status == Released && m.on(ListDeclines) // what was rejected here took no money either
}

// unknownListed reports whether the list of the place holds a key that is unknown here.
func (m *machine) unknownListed(s *State, place uint8) bool {
	for n := uint8(1); n <= Numbers; n++ {
		if m.unknown(s, n, m.listed(s, place, n)) {
			return true
		}
	}
	return false
}

// adopt writes attempt and outcome of an unknown key from what the gateway shows.
func (m *machine) adopt(s State, n uint8) {
	shown := m.lookUp(&s, s.At, n)
	if m.Gateway.List {
		shown = m.listed(&s, s.At, n)
	}
	if !m.unknown(&s, n, shown) {
		return
	}
	s.believe(n, shown)
	m.Emit(s, Move{Kind: Adopt, N: n, Reply: shown})
}

// confirm ends the suspicion of a loss where nobody but an operator can: he compares with the provider's
// pages, closes the period of money that the tables do not know, and confirms the history.
func (m *machine) confirm(s State) {
	if s.Suspect == 0 || !m.blind() || m.on(ConfirmAfterQuiet) && m.unquiet(&s) {
		return
	}
	for n := uint8(1); n <= Numbers; n++ {
		shown := s.Account[0][n-1].Result
		switch {
		case !m.unknown(&s, n, shown):
			continue
		case shown == OK:
			s.DB.attempt(n).settle(Succeeded, Unproven)
			s.DB.Invoice = InvoiceClosed
			m.Emit(s, Move{Kind: ClosePeriod, N: n})
			return
		case m.on(ListDeclines):
			s.believe(n, shown)
			m.Emit(s, Move{Kind: SkipNumber, N: n})
			return
		}
	}
	s.Suspect = 0
	m.Emit(s, Move{Kind: ConfirmHistory})
}
