package model

import "duly/internal/model/search"

// put hands a request to the network. It reports whether there was room.
func (m *machine) put(s *State, r Request) bool {
	for i := range s.Net[:m.Bounds.Requests] {
		if s.Net[i].N == 0 {
			s.Net[i] = r
			return true
		}
	}
	return false
}

// unheard makes the worker wait for none of its requests any more.
func (s *State) unheard(w uint8) {
	for i := range s.Net {
		if s.Net[i].Worker == owner(w) {
			s.Net[i].Worker = 0
		}
	}
}

// arriving reports whether a request under the key can still be executed.
func (m *machine) arriving(s *State, n uint8) bool {
	for _, r := range s.Net {
		if r.N == n && m.takes(r.Place) {
			return true
		}
	}
	return false
}

// deliver loses each request, or brings it to the gateway with every answer that it may give.
func (m *machine) deliver(s State) {
	for i, r := range s.Net {
		if r.N == 0 || i > 0 && r == s.Net[i-1] {
			continue
		}
		gone := s
		gone.Net[i] = Request{}
		m.Emit(gone, Move{Kind: LoseRequest, N: r.N})
		if r.Begun {
			if s.Account[r.Place][r.N-1].Result == NoReply {
				gone.execute(r.Place, r.N, OK)
				m.Emit(gone, Move{Kind: LateEffect, N: r.N})
			}
			continue
		}
		if !m.takes(r.Place) {
			m.answer(gone, r, Busy)
			continue
		}
		if record := s.Account[r.Place][r.N-1]; m.remembers(record) {
			m.answer(gone, r, record.said())
			continue
		}
		executed := gone
		executed.execute(r.Place, r.N, OK)
		m.answer(executed, r, OK)
		m.answer(gone, r, Busy)
		if m.Gateway.Declines {
			declined := gone
			declined.execute(r.Place, r.N, Refusal)
			m.answer(declined, r, Refusal)
		}
		if m.Gateway.Rejects {
			m.answer(gone, r, BadInput)
		}
		if m.Gateway.Deceives {
			m.answer(executed, r, BadInput)
		}
		if m.Gateway.Mixes {
			m.answer(executed, r, Foreign)
		}
		if m.Gateway.Errs {
			m.err(s, i)
		}
	}
}

// err answers a request with an error that is kept under its key: nothing was executed, or the money is taken, or it may be taken yet.
func (m *machine) err(s State, i int) {
	r := s.Net[i]
	s.Account[r.Place][r.N-1] = Record{Kept: Fault}
	late := s
	late.Net[i].Worker, late.Net[i].Begun, late.Net[i].Left = 0, true, min(r.Left, longest)
	m.answer(late, r, Fault)
	s.Net[i] = Request{}
	m.answer(s, r, Fault)
	s.execute(r.Place, r.N, OK)
	m.answer(s, r, Fault)
}

// answer loses the answer, or brings it to the worker that waits for it.
func (m *machine) answer(s State, r Request, reply Reply) {
	m.Emit(s, Move{Kind: LoseAnswer, N: r.N, Reply: reply})
	if r.Worker == 0 {
		return
	}
	w := r.Worker - 1
	if s.Workers[w].Phase != Waiting {
		return
	}
	s.Workers[w].Phase, s.Workers[w].Answer = Got, reply
	m.Emit(s, Move{Kind: BringAnswer, W: w, N: r.N, Reply: reply})
}

// tick lets time pass, unless a request must be delivered or lost first.
func (m *machine) tick(s State) {
	for _, r := range s.Net {
		if r.N != 0 && r.Left == 0 {
			return
		}
	}
	for i := range s.Net {
		if s.Net[i].N != 0 {
			s.Net[i].Left--
		}
	}
	for w := range workers {
		if s.Workers[w].N == 0 {
			continue
		}
		if search.Grow(&s.Workers[w].Held, hold+1); s.Workers[w].Held <= hold {
			continue
		}
		if m.on(LeaseAtSend) && m.on(LeaseAtSettle) {
			s.drop(w) // all that it may still do is end
			continue
		}
		s.Workers[w].Lost = true
		s.disown(w)
	}
	m.age(&s.DB)
	if s.HasBackup {
		m.age(&s.Backup)
	}
	for p := range s.Account {
		for i := range s.Account[p] {
			if r := &s.Account[p][i]; r.said() != NoReply && !m.Gateway.KeepsKeys {
				search.Grow(&r.Age, max(m.Gateway.KeyLife, m.Gateway.Lag))
			}
		}
	}
	if s.Due+longest < m.Gateway.KeyLife {
		s.Due++
	}
	if s.Suspect > 0 {
		search.Grow(&s.Suspect, m.quiet()+2)
		if !m.unquiet(&s) && !m.blind() {
			s.Suspect = 0 // nothing asks for it any more
		}
	}
	m.Emit(s, Move{Kind: Tick})
}

// age makes the attempts older, up to the ages that no rule tells apart.
func (m *machine) age(d *DB) {
	for i := range d.Attempts {
		a := &d.Attempts[i]
		switch {
		case a.open():
			search.Grow(&a.Age, m.window()+operatorWaits+1)
			if a.AllAnswered {
				search.Grow(&a.Since, longest+1)
			}
		case a.Status == Rejected && a.Proof == Unproven:
			search.Grow(&a.Age, m.travel()+1)
		}
	}
}
