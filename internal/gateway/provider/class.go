package provider

import "duly/internal/payment"

// Class is what an error code says of a charge. The zero value is Unknown.
type Class uint8

// The classes of codes.
const (
	// Unknown: a code that the adapter does not know. The money may have been taken; the key would bring the same answer again.
	Unknown Class = iota
	// Doubt: the request is still under way, or was refused for its pace alone: the same key is asked again.
	Doubt
	// Look: only the provider's record says what became of the money, and it is looked up at once.
	Look
	// Soft, Hard and Action are declines, of [payment.Class].
	Soft
	Hard
	Action
	// Later is a definite no that passes.
	Later
	// None: this one request did nothing.
	None
	// Rejected: the request can never work.
	Rejected
	// Misconfigured: our account or credentials are wrong.
	Misconfigured
)

// String is the word of c in tables for people.
func (c Class) String() string {
	switch c {
	case Unknown:
		return "unknown"
	case Doubt:
		return "doubt"
	case Look:
		return "look"
	case Soft:
		return "soft"
	case Hard:
		return "hard"
	case Action:
		return "action"
	case Later:
		return "later"
	case None:
		return "none"
	case Rejected:
		return "rejected"
	case Misconfigured:
		return "misconfigured"
	}
	return Unknown.String()
}

// Declines reports whether c is a definite no of the payment method's side.
func (c Class) Declines() bool { return c == Soft || c == Hard || c == Action || c == Later }

// Decline is the class of decline that c stands for; the empty class is a no that passes.
func (c Class) Decline() payment.Class {
	switch c {
	case Soft:
		return payment.Soft
	case Hard:
		return payment.Hard
	case Action:
		return payment.Action
	case Unknown, Doubt, Look, Later, None, Rejected, Misconfigured:
	}
	return ""
}

// Outcome is what an error of class c leaves of a charge at a provider that keeps its errors. Of a class that declines, d says why;
// its class is set here.
func (c Class) Outcome(d payment.Decline, reason string) payment.Outcome {
	o := payment.Outcome{Reason: reason}
	switch c {
	case Doubt:
	case Unknown, Look:
		o.LookUpOnly, o.Answered, o.LookNow = true, true, true
	case Soft, Hard, Action:
		o.Kind, o.Decline = payment.Refused, d
		o.Decline.Class = c.Decline()
	case Later:
		o.Kind, o.Decline = payment.TryLater, d
	case None:
		o.Kind = payment.NotExecuted
	case Rejected:
		o.Kind = payment.Rejected
	case Misconfigured:
		o.Kind, o.Answered = payment.Misconfigured, true
	}
	return o
}
