package billing

import (
	"fmt"
	"strconv"
	"time"

	"duly/internal/billing/dunning"
	"duly/internal/billing/network"
	"duly/internal/payment"
	"duly/internal/redact"
)

// tryLaterFor is how long a gateway may put a charge off before that counts as a soft decline.
const tryLaterFor = 3 * 24 * time.Hour

// Answer is what is known of an attempt's charge.
type Answer struct {
	Outcome payment.Outcome
	// Found: the outcome is what a look-up found under the attempt's own key, not the answer to a request.
	Found bool
	// Kept: it is the answer to a request, kept by a worker that could not settle it.
	Kept bool
}

// proof is what the answer proves about an attempt that it ends.
func (a Answer) proof() Proof {
	if a.Found && !a.Kept {
		return ProofLookUp
	}
	return ProofAnswer
}

// Settlement is what an answer changes.
type Settlement struct {
	// The attempt.
	Attempt     AttemptStatus
	Doubted     bool // some request may have been executed
	LookUp      bool // it must not be sent again
	AllAnswered bool // see Attempt
	Decline     payment.Decline
	PaymentID   string
	Message     string    // at most 255 characters, without the payment method
	NextCheckAt time.Time // zero: it is settled
	SentBy      time.Time // see Attempt
	Proof       Proof     // what ended it; empty: nothing did
	Checks      int
	Patience    payment.Patience

	// The invoice.
	Invoice       InvoiceStatus // Charging while the attempt is in doubt
	Stage         int
	Next          payment.Date   // the date of the stage; zero: unchanged
	NextTryAt     time.Time      // runs that began earlier leave it; zero: none
	FirstDeclined payment.Date   // zero: none yet
	RetryDays     []int          // to be stored with the first decline; none: unchanged
	Dunning       dunning.Frozen // what is kept of the policy beside the days
	TryLaterSince time.Time      // zero: none
	HoldRule      string         // the card network's rule that moved the date; empty: none did
	ReviewReason  string

	// The subscription, from the status that was read; both empty: unchanged.
	SubscriptionFrom, SubscriptionTo SubscriptionStatus
	CancelReason                     string // set with Cancelled
	// NewMethod replaces the attempt's method, if the subscription still has that; empty: nothing does. It is a secret.
	NewMethod string

	Alert  bool // somebody should look at once
	Events []Event
}

// Settle says what follows from ans for an attempt and its invoice. sub is the subscription's status now,
// effective the run's effective date, now the instant of settling. The outcome has been folded over the
// attempt's requests; it is folded again here, so that no answer to one request ever frees a doubted
// attempt. Every outcome has one row in docs/protocol.md.
func Settle(a Attempt, ans Answer, sub SubscriptionStatus, p Policy, effective payment.Date, now time.Time) Settlement {
	o, doubted := ans.fold(a.Doubted)
	s := Unchanged(a)
	s.Doubted = doubted
	s.Message = message(a, o)
	if o.PaymentID != "" {
		s.PaymentID = cut(o.PaymentID, MaxText)
	}
	switch o.Kind {
	case payment.Paid:
		s.Proof = ans.proof()
		return s.paid(a, sub).replaced(a, o.NewMethod)
	case payment.Refused:
		s.Proof = ans.proof()
		return s.declined(a, o.Decline, sub, p, effective, now).replaced(a, o.NewMethod)
	case payment.NotExecuted, payment.Misconfigured:
		return s.released(now)
	case payment.TryLater:
		s.Proof = ans.proof()
		return s.putOff(a, o.Decline, sub, p, effective, now).replaced(a, o.NewMethod)
	case payment.Differs:
		s.Alert = true
		return s.review(a, AttemptReview, s.Message)
	case payment.Rejected:
		// The answer to a request that was sent does not prove that the request did nothing.
		if o.Unsent {
			s.Proof = ProofAnswer
		}
		return s.review(a, AttemptRejected, s.Message)
	case payment.InDoubt:
	}
	s.AllAnswered = s.AllAnswered || o.Answered // once it is, nothing is sent under its key any more
	return s.inDoubt(o.LookUpOnly, now)
}

// BookedElsewhere settles an attempt whose charge was answered by a payment that another row has: one payment pays for one
// thing, so it counts as one that differs. other says which row that is.
func BookedElsewhere(a Attempt, paymentID, other string) Settlement {
	s := Unchanged(a)
	s.Alert = true
	s.Message = cut(fmt.Sprintf("payment %s is booked for %s", paymentID, other), MaxText)
	return s.review(a, AttemptReview, s.Message)
}

// fold makes an outcome of the attempt from what one request or look-up said. A record that was found is
// definite, also where it says try later; whatever else speaks of one request only speaks, from a look-up,
// of the look-up.
func (a Answer) fold(doubted bool) (payment.Outcome, bool) {
	if a.Found {
		if a.Outcome.Kind == payment.TryLater {
			return a.Outcome, doubted
		}
		doubted = doubted || a.Outcome.Kind.OneRequest()
	}
	return a.Outcome.After(doubted)
}

// Unchanged is the settlement that leaves a and its invoice as they were claimed.
func Unchanged(a Attempt) Settlement {
	return Settlement{
		Attempt: AttemptInFlight, Doubted: a.Doubted, LookUp: a.LookUp, AllAnswered: a.AllAnswered, PaymentID: a.PaymentID, Checks: a.Checks, SentBy: a.SentBy, Patience: a.Patience,
		Invoice: Charging, Stage: a.Invoice.Stage, FirstDeclined: a.Invoice.FirstDeclined, TryLaterSince: a.Invoice.TryLaterSince,
		Dunning: a.Invoice.Dunning,
	}
}

// paid keeps the money: the invoice is done, and a past_due subscription is well again.
func (s Settlement) paid(a Attempt, sub SubscriptionStatus) Settlement {
	s.Attempt, s.Invoice = AttemptSucceeded, Paid
	s.TryLaterSince = time.Time{}
	if sub == PastDue {
		s.SubscriptionFrom, s.SubscriptionTo = PastDue, Active
	}
	s.Events = []Event{invoicePaid(aboutAttempt(a, s.PaymentID))}
	return s
}

// declined uses the stage up: the invoice waits for the next one, or ends after the last. What the card network asks for may make the class a
// stronger one, and the wait longer.
func (s Settlement) declined(a Attempt, d payment.Decline, sub SubscriptionStatus, p Policy, effective payment.Date, now time.Time) Settlement {
	verdict := p.Network.Judge(d)
	d.Class = verdict.Class
	s.Attempt, s.Decline = AttemptDeclined, fit(d, s.Message)
	s.TryLaterSince, s.Dunning.Mark = time.Time{}, ""
	p = p.For(a.Invoice)
	about := aboutAttempt(a, s.PaymentID)
	body := failure{
		about: about, Class: s.Decline.Class, Code: s.Decline.Code, Message: s.Message,
		Attempt: a.No, Stage: a.Invoice.Stage, Warning: network.Warning(d),
	}
	if p.Unknown != "" {
		return s.declinedUnknown(a, body, p.Unknown)
	}
	if s.FirstDeclined.IsZero() && a.Invoice.AheadOf.IsZero() {
		s.FirstDeclined, s.RetryDays, s.Dunning = effective, p.RetryDays, p.freeze()
	}
	next, last := NextStage(p, a.Invoice.Stage, s.FirstDeclined, effective)
	stage := a.Invoice.Stage + 1
	if ahead := a.Invoice.AheadOf; !ahead.IsZero() { // the stage is yet to come, and stays so
		stage, next, last = a.Invoice.Stage, ahead, false
	}
	if last {
		s.Invoice = Uncollectible
		s.SubscriptionTo = p.ends(sub)
		s.Dunning.Paused = s.SubscriptionTo == Paused
	} else {
		s.Invoice, s.Stage, s.Next = Open, stage, next
		s.wait(verdict, p, now)
		body.NextDate, body.Rule = &s.Next, s.HoldRule
		if sub == Active {
			s.SubscriptionTo = PastDue
		}
	}
	if s.SubscriptionTo != "" {
		s.SubscriptionFrom = sub
	}

	s.Events = declineEvents(body, a.Charge.Key)
	if last {
		reason := cut(UnpaidReason+s.Message, MaxText)
		if s.SubscriptionTo == Cancelled {
			s.CancelReason = reason
		}
		s.Events = append(s.Events, ended(about, s.SubscriptionTo, reason)...)
	}
	return s
}

// declineEvents returns the events of a decline, with a key.
func declineEvents(f failure, key string) []Event {
	events := []Event{paymentFailed(f, key)}
	if f.Class == payment.Action {
		events = append(events, actionRequired(f, key))
	}
	return events
}

// declinedUnknown leaves the invoice to an operator: nobody knows when it is to be charged again, since its subscription names a policy that is
// not configured. It uses no stage up.
func (s Settlement) declinedUnknown(a Attempt, f failure, unknown string) Settlement {
	why := cut(fmt.Sprintf("declined, and %s, then: duly requeue invoice %d", unknown, a.Invoice.ID), MaxText)
	reviewed := s.review(a, AttemptDeclined, why)
	reviewed.Events = append(declineEvents(f, a.Charge.Key), reviewed.Events...)
	return reviewed
}

// wait moves the next try behind the time that the card network asks to be left.
func (s *Settlement) wait(v network.Verdict, p Policy, now time.Time) {
	if v.Wait <= 0 {
		return
	}
	s.NextTryAt = now.Add(v.Wait)
	if first := p.firstDay(s.NextTryAt); first > s.Next {
		s.Next, s.HoldRule = first, v.Rule
	}
}

// replaced has the method of the subscription replaced by one that came with the answer. What declines a method for good replaces nothing: the
// customer did not change it, and so it stays barred.
func (s Settlement) replaced(a Attempt, method string) Settlement {
	if method != a.Charge.Method && s.Decline.Class != payment.Hard && storableMethod(method) {
		s.NewMethod = method
	}
	return s
}

// putOff is a decline that uses no stage: the next attempt, with the next key, is for a later run. After
// three days of it the gateway is taken at its word, and at once where the card network forbids another try.
func (s Settlement) putOff(a Attempt, d payment.Decline, sub SubscriptionStatus, p Policy, effective payment.Date, now time.Time) Settlement {
	if s.TryLaterSince.IsZero() {
		s.TryLaterSince = now
	}
	d.Class = "" // the gateway has none
	verdict := p.Network.Judge(d)
	if now.Sub(s.TryLaterSince) >= tryLaterFor || Barred(verdict.Class) {
		d.Class = payment.Soft
		return s.declined(a, d, sub, p, effective, now)
	}
	s.Attempt, s.Decline = AttemptDeclined, fit(d, s.Message)
	s.Decline.Class = "" // fit has made it soft
	s.Invoice, s.NextTryAt = Open, now
	if until := now.Add(verdict.Wait); p.dayOf(until) > effective {
		s.wait(verdict, p, now)
	} else if verdict.Wait > 0 {
		s.NextTryAt = until
	}
	return s
}

// released takes the attempt back: nothing was executed, so its number, key and stage wait for a later run.
func (s Settlement) released(now time.Time) Settlement {
	s.Attempt, s.Invoice, s.NextTryAt = AttemptReleased, Open, now
	return s
}

// review leaves attempt and invoice to an operator.
func (s Settlement) review(a Attempt, status AttemptStatus, why string) Settlement {
	s.Attempt, s.Invoice, s.ReviewReason = status, Review, why
	e := reviewNeeded(aboutAttempt(a, s.PaymentID), "attempt:"+a.Charge.Key, why)
	if a.ID != 0 {
		e.Actors = append(e.Actors, "attempt:"+strconv.FormatUint(a.ID, 10))
	}
	s.Events = []Event{e}
	return s
}

// inDoubt keeps the attempt, to be asked about later.
func (s Settlement) inDoubt(lookUpOnly bool, now time.Time) Settlement {
	s.Attempt = AttemptInDoubt
	s.LookUp = s.LookUp || lookUpOnly
	s.NextCheckAt = now.Add(checkAfter(s.Checks))
	if s.SentBy.IsZero() {
		s.SentBy = now
	}
	s.Checks++
	return s
}

// checkAfter is how long to wait before an attempt that was found in doubt that often before is asked about.
func checkAfter(checks int) time.Duration {
	waits := [...]time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute}
	if checks >= 0 && checks < len(waits) {
		return waits[checks]
	}
	return time.Hour
}

// message is what an outcome says to people, fit for its column. Gateways repeat what they were sent at times: the payment method and
// the customer are struck out where they stand as words of their own. A short one stands in amounts and ids as well, which stay.
func message(a Attempt, o payment.Outcome) string {
	text := o.Decline.Message
	if text == "" {
		text = o.Reason
	}
	if text == "" {
		return o.Kind.String() // a word of ours
	}
	known := []string{a.Charge.Key, a.Charge.Reference, o.PaymentID}
	return cut(redact.NewPrivate([]string{a.Charge.Method, o.NewMethod, a.Charge.GatewayCustomer, a.Charge.CustomerID}, known).String(text), MaxText)
}

// fit cuts a gateway's codes to their columns, and takes the message that was made fit. A decline without a class that is known counts as soft.
func fit(d payment.Decline, message string) payment.Decline {
	d.Message = message
	switch d.Class {
	case payment.Soft, payment.Hard, payment.Action:
	default:
		d.Class = payment.Soft
	}
	d.Code = cut(d.Code, maxCode)
	d.NetworkCode = cut(d.NetworkCode, maxNetworkCode)
	d.AdviceCode = cut(d.AdviceCode, maxNetworkCode)
	switch d.Network {
	case payment.Visa, payment.Mastercard:
	default:
		d.Network = ""
	}
	return d
}
