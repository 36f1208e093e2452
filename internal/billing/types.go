// Package billing holds the rules of subscriptions: which periods are invoiced, what a claimed invoice is
// charged, and what follows from an outcome. Every rule is a pure function of its arguments; SQL and HTTP
// hold none of them.
package billing

import (
	"fmt"
	"time"

	"duly/internal/billing/dunning"
	"duly/internal/billing/guard"
	"duly/internal/billing/network"
	"duly/internal/payment"
)

// SubscriptionStatus is the shop's word for a subscription.
type SubscriptionStatus string

// The statuses of a subscription.
const (
	Active    SubscriptionStatus = "active"
	PastDue   SubscriptionStatus = "past_due"
	Paused    SubscriptionStatus = "paused"
	Cancelled SubscriptionStatus = "cancelled"
	// Trialing is not due by itself: the shop makes it active when the trial ends.
	Trialing SubscriptionStatus = "trialing"
)

// subscriptionStatuses lists every status that duly knows. What has another one is never billed, and nobody has decided that.
func subscriptionStatuses() []SubscriptionStatus {
	return []SubscriptionStatus{Active, PastDue, Paused, Cancelled, Trialing}
}

// StatusOf reads the status of a subscription's row. The query that found the row took `Paused` for paused, so that the rules must
// as well: a row that one of them does not see would be forgotten. A word that is none of the statuses stays as it is.
func StatusOf(word string) SubscriptionStatus { return payment.WordOf(word, subscriptionStatuses()) }

// Strange says what is wrong with a status that no invoice can be made or charged for.
func (s SubscriptionStatus) Strange() string {
	return fmt.Sprintf("status %q is not one of active, past_due, paused, cancelled, trialing", cut(string(s), MaxQuoted))
}

// InvoiceStatus is where an invoice stands.
type InvoiceStatus string

// The statuses of an invoice; docs/states.md draws the ways between them.
const (
	Open          InvoiceStatus = "open"
	Charging      InvoiceStatus = "charging"
	Paid          InvoiceStatus = "paid"
	Uncollectible InvoiceStatus = "uncollectible"
	Void          InvoiceStatus = "void"
	Review        InvoiceStatus = "review"
)

// AttemptStatus is where one try at collecting an invoice stands.
type AttemptStatus string

// The statuses of an attempt. InFlight and InDoubt are unsettled; the others are final, but for a released
// attempt, which the next claim of its invoice takes up again.
const (
	AttemptInFlight  AttemptStatus = "in_flight"
	AttemptSucceeded AttemptStatus = "succeeded"
	AttemptDeclined  AttemptStatus = "declined"
	AttemptInDoubt   AttemptStatus = "in_doubt"
	AttemptReleased  AttemptStatus = "released"
	AttemptRejected  AttemptStatus = "rejected"
	AttemptReview    AttemptStatus = "review"
)

// Proof is what ended an attempt for good. The number of an invoice's key moves past an attempt by its proof alone.
type Proof string

// The proofs; the empty Proof is none.
const (
	// ProofAnswer: the gateway's own answer to a request of this attempt, or that no request was ever sent.
	ProofAnswer Proof = "answer"
	// ProofLookUp: a look-up by the attempt's own key: what it found, or an absence that controls bore out, asked for after
	// the last request could have an effect.
	ProofLookUp Proof = "look_up"
	// ProofOperator: the recorded word of an operator, where the gateway cannot be asked.
	ProofOperator Proof = "operator"
)

// Terms are what an attempt is made under, stored with it: the gateway's account, and what the gateway declared.
type Terms struct {
	Account uint32        // row of gateway_accounts; 0: not stored, it counts as today's
	KeyLife time.Duration // how long the gateway keeps the key; 0: not at all
	Longest time.Duration // how long after it was sent a request can take effect; 0: not stored
}

// Subscription is what the rules read of a subscription, as locked.
type Subscription struct {
	ID         uint64
	CustomerID string
	Status     SubscriptionStatus
	Gateway    string
	Method     string
	// GatewayCustomer is the second identifier of Method, where the gateway needs one.
	GatewayCustomer string
	MethodType      string
	Description     string
	Money           payment.Money
	Interval        Interval
	AnchorDay       int // day of the month that periods begin on; 0: not stored yet
	Next            payment.Date
	ReviewReason    string
	// DunningPolicy is the name of its dunning policy; empty: the default.
	DunningPolicy string
	// MethodProblem is why a planned change of Method that is due cannot be applied: nothing is charged meanwhile; empty: there is none.
	MethodProblem string
}

// NetworkKey is what a card network counts a charge of s by.
func (s Subscription) NetworkKey(money payment.Money) network.Key {
	return network.Key{Gateway: s.Gateway, Method: s.Method, Money: money}
}

// Newest is what the rules read of a subscription's newest invoice.
type Newest struct {
	Exists bool
	Status InvoiceStatus
	Due    payment.Date
	Issued payment.Date // the effective date that it was issued on
}

// Invoice is what the rules read of an invoice, as locked.
type Invoice struct {
	ID             uint64
	SubscriptionID uint64
	Due            payment.Date
	Money          payment.Money
	Stage          int
	FirstDeclined  payment.Date
	// AmountCheck is the decision about the amount.
	AmountCheck guard.Check
	// RetryDays are those of the policy at its first decline, and Dunning what else is kept of it; none: today's days.
	RetryDays     []int
	Dunning       dunning.Frozen
	TryLaterSince time.Time // zero: no try-later answer since the last definite one
	// AheadOf is the date of its stage, which it is charged ahead of: a decline uses no stage. Zero: it is not.
	AheadOf payment.Date
}

// PastAttempt is an earlier attempt on an invoice.
type PastAttempt struct {
	ID      uint64
	No      int
	Key     string
	Status  AttemptStatus
	Class   payment.Class
	Gateway string
	Method  string
	Account uint32 // 0: not stored
	Proof   Proof  // what ended it
	Lease   [16]byte
	// Reopened: an operator took the decline back, so that the method may be charged again.
	Reopened bool
}

// Attempt is an unsettled attempt, with the invoice that it is to collect.
type Attempt struct {
	ID      uint64
	No      int
	Stage   int
	Gateway string
	Charge  payment.Charge
	Doubted bool // some request of it may have been executed
	LookUp  bool // it must not be sent again, only asked about
	// AllAnswered: the gateway itself answered every request of it, and keeps its answer under the key.
	AllAnswered bool
	Checks      int // how often it was found in doubt
	PaymentID   string
	// Patience counts what look-ups of it have brought that decides nothing.
	Patience  payment.Patience
	CreatedAt time.Time
	// SentBy is an instant by which its first request had left, or never would; zero while its worker holds it.
	SentBy time.Time
	Terms  Terms
	// Elsewhere: it was sent to another account than the gateway is called at today.
	Elsewhere bool
	Invoice   Invoice
}

// Policy configures dunning: the default policy, or another one, see [Policy.Of].
type Policy struct {
	// RetryDays are days after the first decline, ascending; as many stages follow the first charge.
	RetryDays []int
	AfterLast dunning.AfterLast // empty is CancelAfterLast
	MaxTries  int               // see [dunning.Policy]
	Notice    dunning.Notice
	// Name is the name of the policy; empty: the default.
	Name string
	// Unknown is the error text if no policy of that name is configured, else empty.
	Unknown string
	// Named are the other policies by name.
	Named map[string]dunning.Policy
	// Guards limit the amounts that are charged without an operator's approval.
	Guards guard.Rules
	// Network are the rules of card networks.
	Network          network.Rules
	RetryOnNewMethod bool // charge a declined invoice before its date once its payment method changed
	// Zone is that of the business dates; nil: UTC.
	Zone *time.Location

	defaultDays []int // RetryDays of the default, where this is another one
}

// dayOf is the business date of an instant.
func (p Policy) dayOf(at time.Time) payment.Date {
	if p.Zone == nil {
		return payment.DateOf(at.UTC())
	}
	return payment.DateOf(at.In(p.Zone))
}

// firstDay is the first business date that does not begin before an instant: a run on it is not too early, whenever it begins.
func (p Policy) firstDay(at time.Time) payment.Date {
	day := p.dayOf(at)
	if p.dayOf(at.Add(-time.Nanosecond)) == day {
		return day + 1
	}
	return day
}

// Event is something to tell others, written with the change that it tells of.
type Event = payment.Event

// Unpaid reports whether an invoice still waits for its money, or for an operator.
func (s InvoiceStatus) Unpaid() bool {
	switch s {
	case Open, Charging, Review:
		return true
	case Paid, Uncollectible, Void:
		return false
	}
	return true
}

// Words is a status as the end of a sentence about an invoice.
func (s InvoiceStatus) Words() string {
	if s == Review {
		return "in review"
	}
	return string(s)
}
