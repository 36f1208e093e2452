package payment

import "time"

// Ref names a payment at a gateway.
type Ref struct {
	Key string // the idempotency key of its charge; empty if none is known
	ID  string // the gateway's own id; empty if it never gave one
	// GatewayCustomer is the second identifier of the method that was charged; empty if it is not known. Some gateways find a key
	// among the payments of one customer alone.
	GatewayCustomer string
	RequestID       string // for both sides' logs
}

// LookupResult is what a look-up of a payment brought. The zero value is no answer.
type LookupResult struct {
	// Payment is the gateway's record; nil if there is none or it could not be read.
	Payment *Payment
	// Absent: the gateway says that it knows no such payment. A request on its way may still arrive.
	Absent bool
	// Unaskable: this gateway has no look-up for what is known of the payment; nothing was asked.
	Unaskable bool
	// Unasked: no request was made, for a reason that is not the payment's.
	Unasked bool
	// Misconfigured: the gateway refused our own credentials.
	Misconfigured bool
	Reason        string        // for people, where there is no Payment
	RetryAfter    time.Duration // how long the gateway asked us to wait; 0 for no wish
	// Failure: it counts against the gateway's circuit.
	Failure bool
}

// Cancel asks for a pending payment to be cancelled.
type Cancel struct {
	Key string // idempotency key
	ID  string // the gateway's id of the payment
	// Unfinished: the customer could still finish the payment, and is kept from it. Its record is a decline from then on, as the
	// [Outcome] that asked for it says.
	Unfinished bool
	RequestID  string
}

// Refund asks for money to be refunded.
type Refund struct {
	Key       string // idempotency key
	ID        string // the gateway's id of the payment
	Amount    int64  // minor units
	Reason    string // for the provider's records; may be empty
	RequestID string
}

// Effect says what a cancellation or a refund did.
type Effect uint8

// The effects. The zero value is EffectUnknown: whatever is not recognised may have been executed.
const (
	// EffectUnknown: it may or may not have been executed.
	EffectUnknown Effect = iota
	// EffectDone: it was executed; Reply.Payment is the payment as it is now.
	EffectDone
	// EffectRefused is a definite no: decided already, or more than was paid.
	EffectRefused
	// EffectNone: this one request did nothing, and may be sent again.
	EffectNone
	// EffectRejected: this request can never work.
	EffectRejected
	// EffectMisconfigured: our own account or credentials are wrong.
	EffectMisconfigured
)

// Effects lists every effect, for tables and tests.
func Effects() []Effect {
	return []Effect{EffectUnknown, EffectDone, EffectRefused, EffectNone, EffectRejected, EffectMisconfigured}
}

// word is how e is written wherever it leaves the process; empty for a number that is no effect.
func (e Effect) word() string {
	switch e {
	case EffectUnknown:
		return "unknown"
	case EffectDone:
		return "done"
	case EffectRefused:
		return "refused"
	case EffectNone:
		return "none"
	case EffectRejected:
		return "rejected"
	case EffectMisconfigured:
		return "misconfigured"
	}
	return ""
}

// String returns the word of e. A number that is no effect counts as unknown.
func (e Effect) String() string {
	if w := e.word(); w != "" {
		return w
	}
	return EffectUnknown.word()
}

// MarshalText implements [encoding.TextMarshaler]. A number that is no effect is an error.
func (e Effect) MarshalText() ([]byte, error) { return marshalWord(e.word(), "effect") }

// UnmarshalText implements [encoding.TextUnmarshaler]. A word that is no effect is an error, and leaves e as it is.
func (e *Effect) UnmarshalText(text []byte) error {
	return unmarshalWord(e, text, Effects(), Effect.word)
}

// Reply is the answer to a cancellation or a refund. It is a value, never an error.
type Reply struct {
	Effect     Effect
	Payment    *Payment // set for EffectDone
	Reason     string   // for people
	RetryAfter time.Duration
	Failure    bool // it counts against the gateway's circuit
}

// Window is a span of time: From is in it, To is not.
type Window struct{ From, To time.Time }

// Listing is a page of the payments that a gateway created in a window, oldest first.
type Listing struct {
	Payments []Payment
	Cursor   string // of the next page; empty after the last
}

// Holds reports whether t lies in w.
func (w Window) Holds(t time.Time) bool { return !t.Before(w.From) && t.Before(w.To) }
