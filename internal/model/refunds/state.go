package refunds

import "duly/internal/model/search"

// Paid is what was paid, in units.
const Paid uint8 = 3

const (
	rows    = 2
	workers = 2
	longest = 1 // R: how long a request can be on its way
	hold    = 1 // how long a claim lasts; for as long requests may leave to a gateway without keys
)

// Status is the status of a row.
type Status uint8

// The statuses. The zero value is no row.
const (
	None Status = iota
	Requested
	InFlight
	InDoubt
	Review
	Refunded
	Refused
	Cancelled
)

// Row is a row of refunds.
type Row struct {
	Status    Status
	Want      uint8 // units; 0: all that is left
	Number    uint8 // of its key, from 1; 0: it was not claimed
	Owner     uint8 // 1 + the worker that holds it, 0: nobody
	Unsettled bool
	Sent      bool  // Before and Amount are stored
	Before    uint8 // what was refunded before it
	Amount    uint8 // what is asked for; of a refunded row: what was refunded
	Age       uint8 // since they were stored
	Quiet     uint8 // in review: ticks until nothing of it can take effect

	Executed uint8 // how often the gateway executed it, at most 2
	Matched  bool  // not executed, and since the look before it the gateway showed just what was missing of it
}

// Step is what is to be written of a claimed row.
type Step uint8

// The steps.
const (
	Later Step = iota
	Done
	Refuse
	ToReview
	Left // nothing was done
)

// Phase is what a worker does.
type Phase uint8

// The phases.
const (
	Idle    Phase = iota
	Claimed       // looks at the payment next
	Decided       // to send, and nothing is stored of that
	Ready         // to send
	Waiting       // for the answer
	Got           // the answer
	Ending        // the claim: Step is to be written
)

// Worker is one process. What it knows of its row is what the row said at the claim.
type Worker struct {
	Phase   Phase
	Row     uint8 // from 0
	Held    uint8 // ticks since the claim
	Sent    bool  // the row was sent before this claim
	Before  uint8
	Amount  uint8
	Age     uint8 // since it was stored, or since the claim
	Tries   uint8
	Doubted bool
	Lost    bool // its lease is over
	Maybe   bool // what the gateway shows, and is recorded nowhere, may be its row
	Answer  Reply
	Shown   uint8 // total in the answer
	Step    Step
	Total   uint8 // refunded at the gateway, as it was seen: in Decided, and with Done and Refuse
}

// Sight is what somebody saw at the gateway before he writes it down.
type Sight struct {
	Is       bool
	Row      uint8 // an operator's
	Total    uint8
	Recorded uint8 // an audit's: what was recorded then
}

// State is one state. It is comparable and holds no pointers.
type State struct {
	Rows     [rows]Row
	Workers  [workers]Worker
	Net      [maxRequests]Request
	Keys     [rows]Record
	Total    uint8 // refunded at the gateway
	Recorded uint8 // what is recorded with the payment
	Provider uint8 // sum of the rows that an audit wrote
	Operator Sight
	Audit    Sight
	Hands    uint8 // refunds by somebody at the provider
	Crashes  uint8
	Presumed uint8
	Restored bool // the tables were set back
}

func (r Row) ended() bool { return r.Status >= Refunded }

// end ends a row; what no rule reads any more is cleared.
func (r *Row) end(to Status, amount uint8) {
	*r = Row{Status: to, Number: r.Number, Amount: amount, Executed: r.Executed, Matched: r.Matched}
}

// Over reports whether every row came to an end or waits for an operator.
func (s *State) Over() bool {
	for _, r := range s.Rows {
		if r.Status != None && r.Status != Review && !r.ended() {
			return false
		}
	}
	return true
}

// busy reports whether another row than r is unsettled.
func (s *State) busy(r uint8) bool {
	for i := range s.Rows {
		if s.Rows[i].Unsettled && uint8(i) != r {
			return true
		}
	}
	return false
}

// mine reports whether the worker's row is under its lease.
func (s *State) mine(w uint8) bool {
	v := s.Workers[w]
	return !v.Lost && s.Rows[v.Row].Owner == w+1
}

// release takes the worker's lease.
func (s *State) release(w uint8) {
	for i := range s.Rows {
		if s.Rows[i].Owner == w+1 {
			s.Rows[i].Owner = 0
		}
	}
}

// drop ends what the worker does.
func (s *State) drop(w uint8) {
	s.release(w)
	s.unheard(w)
	s.Workers[w] = Worker{}
}

// Canonical sorts the requests, and the workers, which nothing tells apart. It reports whether the workers changed places.
func (s *State) Canonical() bool {
	swap := s.Workers[0].rank() < s.Workers[1].rank()
	if swap {
		s.Workers[0], s.Workers[1] = s.Workers[1], s.Workers[0]
		for i := range s.Rows {
			s.Rows[i].Owner = search.SwappedOwner(s.Rows[i].Owner)
		}
		for i := range s.Net {
			s.Net[i].Worker = search.SwappedOwner(s.Net[i].Worker)
		}
	}
	search.Sort(s.Net[:])
	return swap
}

func (w Worker) rank() uint64 {
	var rank uint64
	for _, part := range [...]uint8{uint8(w.Phase), w.Row, w.Held, w.Before, w.Amount, w.Age, w.Tries, uint8(w.Answer), w.Shown, uint8(w.Step), w.Total} {
		rank = rank<<4 | uint64(part)
	}
	for _, flag := range [...]bool{w.Sent, w.Doubted, w.Lost, w.Maybe} {
		rank <<= 1
		if flag {
			rank |= 1
		}
	}
	return rank
}

// held reports whether the row waits for an operator since it may have been executed before the tables were set back.
func (r Row) held() bool { return r.Status == Review && r.Unsettled && !r.Sent }

// waits reports whether another row than r waits that the refund of so many units may be.
func (s *State) waits(r, units uint8) bool {
	for i := range s.Rows {
		if o := s.Rows[i]; uint8(i) != r && o.Status == Requested && o.Want > 0 && o.Want <= units {
			return true
		}
	}
	return false
}
