package model

// Reply is what a gateway answers to a charge, and what it keeps of it.
type Reply uint8

// The replies.
const (
	NoReply Reply = iota
	OK
	Refusal  // a decline, kept under the key
	Busy     // 429, or a place that takes no charges: nothing was executed by this request
	BadInput // 400
	Foreign  // a success with somebody else's payment id
	Fault    // the gateway's own error, kept under the key: the money may have been taken, or may be yet
)

// Asking is how long a look-up by key finds a payment.
type Asking uint8

// The look-ups.
const (
	CannotAsk Asking = iota
	AskKeyLife
	AskForever
)

// Gateway is what a gateway declares and does.
type Gateway struct {
	KeyLife   uint8 // L in ticks; 0: no keys
	KeepsKeys bool  // the POST never forgets a key, whatever it declares
	Ask       Asking
	List      bool
	Lag       uint8 // ticks after which a payment is in the list
	Declines  bool  // charges may be declined
	Rejects   bool  // charges may be answered 400, and nothing is executed
	Deceives  bool  // charges may be executed and answered 400
	Errs      bool  // charges may be answered with an error that is kept under the key, whatever becomes of them
	Mixes     bool  // charges may be executed and answered with another payment; look-ups by its id as well
}

// Other is what stands at the other place that a URL may lead to.
type Other uint8

// The other places. Only Second takes real money.
const (
	NoOther Other = iota
	Void          // answers "absent" to everything
	Staging       // shows our successes under other payment ids
	Stale         // a copy from before the attempt: shows what is earlier, with the same ids
	Purged        // the account without what was before some instant: shows what is later
	Second        // another account of ours
)

// blind reports whether nobody can find out what the gateway did for a history that was lost.
func (m *machine) blind() bool {
	g := m.Gateway
	return !g.List && (g.Ask == CannotAsk || g.Ask == AskKeyLife && m.on(ForgetfulStops))
}

// takes reports whether the place executes charges.
func (m *machine) takes(place uint8) bool { return place == 0 || m.Other == Second }

// remembers reports whether a POST under the key brings the first answer again.
func (m *machine) remembers(r Record) bool {
	g := m.Gateway
	return r.said() != NoReply && g.KeyLife > 0 && (g.KeepsKeys || r.Age < g.KeyLife)
}

// said is what a POST under the key was answered with first.
func (r Record) said() Reply {
	if r.Kept != NoReply {
		return r.Kept
	}
	return r.Result
}

// lookUp returns what the place shows of the key.
func (m *machine) lookUp(s *State, place, n uint8) Reply {
	r := s.Account[place][n-1]
	if m.Gateway.Ask == CannotAsk || m.Gateway.Ask == AskKeyLife && r.Age >= m.Gateway.KeyLife {
		return NoReply
	}
	return r.Result
}

// listed returns what the list of the place holds of the key.
func (m *machine) listed(s *State, place, n uint8) Reply {
	r := s.Account[place][n-1]
	if r.Age < m.Gateway.Lag {
		return NoReply
	}
	return r.Result
}

// execute takes the money and keeps the record.
func (s *State) execute(place, n uint8, result Reply) {
	r := &s.Account[place][n-1]
	r.Result, r.Age = result, 0
	if result == OK {
		s.Charges = min(s.Charges+1, 2)
	}
}

// taken reports whether money was taken under the key at any account: what an operator sees at the provider's.
func (s *State) taken(n uint8) bool {
	return s.Account[0][n-1].Result == OK || s.Account[1][n-1].Result == OK
}

// controls says what the place shows of our other successes: whether it shows one that is earlier and one
// that is later than the attempt, and whether one that it should show is missing.
func (m *machine) controls(s *State, place uint8) (earlier, later, failed bool) {
	booked := m.Earlier
	switch m.Other {
	case NoOther:
		return m.Earlier, m.Later, false
	case Void, Second:
		earlier = booked && place == 0
		later = s.DB.Later>>place&1 == 1
	case Staging:
		copied := place == 0 || !m.on(ControlByID)
		earlier, later = booked && copied, s.DB.Later&1 == 1 && copied
	case Purged:
		earlier, later = booked && place == 0, s.DB.Later&1 == 1
	case Stale:
		earlier, later = booked, s.DB.Later&1 == 1 && place == 0
	}
	failed = m.on(ControlEarlier) && booked && !earlier || m.on(ControlLater) && s.DB.Later != 0 && !later
	return earlier, later, failed
}

// vetted reports whether an absence at the place counts.
func (m *machine) vetted(s *State, place uint8) bool {
	if !m.on(Controls) {
		return true
	}
	earlier, later, failed := m.controls(s, place)
	return !failed && (earlier || !m.on(ControlEarlier)) && (later || !m.on(ControlLater))
}
