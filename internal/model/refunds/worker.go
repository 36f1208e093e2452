package refunds

import "duly/internal/model/search"

// work lets each worker do its next step in every way.
func (m *machine) work(s State) {
	for w := range uint8(workers) {
		switch v := s.Workers[w]; v.Phase {
		case Idle:
			for r := range uint8(rows) {
				m.claim(s, w, r)
			}
			continue
		case Claimed:
			m.look(s, w)
		case Decided:
			m.freeze(s, w)
		case Ready:
			m.send(s, w)
		case Waiting:
			m.timeOut(s, w)
		case Got:
			m.hear(s, w)
		case Ending:
			m.settle(s, w)
		}
		if s.Crashes < m.Crashes {
			next := s
			next.Crashes++
			next.drop(w)
			m.Emit(next, Move{Kind: Crash, W: w})
		}
		if s.Presumed < m.Presumed && !s.Workers[w].Lost {
			next := s
			next.Presumed++
			m.lose(&next, w)
			m.Emit(next, Move{Kind: PresumeDead, W: w})
		}
	}
}

// lose ends the worker's lease. It goes on; but where nothing is written or sent without a lease, whatever it does is as if it did nothing.
func (m *machine) lose(s *State, w uint8) {
	if m.on(LeaseAtFreeze) && m.on(LeaseAtSend) && m.on(LeaseAtSettle) {
		s.drop(w)
		return
	}
	s.release(w)
	s.Workers[w].Lost = true
}

// claim takes a row that nobody holds, unless another one of the payment is unsettled.
func (m *machine) claim(s State, w, n uint8) {
	r := &s.Rows[n]
	if r.Owner > 0 || r.Status != Requested && r.Status != InFlight && r.Status != InDoubt || m.on(OneUnsettled) && s.busy(n) {
		return
	}
	if r.Number == 0 {
		r.Number = 1
		if other := s.Rows[rows-1-n].Number; m.on(OwnKey) {
			r.Number = other + 1
		}
	}
	r.Status, r.Unsettled, r.Owner = InFlight, true, w+1
	s.Workers[w] = Worker{Phase: Claimed, Row: n}
	if r.Sent {
		v := &s.Workers[w]
		v.Sent, v.Before, v.Amount, v.Age, v.Doubted = true, r.Before, r.Amount, r.Age, true
	}
	m.Emit(s, Move{Kind: Claim, W: w, Row: n})
}

// finish goes on to write an end.
func (m *machine) finish(s State, w uint8, step Step, kind Kind) {
	v := &s.Workers[w]
	s.unheard(w)
	v.Phase, v.Step, v.Answer, v.Shown, v.Tries = Ending, step, NoReply, 0, 0
	if step != Done {
		v.Amount = 0
	}
	if step != Done && step != Refuse {
		v.Total = 0
	}
	v.Before, v.Age = 0, 0
	v.Maybe = v.Maybe && step == ToReview
	m.Emit(s, Move{Kind: kind, W: w, Row: v.Row})
}

// look asks what is refunded of the payment, and decides.
func (m *machine) look(s State, w uint8) {
	if m.Gateway.Busies {
		m.finish(s, w, Later, LookUnanswered)
	}
	if m.Gateway.Mute {
		m.finish(s, w, ToReview, LookSays)
		return
	}
	v := &s.Workers[w]
	v.Total = s.Total
	if v.Sent {
		m.compare(s, w)
		return
	}
	left := Paid - min(s.Total, Paid)
	unexplained := s.Total - min(s.Recorded, s.Total)
	if want := s.Rows[v.Row].Want; want > 0 && left > 0 && m.on(Unexplained) {
		if unexplained >= want {
			v.Maybe = true
			m.finish(s, w, ToReview, LookSays)
			return
		}
		if s.waits(v.Row, unexplained) {
			m.finish(s, w, Later, LookSays)
			return
		}
	}
	if v.Amount = s.Rows[v.Row].Want; v.Amount == 0 {
		v.Amount = left
	}
	if left == 0 || v.Amount > left {
		m.finish(s, w, Refuse, LookSays)
		return
	}
	v.Before = s.Total
	if !m.on(BeforeSeen) {
		v.Before = s.Recorded
	}
	v.Phase = Decided // with the total that it saw
	m.Emit(s, Move{Kind: LookSends, W: w, Row: v.Row})
}

// compare decides about a row that may have been executed.
func (m *machine) compare(s State, w uint8) {
	v := &s.Workers[w]
	missing := v.Before + v.Amount
	switch {
	case s.Total == missing, s.Total > missing && !m.on(Exactly):
		m.finish(s, w, Done, LookSays)
	case s.Total < v.Before:
		m.finish(s, w, ToReview, LookSays)
	case m.kept(v.Age), s.Total == v.Before && (m.rest(v) || !m.on(RestAlone)) && (m.Gateway.KeyLife > 0 || v.Age > m.quiet()):
		v.Phase, v.Total = Ready, 0
		m.Emit(s, Move{Kind: LookSends, W: w, Row: v.Row})
	case v.Age <= m.quiet() && m.on(Quiet):
		m.finish(s, w, Later, LookSays)
	default:
		m.finish(s, w, ToReview, LookSays)
	}
}

// kept reports whether a key so old is kept when a request that leaves now arrives.
func (m *machine) kept(age uint8) bool {
	if m.Gateway.KeyLife == 0 {
		return false
	}
	if !m.on(Margin) {
		return age < m.Gateway.KeyLife
	}
	return age+longest < m.Gateway.KeyLife
}

// rest reports whether the worker's row is of all that was left.
func (m *machine) rest(v *Worker) bool { return v.Before+v.Amount == Paid }

// quiet is how old a row is when nothing that was sent of it can take effect any more.
func (m *machine) quiet() uint8 {
	if m.Gateway.KeyLife == 0 {
		return longest + hold
	}
	return m.Gateway.KeyLife + longest
}

// freeze stores what is sent, under the lease of the claim.
func (m *machine) freeze(s State, w uint8) {
	v := &s.Workers[w]
	r := &s.Rows[v.Row]
	if m.on(LeaseAtFreeze) && (!s.mine(w) || r.Sent) {
		m.finish(s, w, Left, FreezeRefused)
		return
	}
	seen := v.Total
	v.Phase, v.Total = Ready, 0
	if m.on(FreezeFirst) && !r.ended() {
		r.Sent, r.Before, r.Amount, r.Age = true, v.Before, v.Amount, 0
		r.Matched = s.Total == seen+v.Amount // somebody was faster
		lost := s
		m.finish(lost, w, Left, FreezeUnanswered)
	}
	m.Emit(s, Move{Kind: Freeze, W: w, Row: v.Row})
}

// send checks what must hold when a request leaves, and hands it to the network.
func (m *machine) send(s State, w uint8) {
	v := &s.Workers[w]
	r := s.Rows[v.Row]
	late := m.Gateway.KeyLife == 0 && v.Held >= hold && m.on(Window)
	old := m.Gateway.KeyLife > 0 && !m.kept(v.Age) && !m.rest(v) && m.on(AgeAtSend)
	if v.Lost && m.on(LeaseAtSend) || late || old {
		m.finish(s, w, Later, LetBe)
		return
	}
	s.unheard(w)
	if !m.put(&s, Request{Number: r.Number, Row: v.Row, Amount: v.Amount, Left: longest, Worker: w + 1}) {
		return
	}
	v.Phase = Waiting
	v.Tries++
	broke := search.NoViolation
	if !r.Sent && !r.ended() {
		broke = SentUnstored
	}
	m.EmitBroken(s, Move{Kind: Send, W: w, Row: v.Row}, broke)
}

// timeOut stops waiting: the request is sent again under its key, or left to the next look.
func (m *machine) timeOut(s State, w uint8) {
	v := &s.Workers[w]
	s.unheard(w)
	v.Doubted = true
	if m.Gateway.KeyLife > 0 && v.Tries < m.Sends {
		v.Phase = Ready
		m.Emit(s, Move{Kind: TimeOut, W: w, Row: v.Row})
	}
	m.finish(s, w, Later, TimeOut)
}

// hear decides by the answer.
func (m *machine) hear(s State, w uint8) {
	v := &s.Workers[w]
	switch {
	case v.Answer == No && v.Tries > 1 && m.on(DoubtSticks): // an earlier request of this claim got no answer
		m.finish(s, w, Later, Hear)
	case v.Answer == No:
		m.finish(s, w, ToReview, Hear)
	case v.Answer == Busy:
		m.finish(s, w, Later, Hear)
	case v.Shown >= v.Before+v.Amount || !m.on(ReplyShows):
		v.Total = v.Shown
		m.finish(s, w, Done, Hear)
	default:
		v.Doubted = true
		m.finish(s, w, Later, Hear)
	}
}

// settle writes the end of a claim, under its lease.
func (m *machine) settle(s State, w uint8) {
	v := s.Workers[w]
	r := &s.Rows[v.Row]
	if !s.mine(w) && (m.on(LeaseAtSettle) || r.ended()) {
		s.drop(w)
		m.Emit(s, Move{Kind: Forget, W: w, Row: v.Row})
		return
	}
	doubted := v.Doubted && m.on(DoubtSticks)
	if v.Step == Left {
		doubted = v.Sent
	}
	if !doubted && v.Step != Done {
		r.Sent, r.Before, r.Amount, r.Age = false, 0, 0, 0
	}
	broke := search.NoViolation
	switch v.Step {
	case Done:
		if r.Executed == 0 && !r.Matched {
			broke = NotRefunded
		}
		r.end(Refunded, v.Amount)
		s.Recorded = max(s.Recorded, v.Total)
	case Refuse:
		r.end(Refused, 0)
		s.Recorded = max(s.Recorded, v.Total)
	case ToReview:
		if r.Status, r.Unsettled = Review, doubted || v.Maybe; doubted && m.on(WordQuiet) {
			r.Quiet = longest + 1 // in the tick that ends then it may still arrive
		}
	case Later, Left:
		r.Status, r.Unsettled = Requested, false
		if doubted {
			r.Status, r.Unsettled = InDoubt, true
		}
	}
	s.drop(w)
	m.EmitBroken(s, Move{Kind: Settle, W: w, Row: v.Row, Step: v.Step}, broke)
}
