package gatewaytest

import (
	"context"
	"errors"
	"time"

	"duly/internal/gateway"
	"duly/internal/payment"
)

// ErrNotOffered is returned by a case that needs what its target has not got.
var ErrNotOffered = errors.New("not offered by the target")

// Target is a gateway and what is known of the provider behind it. Every function may be nil if the
// provider's side cannot be reached so far; cases check less then, or are ErrNotOffered.
type Target struct {
	Gateway gateway.Gateway
	// Method returns a stored payment method whose charges go as b says; "" if there is none.
	Method func(b Behaviour) string
	// Customer owns the methods.
	Customer string
	// GatewayCustomer is the second identifier of the methods; empty: the provider has none.
	GatewayCustomer string
	// Money is what is charged.
	Money payment.Money
	// Prefix begins every key and reference, so that no two runs of the suite meet. At most 20 bytes.
	Prefix string
	// Books lists the provider's payments of a reference.
	Books func(ctx context.Context, reference string) ([]payment.Payment, error)
	// Requests counts the charge requests that arrived with a key.
	Requests func(key string) int
	// BytesDiffered reports whether requests with a key arrived with different bodies.
	BytesDiffered func(key string) bool
	// BreakLookUps makes every look-up and listing answered as b says, until it is called with "".
	BreakLookUps func(b Behaviour)
	// BreakChanges makes the first cancellation or refund of each key go as b says, until it is called with "".
	BreakChanges func(b Behaviour)
	// ChangeRequests counts the cancellations and refunds that arrived with a key.
	ChangeRequests func(key string) int
	// Plant puts n succeeded payments into the provider's books, created now; nil: they are charged for.
	Plant func(ctx context.Context, n int) error
	// Pass lets time pass, at the provider and for the gateway.
	Pass func(time.Duration)
	// Traits say how the provider differs from docs/payments-api.yaml.
	Traits Traits
}

// Behaviour says what becomes of the charges of a payment method. What happens to a request (a fault) happens
// to the first request of each key only; the next is answered as usual, and succeeds.
type Behaviour string

// The behaviours. …Before and …After say whether the charge has taken effect.
const (
	Succeeds           Behaviour = "succeeds"
	Declines           Behaviour = "declines"
	DeclinesSoft       Behaviour = "declines: soft"
	DeclinesHard       Behaviour = "declines: hard"
	DeclinesAction     Behaviour = "declines: the customer must act"
	DeclinesForNow     Behaviour = "declines: try later"
	DeclinesUnknown    Behaviour = "declines: a code that nobody knows"
	Pends              Behaviour = "pending for ever"
	PendsThenSucceeds  Behaviour = "pending at the first look-up, then succeeded"
	IsCanceled         Behaviour = "cancelled by somebody"
	IsRefunded         Behaviour = "refunded by somebody"
	Rejects            Behaviour = "rejected"
	RefusesCredentials Behaviour = "credentials refused"
	ForbidsAccount     Behaviour = "account not allowed"
	ChangesAmount      Behaviour = "executed with another amount"
	ChangesCurrency    Behaviour = "executed in another currency"
	ChangesCustomer    Behaviour = "executed for another customer"
	ChangesReference   Behaviour = "executed for another reference"
	DropsBefore        Behaviour = "connection lost before"
	DropsAfter         Behaviour = "connection lost after"
	Fails5xxBefore     Behaviour = "5xx before"
	Fails5xxAfter      Behaviour = "5xx after"
	TooMany            Behaviour = "429"
	TooManyAfterDrop   Behaviour = "connection lost after, then 429"
	SaysNotExecuted    Behaviour = "503 not executed"
	GarblesBefore      Behaviour = "unreadable answer before"
	GarblesAfter       Behaviour = "unreadable answer after"
	HalvesAnswer       Behaviour = "half an answer after"
	Slow               Behaviour = "answered after the time-out"
	Late               Behaviour = "connection lost, executed later"
	Redirects          Behaviour = "redirect"
	ConflictsBefore    Behaviour = "409 before"
	ConflictsAfter     Behaviour = "409 after"
	SaysEmpty400Before Behaviour = "400 without an error before"
	SaysEmpty400After  Behaviour = "400 without an error after"
	SaysEmpty404Before Behaviour = "404 without an error before"
	SaysEmpty404After  Behaviour = "404 without an error after"
	WaitsForCustomer   Behaviour = "waiting for its customer, who finishes it later"
	ErrsPaid           Behaviour = "the provider's own error, and paid"
	ErrsDeclined       Behaviour = "the provider's own error, and declined"
	ErrsNothing        Behaviour = "the provider's own error, and nothing done"
)

// LateBy is how much later, at most, the charges of Late are executed.
const LateBy = 30 * time.Second
