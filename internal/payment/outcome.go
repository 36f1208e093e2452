package payment

import (
	"fmt"
	"time"
)

// Kind says what became of a charge. The zero value is InDoubt: whatever is not recognised may have
// taken the money.
type Kind uint8

// The kinds of outcome; docs/protocol.md says what follows from each.
const (
	// InDoubt: the request may or may not have been executed, or is not decided yet.
	InDoubt Kind = iota
	// Paid: a definite yes that matches the charge in every field.
	Paid
	// Refused: a definite no; Outcome.Decline says why.
	Refused
	// NotExecuted: this one request did nothing; the same charge may be sent again.
	NotExecuted
	// TryLater: a definite no that the gateway expects to pass (outside hours, a processing error).
	TryLater
	// Differs: a yes that is not ours in some field, or one that somebody cancelled or refunded.
	Differs
	// Rejected: this request can never work; the row is at fault.
	Rejected
	// Misconfigured: our own account or credentials are wrong; no row is at fault.
	Misconfigured
)

// Kinds lists every kind, for tables and tests.
func Kinds() []Kind {
	return []Kind{InDoubt, Paid, Refused, NotExecuted, TryLater, Differs, Rejected, Misconfigured}
}

// word is how k is written wherever it leaves the process; empty for a number that is no kind. Numbers are
// never written: they change with the order of the constants.
func (k Kind) word() string {
	switch k {
	case InDoubt:
		return "in_doubt"
	case Paid:
		return "succeeded"
	case Refused:
		return "declined"
	case NotExecuted:
		return "not_executed"
	case TryLater:
		return "try_later"
	case Differs:
		return "differs"
	case Rejected:
		return "rejected"
	case Misconfigured:
		return "misconfigured"
	}
	return ""
}

// String returns the word of k. A number that is no kind counts as in doubt.
func (k Kind) String() string {
	if w := k.word(); w != "" {
		return w
	}
	return InDoubt.word()
}

// MarshalText implements [encoding.TextMarshaler]. A number that is no kind is an error.
func (k Kind) MarshalText() ([]byte, error) { return marshalWord(k.word(), "outcome") }

// UnmarshalText implements [encoding.TextUnmarshaler]. A word that is no kind is an error, and leaves k as it is.
func (k *Kind) UnmarshalText(text []byte) error { return unmarshalWord(k, text, Kinds(), Kind.word) }

// OneRequest reports whether k speaks of a single request only: an attempt ends so only if every request
// ever sent under its key did.
func (k Kind) OneRequest() bool {
	return k == NotExecuted || k == TryLater || k == Rejected || k == Misconfigured
}

// Class is what a decline means for the payment method.
type Class string

// The classes of decline. The empty class is none.
const (
	Soft   Class = "soft"   // balance, limit, velocity: the same method may work another day
	Hard   Class = "hard"   // lost, stolen, closed, revoked: never charge this method again
	Action Class = "action" // the customer must act first: authentication, an expired card
)

// Decline is why a gateway said no.
type Decline struct {
	Class       Class
	Code        string
	NetworkCode string // ISO 8583 answer, where the provider hands it on
	AdviceCode  string // Mastercard merchant advice code, where given
	Message     string // for people; never parsed
	Network     Network
}

// Outcome is how a charge ended. It is a value, never an error.
type Outcome struct {
	Kind      Kind
	Decline   Decline // set for Refused and TryLater, and for an Unfinished payment
	PaymentID string  // the gateway's id of a record that is proven ours (see [Charge.Proven]); empty if there is none
	// NewMethod is the payment method that replaces the charge's, where the record names one; empty: none. It is a secret, never logged.
	NewMethod string
	// Reason is a short text for people: "timeout", "409 request under way", "amount differs".
	Reason string
	// LookUpOnly, on InDoubt: sending the key again can do no good (accepted and pending, or the key was
	// used with another body). Ask instead.
	LookUpOnly bool
	// Answered, on InDoubt: the provider itself answered the request in a typed final body, so that nothing of the request is on
	// its way through networks any more. A proxy's page, a bare body and "still under way" are no such answers. Of an attempt's outcome: so
	// was every request under its key.
	Answered bool
	// LookNow, on InDoubt: the provider's record says now what the answer did not (a success without fields, an id that was paid
	// before), so that one look-up belongs to the charge.
	LookNow bool
	// Unfinished, on InDoubt: the customer can still finish the payment PaymentID. It takes no money once it was cancelled, and
	// is a decline by Decline then.
	Unfinished bool
	// Unrecorded, on Refused: the gateway made no record of the charge, so that the answer speaks of this one request alone.
	Unrecorded bool
	// Unkept, on Misconfigured: the gateway keeps no such answer under the key, also where it keeps its errors.
	Unkept bool
	// Unsent, on Rejected: it was rejected here, and no request was sent.
	Unsent bool
	// Failure: it counts against the gateway's circuit (time-out, reset, refused connection, 5xx, a page).
	Failure bool
	// Page, on InDoubt: a web page came in the place of an answer, so that the gateway itself was not there to answer.
	Page bool
	// Unreadable, on InDoubt: the gateway answered, and its answer is none of its API: another page, another format.
	Unreadable bool
	// RetryAfter is how long the gateway asked us to wait; 0 for no wish.
	RetryAfter time.Duration
}

// Judge says what p, a gateway's record found or answered for c, means. A declined payment must have been
// classified by the adapter's code table: its class is kept, and the empty class means TryLater.
func Judge(c Charge, p Payment) Outcome {
	if !c.Proven(p) {
		return Outcome{Kind: Differs, Reason: c.Mismatch(p) + " is not ours: payment " + p.ID}
	}
	o := Outcome{PaymentID: p.ID, NewMethod: p.NewMethod}
	if c.Mismatch(p) != "" { // of a record that is ours, the money alone can differ
		o.Kind, o.Reason = Differs, fmt.Sprintf("gateway booked %s, invoice is %s", booked(p.Money), c.Money)
		return o
	}
	switch p.Status {
	case Succeeded:
		o.Kind = Paid
		if p.Refunded != 0 {
			o.Kind, o.Reason = Differs, "refunded by someone"
			if why := p.Impossible(); why != "" {
				o.Reason = "the gateway shows " + why
			}
		}
	case Declined:
		o.Kind, o.Decline, o.Reason = Refused, p.Decline, p.Decline.Code
		if p.Decline.Class == "" {
			o.Kind = TryLater
		}
	case Canceled:
		o.Kind, o.Reason = Differs, "cancelled by someone"
	case Pending:
		o.LookUpOnly, o.Reason = true, "pending"
	default:
		o.LookUpOnly, o.Reason = true, "unknown status"
	}
	return o
}

// booked writes money as a gateway names it. A currency that is none may be any text, and is not repeated.
func booked(m Money) string {
	if KnownCurrency(m.Currency) {
		return m.String()
	}
	return fmt.Sprintf("%d of an unknown currency", m.Amount)
}

// After folds the outcome of a later request into what earlier requests under the same key left behind.
// doubted says that one of them may have been executed; the result is the outcome of the attempt and
// whether the attempt is doubted from now on.
func (o Outcome) After(doubted bool) (Outcome, bool) {
	if doubted && (o.Kind.OneRequest() || o.Unrecorded) {
		o.Reason = "in doubt before, then " + o.Kind.String() + ": " + o.Reason
		o.Kind = InDoubt
	}
	return o, doubted || o.Kind == InDoubt
}
