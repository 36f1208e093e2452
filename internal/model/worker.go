package model

import "duly/internal/model/search"

// owner names a worker in a row or a request.
func owner(w uint8) uint8 { return w + 1 }

// disown takes the worker's lease from every attempt.
func (s *State) disown(w uint8) {
	for i := range s.DB.Attempts {
		if s.DB.Attempts[i].Owner == owner(w) {
			s.DB.Attempts[i].Owner = 0
		}
	}
}

// drop ends the worker's process.
func (s *State) drop(w uint8) {
	s.disown(w)
	s.unheard(w)
	s.Workers[w] = Worker{}
}

// rest makes the worker hold nothing and go on with its run.
func (m *machine) rest(s *State, w uint8) {
	v := &s.Workers[w]
	*v = Worker{Phase: Running, Place: v.Place, Old: v.Old, Missed: v.Missed, Listed: v.Listed, Acked: v.Acked}
	if !m.explicit() {
		*v = Worker{}
	}
	s.unheard(w)
}

// acknowledge remembers what a transaction wrote. With SameServer nothing reads it.
func (m *machine) acknowledge(s *State, w uint8, n uint8) {
	if !m.on(SameServer) {
		s.Workers[w].Acked = Acked{n, s.DB.attempt(n).Status}
	}
}

// mine reports whether the attempt that the worker holds is under its lease.
func (s *State) mine(w uint8) bool {
	v := s.Workers[w]
	a := s.DB.attempt(v.N)
	return !v.Lost && a.Owner == owner(w) && a.unsettled()
}

// place is where the worker's requests go.
func (m *machine) place(s *State, w uint8) uint8 {
	if m.Drift {
		return s.At
	}
	return s.Workers[w].Place
}

// work lets each worker do its next step in every way.
func (m *machine) work(s State) {
	for w := range workers {
		if w > 0 && m.Bounds.Single {
			break
		}
		switch s.Workers[w].Phase {
		case Idle:
			if m.explicit() {
				m.start(s, w)
			} else if m.mayStart(&s) {
				m.issue(s, w)
				m.claim(s, w, Claim)
				m.recover(s, w)
			}
		case Running:
			m.end(s, w)
			if !m.fenced(&s, w) {
				m.issue(s, w)
				m.claim(s, w, Claim)
				m.recover(s, w)
			}
		case Absent:
			m.decide(s, w)
		case Controlled:
			m.lookUpAfterControl(s, w)
		case Ready:
			m.send(s, w)
			m.abandon(s, w)
		case Waiting:
			m.timeOut(s, w)
		case Got:
			m.settle(s, w)
		}
	}
}

// explicit reports whether it matters when a run begins. Where it does not, an idle worker claims.
func (m *machine) explicit() bool {
	return m.Gateway.List || m.Other != NoOther || !m.on(SameServer)
}

// mayStart reports whether a run may begin: after a suspected loss not before it is quiet, and not while the
// list holds an unknown key.
func (m *machine) mayStart(s *State) bool {
	if s.Suspect > 0 && (m.blind() && m.on(RestoreStops) || m.on(QuietAfterLoss) && m.unquiet(s)) {
		return false
	}
	return !m.Gateway.List || !m.on(ListFirst) || !m.on(AdoptOnly) || !m.unknownListed(s, s.At)
}

func (m *machine) start(s State, w uint8) {
	if !m.mayStart(&s) || s.Over() && s.Losses >= m.Bounds.Losses {
		return
	}
	s.Workers[w] = Worker{
		Phase: Running, Place: s.At, Listed: m.Gateway.List && m.on(ListFirst),
		Missed: !m.on(SameServer) && s.HasBackup, // with SameServer nothing reads it
	}
	m.Emit(s, Move{Kind: StartRun, W: w})
}

// quiet is how many ticks after a loss the last request of a lost claim may be executed, or be in no list yet.
func (m *machine) quiet() uint8 { return hold + m.travel() + m.Gateway.Lag }

// unquiet reports whether a request of a claim that was lost may still take effect.
func (m *machine) unquiet(s *State) bool { return s.Suspect > 0 && s.Suspect <= m.quiet()+1 }

func (m *machine) end(s State, w uint8) {
	s.drop(w)
	m.Emit(s, Move{Kind: EndRun, W: w})
}

// fenced reports whether the run finds that commits were lost and stops. The fence compares the row with
// what was acknowledged: that it exists proves nothing, since a released attempt is taken up in its own row.
func (m *machine) fenced(s *State, w uint8) bool {
	v := s.Workers[w]
	if !v.Old {
		return false
	}
	if m.on(SameServer) {
		return true
	}
	return m.on(ClaimFence) && (v.Missed || v.Acked.N > 0 && s.DB.attempt(v.Acked.N).Status != v.Acked.Status)
}

// mint returns the number of the next attempt, 0 if there is none.
func (m *machine) mint(d *DB) uint8 {
	if d.Invoice != InvoiceOpen {
		return 0
	}
	for _, a := range d.Attempts {
		if a.open() && m.on(OneAttempt) {
			return 0
		}
	}
	for n := uint8(1); n <= Numbers; n++ {
		switch d.attempt(n).Status {
		case None:
			return n
		case Released:
			if m.on(NumberByProof) {
				return n
			}
		case Succeeded:
			return 0
		case InFlight, InDoubt, Review, Declined, Rejected:
		}
	}
	return 0
}

// claim makes an attempt, after the look-ups that a first send needs. kind says in which transaction.
func (m *machine) claim(s State, w uint8, kind Kind) {
	n := m.mint(&s.DB)
	if n == 0 {
		return
	}
	var broke search.Violation
	for _, a := range s.DB.Attempts[:n-1] {
		if a.Proof == Unproven && a.Status != None {
			broke = UnprovenNumber
		}
	}
	v := s.Workers[w]
	place := m.place(&s, w)
	needed := m.on(LookUpFirst) && !v.Listed && !m.Gateway.KeepsKeys && m.Gateway.Ask != CannotAsk
	if needed && !m.dueYoung(&s) {
		if reply := m.lookUp(&s, place, n); reply != NoReply {
			s.believe(n, reply)
			m.acknowledge(&s, w, n)
			m.Emit(s, Move{Kind: FindBeforeSend, W: w, N: n, Reply: reply})
			return
		}
	}
	if m.on(LookUpLater) && !v.Listed && m.laterUnknown(&s, place, n) {
		return
	}
	s.Workers[w].Phase, s.Workers[w].N = Ready, n
	s.Workers[w].Exempt = needed && m.dueYoung(&s) && m.on(ExemptAtSend)
	if !m.on(ReadBackEach) {
		m.Emit(s, Move{Kind: ClaimUnanswered, W: w, N: n})
	}
	*s.DB.attempt(n) = Attempt{Status: InFlight, Owner: owner(w), Account: v.Place}
	s.DB.Later = 0
	m.acknowledge(&s, w, n)
	m.EmitBroken(s, Move{Kind: kind, W: w, N: n}, broke)
}

// dueYoung reports whether every key of the period is so young that the gateway still keeps it when a request
// that leaves now arrives.
func (m *machine) dueYoung(s *State) bool { return s.Due+longest < m.Gateway.KeyLife }

// laterUnknown reports whether the place shows a number after n that the tables do not know.
func (m *machine) laterUnknown(s *State, place, n uint8) bool {
	for k := n + 1; k <= Numbers; k++ {
		if m.unknown(s, k, m.lookUp(s, place, k)) {
			return true
		}
	}
	return false
}

// send checks what must hold when a request leaves, and hands it to the network.
func (m *machine) send(s State, w uint8) {
	v := &s.Workers[w]
	if v.Lost && m.on(LeaseAtSend) {
		return
	}
	if m.Gateway.KeyLife > 0 && m.on(AgeAtSend) && !m.young(v.Born+v.Held) {
		return
	}
	if m.Gateway.KeyLife == 0 && m.on(SendOnce) && v.Tries > 0 {
		return
	}
	if v.Exempt && !m.dueYoung(&s) {
		return
	}
	s.unheard(w)
	if !m.put(&s, Request{N: v.N, Place: m.place(&s, w), Left: m.travel(), Worker: owner(w)}) {
		return
	}
	v.Phase = Waiting
	v.Tries++
	m.Emit(s, Move{Kind: Send, W: w, N: v.N})
}

// travel is how long after its check a request can be executed.
func (m *machine) travel() uint8 {
	if m.Stops {
		return 2 * longest
	}
	return longest
}

// abandon gives an attempt back that is not sent: nothing was executed, unless there is doubt.
func (m *machine) abandon(s State, w uint8) {
	v := s.Workers[w]
	if !s.mine(w) || v.Old && m.on(SameServer) {
		s.drop(w)
		m.Emit(s, Move{Kind: EndRun, W: w})
		return
	}
	if !v.Doubt && v.Tries == 0 {
		m.endProven(s, w, Answer)
		return
	}
	m.toDoubt(s, w)
}

func (m *machine) toDoubt(s State, w uint8) {
	v := s.Workers[w]
	a := s.DB.attempt(v.N)
	a.Status, a.Owner, a.Doubted = InDoubt, 0, true
	m.acknowledge(&s, w, v.N)
	m.rest(&s, w)
	m.Emit(s, Move{Kind: LeaveInDoubt, W: w, N: v.N})
}

func (m *machine) toReview(s State, w uint8) {
	v := s.Workers[w]
	a := s.DB.attempt(v.N)
	a.Status, a.Owner = Review, 0
	s.DB.reviewInvoice()
	m.acknowledge(&s, w, v.N)
	m.rest(&s, w)
	m.Emit(s, Move{Kind: GiveUp, W: w, N: v.N})
}

func (d *DB) reviewInvoice() {
	if d.Invoice == InvoiceOpen {
		d.Invoice = InvoiceReview
	}
}

// endProven releases the attempt: nothing was executed under its key. After a loss that is known of this
// attempt alone if it was not sent; its number stays, and the next first send asks again.
func (m *machine) endProven(s State, w uint8, proof Proof) {
	v := s.Workers[w]
	var broke search.Violation
	if proof == Absence || s.Losses == 0 {
		broke = m.falseProof(&s, v.N, true)
	}
	kind, to := Release, Released
	if s.DB.attempt(v.N).AllAnswered { // its key would bring the same error
		kind, to = MoveOn, Declined
	}
	s.DB.attempt(v.N).settle(to, Unproven)
	if proof == Absence {
		s.DB.attempt(v.N).Proof = proof
	}
	s.DB.endIfDone()
	m.acknowledge(&s, w, v.N)
	m.rest(&s, w)
	m.EmitBroken(s, Move{Kind: kind, W: w, N: v.N}, broke)
}

// timeOut stops waiting: the attempt is sent again or left in doubt.
func (m *machine) timeOut(s State, w uint8) {
	v := s.Workers[w]
	s.unheard(w)
	s.Workers[w].Doubt = true
	if v.Tries < 2 && (m.Gateway.KeyLife > 0 || !m.on(SendOnce)) {
		again := s
		again.Workers[w].Phase = Ready
		m.Emit(again, Move{Kind: TimeOut, W: w, N: v.N})
	}
	if !s.mine(w) || v.Old && m.on(SameServer) {
		s.drop(w)
		m.Emit(s, Move{Kind: EndRun, W: w})
		return
	}
	m.toDoubt(s, w)
}

// settle writes what an answer means, under the lease of the claim.
func (m *machine) settle(s State, w uint8) {
	v := s.Workers[w]
	a := s.DB.attempt(v.N)
	if v.Old && m.on(SameServer) || !s.mine(w) && (m.on(LeaseAtSettle) || !a.unsettled()) {
		s.drop(w)
		m.Emit(s, Move{Kind: EndRun, W: w})
		return
	}
	doubt := m.on(DoubtSticks) && (v.Doubt || a.Doubted)
	var broke search.Violation
	switch v.Answer {
	case OK, Refusal:
		if v.Answer == Refusal {
			broke = m.falseProof(&s, v.N, false)
		}
		s.believe(v.N, v.Answer)
	case Busy:
		if doubt {
			m.toDoubt(s, w)
			return
		}
		if s.Losses == 0 {
			broke = m.falseProof(&s, v.N, true)
		}
		a.settle(Released, Unproven)
	case BadInput:
		if doubt {
			m.toDoubt(s, w)
			return
		}
		a.settle(Rejected, Unproven)
		s.DB.reviewInvoice()
	case Fault:
		if m.on(ErrorsDoubt) {
			a.LookUp, a.AllAnswered = true, !v.Doubt && !a.Doubted || !m.on(AllAnswered)
			m.toDoubt(s, w)
			return
		}
		broke = m.falseProof(&s, v.N, true)
		a.settle(Declined, Answer)
		s.DB.endIfDone()
	case Foreign:
		a.Status, a.Owner, a.Doubted = Review, 0, true
		s.DB.reviewInvoice()
	case NoReply:
	}
	m.acknowledge(&s, w, v.N)
	m.rest(&s, w)
	m.EmitBroken(s, Move{Kind: Settle, W: w, N: v.N, Reply: v.Answer}, broke)
}

// believe settles an attempt by what the gateway says of its key.
func (s *State) believe(n uint8, reply Reply) {
	a := s.DB.attempt(n)
	if reply == OK {
		a.settle(Succeeded, Unproven)
		s.DB.Invoice = InvoicePaid
		return
	}
	a.settle(Declined, Answer)
	if s.DB.Invoice == InvoiceReview || s.DB.Invoice == InvoiceDue {
		s.DB.Invoice = InvoiceOpen
	}
	s.DB.endIfDone()
}

// endIfDone ends an invoice whose every number is used up.
func (d *DB) endIfDone() {
	if d.Invoice != InvoiceOpen {
		return
	}
	for _, a := range d.Attempts {
		if a.Status != Declined && a.Status != Rejected {
			return
		}
	}
	d.Invoice = InvoiceEnded
}

// falseProof reports an attempt that is ended as not executed although its key took money or still can.
func (m *machine) falseProof(s *State, n uint8, late bool) search.Violation {
	if s.taken(n) || late && m.arriving(s, n) {
		return FalseProof
	}
	return search.NoViolation
}
