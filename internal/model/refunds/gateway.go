package refunds

import "duly/internal/model/search"

// Reply is what the gateway answers.
type Reply uint8

// The replies.
const (
	NoReply Reply = iota
	Yes           // refunded
	Busy          // nothing was executed by this request
	No            // refused for good
)

// Gateway is what a gateway does.
type Gateway struct {
	KeyLife uint8 // L in ticks; 0: it keeps no keys
	Keeps   bool  // keys are kept for longer than is declared
	Mute    bool  // it cannot be asked about a payment
	Busies  bool  // requests may be answered Busy
	Rejects bool  // requests may be answered No, though something is left
}

// maxRequests bounds the requests on their way.
const maxRequests = 2

// Request is a request on its way. Its zero value is none.
type Request struct {
	Number uint8 // of its key
	Row    uint8
	Amount uint8
	Left   uint8 // ticks until it is delivered or lost at the latest
	Worker uint8 // 1 + the worker that waits, 0: nobody
}

// Record is what the gateway keeps of a key.
type Record struct {
	Shown uint8 // the total in its first answer; 0: nothing is kept
	Age   uint8
}

// Rank orders the requests on their way.
func (r Request) Rank() uint32 {
	return uint32(r.Number)<<16 | uint32(r.Row)<<12 | uint32(r.Amount)<<8 | uint32(r.Left)<<4 | uint32(r.Worker)
}

// unheard makes nobody wait for the worker's requests.
func (s *State) unheard(w uint8) {
	for i := range s.Net {
		if s.Net[i].Worker == w+1 {
			s.Net[i].Worker = 0
		}
	}
}

// put hands a request to the network, if there is room.
func (m *machine) put(s *State, r Request) bool {
	for i := range s.Net[:m.Requests] {
		if s.Net[i].Number == 0 {
			s.Net[i] = r
			return true
		}
	}
	return false
}

// deliver executes, answers or loses each request.
func (m *machine) deliver(s State) {
	for i, r := range s.Net {
		if r.Number == 0 {
			continue
		}
		next := s
		next.Net[i] = Request{}
		m.Emit(next, Move{Kind: LoseRequest, Row: r.Row})
		if k := s.Keys[r.Number-1]; k.Shown > 0 && (m.Gateway.Keeps || m.Gateway.KeyLife > k.Age) {
			m.answer(next, r, Yes, k.Shown)
			continue
		}
		if m.Gateway.Busies {
			m.answer(next, r, Busy, 0)
		}
		beyond := m.on(Capped) && s.Total+r.Amount > Paid
		if m.Gateway.Rejects || beyond {
			m.answer(next, r, No, 0)
		}
		if beyond || s.Total > Paid {
			continue
		}
		next.Total += r.Amount
		next.Rows[r.Row].Executed = min(next.Rows[r.Row].Executed+1, 2)
		if m.Gateway.KeyLife > 0 {
			next.Keys[r.Number-1] = Record{Shown: next.Total}
		}
		if next.Rows[r.Row].ended() {
			next.match()
		}
		m.answer(next, r, Yes, next.Total)
	}
}

// match notes where the gateway shows just what is missing, because of somebody's refund, or of a request that arrives after its row was ended by one.
func (s *State) match() {
	for i := range s.Rows {
		r := &s.Rows[i]
		r.Matched = r.Matched || r.Executed == 0 && r.Sent && s.Total == r.Before+r.Amount
	}
}

// answer brings the reply, or loses it.
func (m *machine) answer(s State, r Request, reply Reply, shown uint8) {
	if r.Worker == 0 {
		m.Emit(s, Move{Kind: Unheard, Row: r.Row, Reply: reply})
		return
	}
	if reply == Yes {
		m.Emit(s, Move{Kind: LoseAnswer, Row: r.Row, Reply: reply})
	}
	v := &s.Workers[r.Worker-1]
	v.Phase, v.Answer, v.Shown = Got, reply, shown
	m.Emit(s, Move{Kind: BringAnswer, W: r.Worker - 1, Row: r.Row, Reply: reply})
}

// refundByHand is somebody who refunds at the provider's page.
func (m *machine) refundByHand(s State) {
	for amount := uint8(1); s.Hands < m.Hands && s.Total+amount <= Paid; amount++ {
		next := s
		next.Hands++
		next.Total += amount
		next.match()
		m.Emit(next, Move{Kind: HandRefund, Amount: amount})
	}
}

// tick lets time pass: what has to arrive has arrived, and a claim that is too old is somebody else's.
func (m *machine) tick(s State) {
	for i := range s.Net {
		switch r := &s.Net[i]; {
		case r.Number == 0:
		case r.Left == 0:
			return
		default:
			r.Left--
		}
	}
	limit := m.quiet() + 1
	for i := range s.Rows {
		if s.Rows[i].Sent {
			search.Grow(&s.Rows[i].Age, limit)
		}
		s.Rows[i].Quiet -= min(s.Rows[i].Quiet, 1)
	}
	for i := range s.Keys {
		if s.Keys[i].Shown > 0 && !m.Gateway.Keeps {
			search.Grow(&s.Keys[i].Age, m.Gateway.KeyLife)
		}
	}
	for w := range uint8(workers) {
		v := &s.Workers[w]
		if v.Phase == Idle {
			continue
		}
		search.Grow(&v.Age, limit)
		search.Grow(&v.Held, hold+1)
		if v.Held > hold {
			m.lose(&s, w)
		}
	}
	m.Emit(s, Move{Kind: Tick})
}

// restore sets the tables back to a backup that was made before anything was done, when nothing is on its way and no key is kept any more.
func (m *machine) restore(s State) {
	if !m.Restores || s.Restored {
		return
	}
	for _, r := range s.Net {
		if r.Number != 0 {
			return
		}
	}
	next := m.begin()
	for i := range next.Rows {
		next.Rows[i].Executed = s.Rows[i].Executed
	}
	next.Total, next.Hands, next.Restored = s.Total, s.Hands, true
	m.Emit(next, Move{Kind: Restore})
}
