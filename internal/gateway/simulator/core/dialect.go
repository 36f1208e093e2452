package core

import (
	"net/http"
	"time"

	"duly/internal/gateway/simulator/plan"
	"duly/internal/payment"
)

// Dialect is the API of one provider. Its methods keep no state, and all but Routes call no method of [Simulator], which may be locked
// meanwhile. The package's documentation says how to write one.
type Dialect interface {
	// Rules says how the provider keeps keys and names payments. It is called once.
	Rules() Rules
	// Routes adds the provider's operations to mux. Each handler reads its request and calls one of [Simulator.Charge],
	// [Simulator.Look], [Simulator.Change] and [Simulator.Ask].
	Routes(s *Simulator, mux *http.ServeMux)
	// Authorized reports whether r carries the credentials that token stands for. It is not called if there is no token.
	Authorized(r *http.Request, token string) bool
	// Refuse writes a refusal. An empty message leaves the words to the dialect. The answer has Refused set only if the
	// provider documents that nothing was executed.
	Refuse(why Refusal, message string) Answer
	// Charged writes the answer to the request that made p, as p stood then.
	Charged(p Payment) Answer
	// Unclear is an answer of the provider's that says neither yes nor no, in one of several ways.
	Unclear(variant int) Answer
	// Garbage is a 200 that is no payment, in one of several ways.
	Garbage(variant int) Answer
	// Keeps reports whether the provider repeats an answer to the same key. It is not called for charges if Rules has
	// Recall.
	Keeps(a Answer) bool
	// Replayed marks an answer that is repeated. It must not change a's header in place.
	Replayed(a Answer) Answer
	// Handle derives what the provider looks a payment up by from duly's key, as the adapter does. [Simulator.Inject] needs it.
	Handle(key string) string
}

// Rules are a provider's rules of keys and payments. The zero value is a provider that keeps keys for ever, and
// whose payments are known by their handle.
type Rules struct {
	// KeyLife is how long a key is remembered where Config.KeyLife is 0; 0: for ever.
	KeyLife time.Duration
	// ByDay: a key is forgotten as its last day begins, in this zone; nil: KeyLife is exact.
	ByDay *time.Location
	// Recall: the first answer to a charge is built again from the ledger. Only executed charges are remembered, and bodies
	// are compared. Otherwise each answer that the dialect keeps is stored.
	Recall bool
	// SameBody: a key stands for one request. Another request under it is refused with KeyReused; otherwise it gets the first
	// request's answer.
	SameBody bool
	// PaidOnce: a handle takes money once, whatever the key; more is refused with AlreadyPaid.
	PaidOnce bool
	// Tries is how many payments, declined ones too, a handle may have; one more is refused with TooManyTries.
	// 0: any number.
	Tries int
	// ByMethod: the dialect asks for the payments of a method; see [Books.OfMethod].
	ByMethod bool
	// IDPrefix begins the provider's own id of a payment; empty: the handle is the id.
	IDPrefix string
}

// Refusal is why a request does nothing.
type Refusal int

// The refusals.
const (
	// NoCredentials: they are missing or wrong.
	NoCredentials Refusal = iota
	// NoPermission: the account may not do that.
	NoPermission
	// TooFast: too many requests in too little time. The core adds Retry-After.
	TooFast
	// NothingDone: the provider is down, and nothing was done. Not all providers can say so.
	NothingDone
	// Invalid: the request cannot be read or is not complete.
	Invalid
	// Rejected: the payment method asks for a rejection.
	Rejected
	// UnderWay: a request with the same key is under way.
	UnderWay
	// SlowDown: look-ups come too fast one after the other.
	SlowDown
	// KeyReused: the key was used with another body.
	KeyReused
	// NotFound: there is no such payment.
	NotFound
	// AlreadyPaid: the handle has a payment that took money, or may yet.
	AlreadyPaid
	// TooManyTries: the handle has as many payments as it may have.
	TooManyTries
	// UnknownMethod and DeletedMethod: the payment method does not exist, or not any more.
	UnknownMethod
	DeletedMethod
)

// refusalOf says why an outcome refuses a request, if it does.
func refusalOf(res plan.Result) (Refusal, bool) {
	switch res.Name {
	case plan.OutcomeUnauthorized:
		return NoCredentials, true
	case plan.OutcomeForbidden:
		return NoPermission, true
	case plan.OutcomeUnknownMethod:
		return UnknownMethod, true
	case plan.OutcomeDeletedMethod:
		return DeletedMethod, true
	}
	return Rejected, res.Refused
}

// Charge is a request for a charge, whatever the dialect.
type Charge struct {
	// Key is duly's idempotency key, as the ledger shows it.
	Key string
	// Handle is what the provider looks the payment up by; empty: the request is so broken that it is not noted.
	Handle string
	// Scope is what an answer is kept under; empty: it is not kept. It is not read where Rules has Recall.
	Scope string
	// Reference and CustomerID are duly's, as far as the request carries them.
	Reference, CustomerID string
	// Method is the payment method, and GatewayCustomer its second identifier, if there is one.
	Method, GatewayCustomer string
	// Amount is in minor units of Currency.
	Amount   int64
	Currency string
	// Extra is the dialect's own; Payment.Extra has it.
	Extra any
	// Instead maps outcomes to those that they become because of what the request asks for, both by name.
	Instead map[string]string
	// Sum stands for the bytes of the request; see [Simulator.Sum].
	Sum uint64
	// Refusal answers instead of a charge: the request cannot work.
	Refusal *Answer
	// Check, if set, may answer instead because of what is in the books; nil: go on.
	Check func(b Books) *Answer
}

// Payment is a payment as a dialect shows it.
type Payment struct {
	Entry

	// Handle is what the provider looks it up by.
	Handle string
	// Serial numbers the payments from 1 on.
	Serial uint64
	// Outcome is the name of the outcome that its charge ended by (see Outcomes).
	Outcome string
	// Decline says why it was declined, in the words of docs/payments-api.yaml; zero if it was not.
	Decline payment.Decline
	// Parts are its refunds, also those that are not done.
	Parts []Part
	// Extra is that of the charge; nil for a payment of [Simulator.Inject].
	Extra any

	at uint32
}

// Part is one refund.
type Part struct {
	Amount int64 // minor units
	At     time.Time
	Reason string
	State  PartState
	// Extra is what else the dialect remembers of it.
	Extra any
}

// PartState is what became of a refund.
type PartState uint8

// The states of a refund.
const (
	PartDone PartState = iota
	PartRequested
	PartFailed
)
