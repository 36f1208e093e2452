package billing

import (
	"fmt"
	"time"

	"duly/internal/billing/dunning"
	"duly/internal/billing/guard"
	"duly/internal/billing/network"
	"duly/internal/payment"
)

// ClaimAction is what is done with a claimed invoice.
type ClaimAction uint8

// The actions; the zero value leaves the decision to an operator.
const (
	// ReviewInvoice sets the invoice aside for an operator.
	ReviewInvoice ClaimAction = iota
	// Charge makes an attempt, or takes a released one up again.
	Charge
	// VoidInvoice ends the invoice of a subscription that was cancelled.
	VoidInvoice
	// UseStage uses the stage up without an attempt and moves the invoice to the next one.
	UseStage
	// EndInvoice makes the invoice uncollectible without an attempt.
	EndInvoice
	// HoldInvoice moves the date of the stage behind what a card network forbids.
	HoldInvoice
	// LeaveInvoice leaves it as it is: its gateway is not configured on this host, or its payment method is not known.
	LeaveInvoice
)

// Claim is what becomes of a claimed invoice.
type Claim struct {
	Action         ClaimAction
	Reuse          uint64             // Charge: the released attempt to take up again; 0: a new one
	No             int                // Charge: the attempt's number
	Key            string             // Charge: its idempotency key
	Stage          int                // UseStage: the stage that the invoice moves to
	Next           payment.Date       // UseStage, HoldInvoice: the date of that stage
	HoldRule       string             // HoldInvoice: the rule, see [network.Explain]
	HoldUntil      time.Time          // HoldInvoice: a run that began before makes no attempt; zero: any may
	SubscriptionTo SubscriptionStatus // EndInvoice: Cancelled or Paused if that follows for an active or past_due one
	Dunning        dunning.Frozen     // EndInvoice: what the invoice keeps of its policy
	Reason         string             // ReviewInvoice: why; EndInvoice: why the subscription ends; LeaveInvoice: why, empty: for its gateway
	AmountCheck    guard.Check        // ReviewInvoice: the guard that the amount is beyond; empty: none
	Events         []Event
}

// DecideClaim says what becomes of inv, an open invoice of s, with every attempt that was made on it.
//
//   - While an attempt is unsettled, or says that the money was taken, no other is made.
//   - A cancelled subscription is not charged; a paused one is, for what was issued before.
//   - An invoice of a subscription whose dunning policy is not configured is not charged for the first time.
//   - While a planned change of the payment method cannot be applied, no other method is charged in its place, and no stage passes.
//   - What is at a gateway that is not configured on this host is left to one that knows it.
//   - A method that was declined for good on this invoice is not charged again at the same gateway; the
//     stage passes.
//   - A released attempt is taken up again under its number and key. The key's number moves only past a proof that
//     is stored with the newest attempt; without one an operator decides.
func DecideClaim(inv Invoice, s Subscription, past []PastAttempt, p Policy, effective payment.Date, knownGateway func(string) bool) Claim {
	about := aboutInvoice(inv, s.CustomerID, s.Gateway)
	if problem := blocking(inv, past); problem != "" {
		return claimReview(about, effective, problem)
	}
	next, problem := mint(inv, past)
	if problem != "" {
		return claimReview(about, effective, problem)
	}
	switch s.Status {
	case Cancelled:
		return Claim{Action: VoidInvoice}
	case Active, PastDue, Paused:
	case Trialing:
		return claimReview(about, effective, fmt.Sprintf("the subscription is trialing, and charges nothing: duly requeue invoice %d once it is active, or duly resolve invoice %[1]d --as void", inv.ID))
	default:
		return claimReview(about, effective, "subscription "+s.Status.Strange())
	}
	if s.MethodProblem != "" {
		return Claim{Action: LeaveInvoice, Reason: s.MethodProblem}
	}
	problems := chargeProblems(s)
	if p = p.Of(s.DunningPolicy).For(inv); p.Unknown != "" {
		problems = append(problems, p.Unknown)
	}
	if len(problems) > 0 {
		return claimReview(about, effective, problems...)
	}
	if !knownGateway(s.Gateway) {
		return Claim{Action: LeaveInvoice}
	}
	for _, a := range past {
		if a.Bars(s) {
			return passStage(inv, s, a, len(past), p, effective)
		}
	}
	return next
}

// FirstCharge is the first attempt on the invoice that was decided for i, made as it is issued. ok is false if the invoice is to be
// issued open: it is none to charge, or its claim decides something else.
func FirstCharge(i Issued, p Policy, effective payment.Date, knownGateway func(string) bool) (inv Invoice, first Claim, ok bool) {
	if inv, ok = i.Invoice(); !ok {
		return Invoice{}, Claim{}, false
	}
	first = DecideClaim(inv, *i.Subscription, nil, p, effective, knownGateway)
	return inv, first, first.Action == Charge
}

// Hold is what becomes of an open invoice whose charge a card network forbids: its stage waits, to the day after the effective one at least, and is
// not used up.
func Hold(h network.Hold, p Policy, effective payment.Date) Claim {
	c := Claim{Action: HoldInvoice, Next: effective + 1, HoldRule: h.Rule, HoldUntil: h.Until}
	if !h.Until.IsZero() {
		c.Next = max(c.Next, p.firstDay(h.Until))
	}
	return c
}

// blocking says what forbids another attempt on inv, or "".
func blocking(inv Invoice, past []PastAttempt) string {
	if inv.Money.Amount <= 0 {
		return fmt.Sprintf("amount %d cannot be charged", inv.Money.Amount)
	}
	for _, a := range past {
		switch a.Status {
		case AttemptInFlight, AttemptInDoubt:
			return fmt.Sprintf("attempt %d is not settled", a.ID)
		case AttemptReview:
			return fmt.Sprintf("attempt %d is in review", a.ID)
		case AttemptSucceeded:
			return fmt.Sprintf("attempt %d succeeded already", a.ID)
		case AttemptDeclined, AttemptReleased, AttemptRejected:
		default:
			return fmt.Sprintf("attempt %d has the unknown status %q", a.ID, cut(string(a.Status), MaxQuoted))
		}
	}
	return ""
}

// passStage uses the stage up without an attempt, since the method was declined for good. p is that of the invoice.
func passStage(inv Invoice, s Subscription, declined PastAttempt, attempts int, p Policy, effective payment.Date) Claim {
	if !inv.AheadOf.IsZero() { // its date is yet to come
		return Claim{Action: UseStage, Stage: inv.Stage, Next: inv.AheadOf}
	}
	next, last := NextStage(p, inv.Stage, inv.FirstDeclined, effective)
	if !last {
		return Claim{Action: UseStage, Stage: inv.Stage + 1, Next: next}
	}
	claim := Claim{Action: EndInvoice, SubscriptionTo: p.ends(s.Status), Dunning: p.freeze()}
	claim.Dunning.Paused = claim.SubscriptionTo == Paused
	claim.Reason = fmt.Sprintf(UnpaidReason+"the payment method was declined for good (%s)", declined.Class)
	about := aboutInvoice(inv, s.CustomerID, s.Gateway)
	claim.Events = []Event{stageDeclined(
		failure{about: about, Class: declined.Class, Message: claim.Reason, Attempt: attempts, Stage: inv.Stage},
	)}
	claim.Events = append(claim.Events, ended(about, claim.SubscriptionTo, claim.Reason)...)
	return claim
}

func claimReview(a about, effective payment.Date, problems ...string) Claim {
	text := reason(problems...)
	identity := "invoice:" + a.Reference + ":" + effective.Compact()
	return Claim{Action: ReviewInvoice, Reason: text, Events: []Event{reviewNeeded(a, identity, text)}}
}
