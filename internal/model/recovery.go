package model

// recover takes an unsettled attempt over that nobody holds.
func (m *machine) recover(s State, w uint8) {
	for n := uint8(1); n <= Numbers; n++ {
		a := s.DB.attempt(n)
		if !a.unsettled() || a.Owner != 0 {
			continue
		}
		taken := s
		t := taken.DB.attempt(n)
		t.Status, t.Owner, t.Doubted = InFlight, owner(w), true
		taken.Workers[w].N, taken.Workers[w].Doubt = n, true
		if m.Gateway.KeyLife > 0 {
			taken.Workers[w].Born = min(a.Age, m.Gateway.KeyLife)
		}
		m.acknowledge(&taken, w, n)
		if m.Gateway.Ask == CannotAsk {
			m.recoverBlind(taken, w)
			continue
		}
		if !m.on(ControlAfterAbsence) {
			if m.vetted(&s, m.place(&s, w)) {
				taken.Workers[w].Phase = Controlled
				m.Emit(taken, Move{Kind: AskControl, W: w, N: n})
			}
			continue
		}
		m.lookUpInRecovery(taken, w)
	}
}

func (m *machine) lookUpAfterControl(s State, w uint8) {
	if !s.mine(w) {
		s.drop(w)
		m.Emit(s, Move{Kind: EndRun, W: w})
		return
	}
	m.lookUpInRecovery(s, w)
}

// lookUpInRecovery asks for the key: what the gateway knows settles the attempt, an absence is held.
func (m *machine) lookUpInRecovery(s State, w uint8) {
	v := s.Workers[w]
	place := m.place(&s, w)
	if reply := m.lookUp(&s, place, v.N); reply != NoReply {
		s.believe(v.N, reply)
		m.acknowledge(&s, w, v.N)
		m.rest(&s, w)
		m.Emit(s, Move{Kind: FindInRecovery, W: w, N: v.N, Reply: reply})
		return
	}
	if m.on(LookUpLaterInRecovery) && !v.Listed && m.laterUnknown(&s, place, v.N) {
		return
	}
	s.Workers[w].Phase = Absent
	s.Workers[w].Over = s.DB.attempt(v.N).AllAnswered && m.over(s.DB.attempt(v.N)) // of others there is R to spare
	m.Emit(s, Move{Kind: FindNothing, W: w, N: v.N})
}

// recoverBlind goes by the key's age alone.
func (m *machine) recoverBlind(s State, w uint8) {
	v := s.Workers[w]
	a := s.DB.attempt(v.N)
	switch {
	case m.moved(a, v.Place):
		return
	case m.resendable(&s, a):
		s.Workers[w].Phase = Ready
		m.Emit(s, Move{Kind: Resend, W: w, N: v.N})
	default:
		m.toReview(s, w)
	}
}

// decide says what an absence means, beside the control that is asked now.
func (m *machine) decide(s State, w uint8) {
	v := s.Workers[w]
	if !s.mine(w) || v.Old && m.on(SameServer) {
		s.drop(w)
		m.Emit(s, Move{Kind: EndRun, W: w})
		return
	}
	a := s.DB.attempt(v.N)
	place := m.place(&s, w)
	vetted := m.vetted(&s, place)
	if !m.on(ControlAfterAbsence) {
		vetted = true // the control was asked before the absence
	}
	switch {
	case m.moved(a, v.Place):
	case m.resendable(&s, a) && m.mayResend(&s, place):
		s.Workers[w].Phase = Ready
		m.Emit(s, Move{Kind: Resend, W: w, N: v.N})
		return
	case !m.absenceLasts() && a.Age > m.window():
		m.toReview(s, w)
		return
	case vetted && m.absenceProves(a, v):
		m.endProven(s, w, Absence)
		return
	}
	a.Status, a.Owner = InDoubt, 0
	m.rest(&s, w)
	m.Emit(s, Move{Kind: LeaveInDoubt, W: w, N: v.N})
}

// moved reports whether the attempt was made at another account than today's, as far as duly can tell.
func (m *machine) moved(a *Attempt, place uint8) bool {
	visible := !m.Drift && (!m.Silent || m.on(AccountByCredential))
	return m.on(AccountStored) && visible && a.Account != place
}

// mayResend asks for an earlier control, where one exists.
func (m *machine) mayResend(s *State, place uint8) bool {
	if !m.on(Controls) || !m.on(ControlBeforeResend) || !m.Earlier {
		return true
	}
	earlier, _, _ := m.controls(s, place)
	return earlier
}

// young reports whether a request may leave under the key of an attempt of that age.
func (m *machine) young(age uint8) bool {
	margin := uint8(0)
	if m.on(Margin) {
		margin = longest
	}
	return age+margin < m.Gateway.KeyLife
}

func (m *machine) resendable(s *State, a *Attempt) bool {
	if a.LookUp {
		return false
	}
	if m.on(ResendOpenOnly) && s.DB.Invoice != InvoiceOpen {
		return false
	}
	if m.Gateway.KeyLife == 0 {
		return !m.on(SendOnce)
	}
	return m.young(a.Age)
}

// window is the age after which nothing that was sent takes effect: L+R, or without keys the last moment of the
// claim and R.
func (m *machine) window() uint8 {
	if m.Gateway.KeyLife == 0 {
		return hold + longest
	}
	return m.Gateway.KeyLife + longest
}

// absenceLasts reports whether absence can prove anything at this gateway.
func (m *machine) absenceLasts() bool {
	return !m.on(AbsenceLasts) || m.Gateway.KeyLife > 0 && m.Gateway.Ask == AskForever
}

// over reports whether nothing that was sent for the attempt can take effect any more.
func (m *machine) over(a *Attempt) bool {
	if a.AllAnswered {
		return a.Since > longest || !m.on(AnsweredWaits)
	}
	return a.Age > m.window()
}

func (m *machine) absenceProves(a *Attempt, v Worker) bool {
	over := m.over(a) && (v.Over || !a.AllAnswered)
	return m.absenceLasts() && (over || !m.on(AbsenceAfterWindow))
}
