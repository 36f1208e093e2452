package model

import "duly/internal/model/search"

// Numbers is how many key numbers an invoice can reach.
const Numbers uint8 = 2

// workers is how many processes work at the same time.
const workers uint8 = 2

// The instants of the model, in ticks.
const (
	longest       = 1 // R: how long a request can be on its way
	hold          = 1 // how long a worker holds a claim; its lease ends then
	operatorWaits = 1 // how long past L+R an operator waits before giving his word for an attempt in doubt
)

// Invoice is the status of the invoice.
type Invoice uint8

// The statuses of an invoice. Charging is Open with an unsettled attempt.
const (
	InvoiceOpen   Invoice = iota
	InvoiceReview         // an operator decides
	InvoicePaid
	InvoiceEnded  // uncollectible: every number was declined
	InvoiceClosed // an operator closed the period, since the money was taken
	InvoiceDue    // there is none yet: the period is due, and not issued
)

// Status is the status of an attempt.
type Status uint8

// The statuses of an attempt.
const (
	None Status = iota
	InFlight
	InDoubt
	Released
	Declined
	Rejected
	Review
	Succeeded
)

// Proof is why the key of an attempt has done nothing and never will.
type Proof uint8

// The proofs.
const (
	Unproven Proof = iota
	Answer         // the gateway's decline
	Absence        // a vetted look-up by our own key
	Word           // an operator's recorded word
)

// Attempt is the row of one key number. Its zero value is no row.
type Attempt struct {
	Status  Status
	Owner   uint8 // 1 + the worker that holds it, 0: nobody
	Age     uint8 // since it was claimed for a first send; a rejected one: since the answer
	Doubted bool  // a request under it may have been executed
	LookUp  bool  // it is not sent again: the key has an error
	// AllAnswered: the gateway answered every request of it.
	AllAnswered bool
	Since       uint8 // since its last request was answered; counted where AllAnswered
	Account     uint8 // the place that the URL led to at its claim
	Proof       Proof
}

// DB is what the database holds of one invoice, and what a backup brings back.
type DB struct {
	Invoice  Invoice
	Attempts [Numbers]Attempt
	// Later has one bit for each place at which a success of another invoice, later than the first send, is booked.
	Later uint8
}

// Phase is what a worker does.
type Phase uint8

// The phases of a worker.
const (
	Idle       Phase = iota // no run
	Running                 // a run between two rows
	Absent                  // holds an attempt whose key the gateway does not know
	Controlled              // asked the control before the absence; only without ControlAfterAbsence
	Ready                   // may send
	Waiting                 // for the answer to its request
	Got                     // an answer that is not settled yet
)

// Worker is one process.
type Worker struct {
	Phase  Phase
	N      uint8 // the number it holds, from 1
	Held   uint8 // ticks since its claim
	Born   uint8 // how old the attempt was at its claim
	Tries  uint8 // requests sent under this claim
	Answer Reply // in Got
	Acked  Acked // what its last acknowledged transaction wrote
	Place  uint8 // where the URL led to when the run began
	Doubt  bool  // one of its requests got no answer
	Lost   bool  // its lease is over
	Old    bool  // its run began before the database was replaced
	Missed bool  // its run began after the backup was taken, so that the backup lacks the run's row
	Listed bool  // its run began with a complete list
	Over   bool  // nothing could take effect any more when the absence was asked for
	Exempt bool  // its key was not looked up, since the due date was young
}

// Acked is what a run's last acknowledged transaction wrote: the attempt's number and status.
type Acked struct {
	N      uint8
	Status Status
}

// Request is a request on its way. Its zero value is none.
type Request struct {
	N      uint8
	Place  uint8
	Left   uint8 // ticks until it is delivered or lost at the latest
	Worker uint8 // 1 + the worker that waits for the answer, 0: nobody
	Begun  bool  // it was answered with an error, and may take effect yet
}

// Record is what an account keeps of one key. Its zero value is nothing.
type Record struct {
	Result Reply // what became of the charge, as look-ups show it
	Kept   Reply // the error that a POST is answered with, whatever became of the charge
	Age    uint8
}

// maxRequests bounds the array; [Bounds] bounds the requests.
const maxRequests = 3

// State is one state of the model. It is comparable, small and holds no pointers.
type State struct {
	DB      DB
	Backup  DB
	Workers [workers]Worker
	Net     [maxRequests]Request
	Account [2][Numbers]Record

	HasBackup bool
	Charges   uint8 // successful charges of the invoice at real accounts, at most 2
	Due       uint8 // ticks since the due date began
	At        uint8 // the place that the URL leads to: 0 the right one, 1 the other
	Suspect   uint8 // 0: no loss is suspected; else 1 + ticks since the database was replaced
	Crashes   uint8
	Presumed  uint8 // live workers that were taken for dead
	Losses    uint8
	Switches  uint8
}

func (d *DB) attempt(n uint8) *Attempt { return &d.Attempts[n-1] }

// unsettled reports whether the gateway may still decide the attempt.
func (a Attempt) unsettled() bool { return a.Status == InFlight || a.Status == InDoubt }

// open reports whether an attempt is unsettled or with an operator.
func (a Attempt) open() bool { return a.unsettled() || a.Status == Review }

// settle ends the attempt; what no rule reads any more is cleared.
func (a *Attempt) settle(to Status, proof Proof) {
	*a = Attempt{Status: to, Proof: proof, Account: a.Account}
}

// Over reports whether nothing is left to do for the invoice.
func (s *State) Over() bool {
	if s.DB.Invoice != InvoicePaid && s.DB.Invoice != InvoiceEnded && s.DB.Invoice != InvoiceClosed {
		return false
	}
	for _, a := range s.DB.Attempts {
		if a.open() {
			return false
		}
	}
	return true
}

// Canonical names the two workers in a fixed order, since nothing tells them apart, and sorts the requests.
// It reports whether the workers changed places.
func (s *State) Canonical() bool {
	swap := s.Workers[0].less(s.Workers[1])
	if swap {
		s.Workers[0], s.Workers[1] = s.Workers[1], s.Workers[0]
		for i := range s.DB.Attempts {
			s.DB.Attempts[i].Owner = search.SwappedOwner(s.DB.Attempts[i].Owner)
			s.Backup.Attempts[i].Owner = search.SwappedOwner(s.Backup.Attempts[i].Owner)
		}
		for i := range s.Net {
			s.Net[i].Worker = search.SwappedOwner(s.Net[i].Worker)
		}
	}
	search.Sort(s.Net[:])
	return swap
}

// Rank orders the requests on their way.
func (r Request) Rank() uint32 {
	rank := uint32(r.N)<<24 | uint32(r.Place)<<16 | uint32(r.Left)<<8 | uint32(r.Worker)<<1
	if r.Begun {
		rank |= 1
	}
	return rank
}

func (w Worker) less(v Worker) bool { return w.rank() < v.rank() }

func (w Worker) rank() uint64 {
	rank := uint64(w.Phase)
	for _, part := range [...]uint8{w.N, w.Held, w.Born, w.Tries, uint8(w.Answer), w.Acked.N, uint8(w.Acked.Status)} {
		rank = rank<<5 | uint64(part)
	}
	for _, flag := range [...]bool{w.Place == 1, w.Doubt, w.Lost, w.Old, w.Missed, w.Listed, w.Over, w.Exempt} {
		rank <<= 1
		if flag {
			rank |= 1
		}
	}
	return rank
}
