package billing

import (
	"fmt"
	"strconv"
	"time"

	"duly/internal/payment"
)

// Claimed is an attempt that a worker owns until its lease ends or somebody takes it over.
type Claimed struct {
	Attempt

	// Lease is the random name of this very claim; settling goes by it.
	Lease [16]byte
	// Age is how old the attempt was when it was claimed, and At when that was by the process's own clock.
	Age time.Duration
	At  time.Time
	// Chargeable: the invoice waits for this attempt alone, and the subscription may still be charged by the attempt's method
	// at its gateway.
	Chargeable bool
	// Kept is a definite answer that an earlier worker held when it could not settle.
	Kept *payment.Outcome
	// Held is why nothing must be sent for it, and what frees it; empty: it may be.
	Held string
	// Controls are what the gateway must show before it is believed that it does not know the charge.
	Controls payment.Controls
}

// Verdict is how a claimed attempt is settled.
type Verdict uint8

// The verdicts.
const (
	// Answered: by what the gateway said.
	Answered Verdict = iota
	// NeverSeen: nothing was ever executed; see [SettleAbsent].
	NeverSeen
	// Unknowable: nobody can find out; see ToReview.
	Unknowable
)

// Result is what became of a claimed attempt, to be settled.
type Result struct {
	Claimed Claimed

	Verdict Verdict
	Answer  Answer
	Reason  string // for Unknowable
	// Soon: it stays in doubt for want of a later payment to prove an absence by, which this run may yet make.
	Soon bool
}

// Settle says what follows from r; see the function of that name.
func (r Result) Settle(sub SubscriptionStatus, p Policy, effective payment.Date, now time.Time) Settlement {
	switch r.Verdict {
	case NeverSeen:
		return SettleAbsent(r.Claimed.Attempt)
	case Unknowable:
		return ToReview(r.Claimed.Attempt, r.Reason)
	case Answered:
	}
	s := Settle(r.Claimed.Attempt, r.Answer, sub, p, effective, now)
	if r.Soon && s.Attempt == AttemptInDoubt {
		s.NextCheckAt = now
	}
	return s
}

// Definite reports whether r holds an answer of the gateway about the charge itself that must not be lost.
func (r Result) Definite() bool {
	if r.Verdict != Answered {
		return false
	}
	switch r.Answer.Outcome.Kind {
	case payment.Paid, payment.Refused, payment.Differs:
		return true
	case payment.TryLater:
		return r.Answer.Found
	case payment.InDoubt, payment.NotExecuted, payment.Rejected, payment.Misconfigured:
	}
	return false
}

// Unclaimable sets an open invoice aside that no attempt can be made on; why says for what reason.
func Unclaimable(inv Invoice, why string) Claim {
	about := aboutInvoice(inv, "", "")
	text := reason(why)
	return Claim{Action: ReviewInvoice, Reason: text, Events: []Event{reviewNeeded(about, "invoice:"+about.Reference, text)}}
}

// Ownerless sets an open invoice aside whose subscription is gone: nobody can be charged for it, and no run will find out more.
func Ownerless(inv Invoice) Claim {
	return Unclaimable(inv, "the subscription's row is gone: "+CloseCommand(inv.ID))
}

// Decided is an open invoice on which no attempt is made, and what becomes of it.
type Decided struct {
	Invoice Invoice
	Claim
}

// SubscriptionReview tells an operator of a subscription that no invoice could be made for.
func SubscriptionReview(id uint64, effective payment.Date, why string) Event {
	about := aboutDue(Subscription{ID: id}, 0)
	about.Reference = "sub_" + strconv.FormatUint(id, 10)
	return reviewNeeded(about, "subscription:"+strconv.FormatUint(id, 10)+":"+effective.Compact(), why)
}

// CloseCommand is the command that ends an invoice that is not charged any more, with the other words that it takes.
func CloseCommand(invoice uint64) string {
	return fmt.Sprintf("duly resolve invoice %d --as void --reason … (or uncollectible, paid_outside)", invoice)
}
