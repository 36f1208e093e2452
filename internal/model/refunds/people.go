package refunds

// people are the shop, an operator and an audit.
func (m *machine) people(s State) {
	for n := range uint8(rows) {
		m.takeBack(s, n)
		m.resolve(s, n)
	}
	m.record(s)
}

// takeBack is the shop, which does not want a refund any more of which nothing was done.
func (m *machine) takeBack(s State, n uint8) {
	if s.Rows[n].Status == Requested && m.TakesBack {
		s.Rows[n].end(Cancelled, 0)
		m.Emit(s, Move{Kind: TakeBack, Row: n})
	}
}

// resolve is an operator who looks at a payment, and then settles a row in review.
func (m *machine) resolve(s State, n uint8) {
	if s.Rows[n].Status != Review {
		return
	}
	if !s.Operator.Is {
		next := s
		next.Operator = Sight{Is: true, Row: n, Total: s.Total}
		is := s.Rows[n].Executed > 0 || !s.Rows[n].held() // which of two equal ones it was he knows from the provider's page
		if is && m.given(next.Rows[n], next.Operator.Total, next.Recorded) > 0 {
			m.Emit(next, Move{Kind: OperatorLooks, Row: n})
		}
	} else if s.Operator.Row == n {
		m.saysRefunded(s, n)
	}
	m.saysNotExecuted(s, n)
}

// given is how much a row in review is refunded by, if the gateway shows that.
func (m *machine) given(r Row, total, recorded uint8) uint8 {
	before, asked := recorded, r.Want
	if r.Sent {
		before, asked = r.Before, r.Amount
	}
	if total <= before || total-before < asked {
		return 0
	}
	if asked > 0 {
		return asked
	}
	return total - before
}

// saysRefunded settles a row as refunded by what the operator saw.
func (m *machine) saysRefunded(s State, n uint8) {
	seen := s.Operator.Total
	given := m.given(s.Rows[n], seen, s.Recorded)
	s.Operator = Sight{}
	if m.on(WordAlone) && s.busy(n) || given == 0 && m.on(WordAgain) {
		m.Emit(s, Move{Kind: WordNotTaken, Row: n})
		return
	}
	if given == 0 {
		given = max(s.Rows[n].Want, 1)
	}
	if s.Rows[n].held() && m.on(WordExplains) {
		seen = min(s.Recorded+given, seen)
	}
	s.Rows[n].end(Refunded, given)
	s.Recorded = max(s.Recorded, seen)
	m.Emit(s, Move{Kind: SaysRefunded, Row: n})
}

// saysNotExecuted settles a row as refused: the gateway shows less than its refund would leave, and nothing of it can arrive any more. Of a
// gateway that cannot be asked the operator knows it from the provider's page.
func (m *machine) saysNotExecuted(s State, n uint8) {
	r := &s.Rows[n]
	shown := m.given(*r, s.Total, s.Recorded) > 0
	held := r.held()
	if m.Gateway.Mute || held { // he knows it from the provider's page
		shown = r.Executed > 0
	}
	if shown && m.on(WordShown) || r.Quiet > 0 {
		return
	}
	r.end(Refused, 0)
	if unexplained := s.Total - min(s.Recorded, s.Total); !held || !s.waits(n, unexplained) || !m.on(WordExplains) {
		if held {
			s.Provider += unexplained
		}
		s.Recorded = max(s.Recorded, s.Total)
	}
	if s.Operator.Row == n {
		s.Operator = Sight{}
	}
	m.Emit(s, Move{Kind: SaysNotExecuted, Row: n})
}

// record is an audit that looks, and then records what somebody refunded at the provider.
func (m *machine) record(s State) {
	if !m.Audits {
		return
	}
	if !s.Audit.Is {
		if s.Total > s.Recorded {
			s.Audit = Sight{Is: true, Total: s.Total, Recorded: s.Recorded}
			m.Emit(s, Move{Kind: AuditLooks})
		}
		return
	}
	seen := s.Audit
	s.Audit = Sight{}
	if m.on(RecordIdle) && s.busy(rows) || m.on(RecordWaits) && s.waits(rows, seen.Total-seen.Recorded) || m.on(RecordUnmoved) && s.Recorded != seen.Recorded {
		m.Emit(s, Move{Kind: RecordNothing})
		return
	}
	s.Provider += seen.Total - seen.Recorded
	s.Recorded = max(s.Recorded, seen.Total)
	m.Emit(s, Move{Kind: RecordHand})
}
