package gateway

import (
	"context"
	"time"
)

// RequestKind is what a request is for.
type RequestKind string

// The kinds of request.
const (
	RequestCharge RequestKind = "charge"
	RequestLookUp RequestKind = "look_up"
	RequestList   RequestKind = "list"
	RequestCancel RequestKind = "cancel"
	RequestRefund RequestKind = "refund"
)

// Request is one request to a gateway, as an Observer is told of it.
type Request struct {
	Gateway string
	Kind    RequestKind
	ID      string // for both sides' logs; empty: it has none
	Try     int    // of its call, from 1
}

// Answer is how a request ended.
type Answer struct {
	// Outcome is one word: that of a charge's or a found charge's payment.Kind, that of a change's payment.Effect, and
	// otherwise found, absent, listed, unanswered or misconfigured.
	Outcome string
	Reason  string // for people, without secrets; may be empty
	// Failure: it counts against the gateway's circuit.
	Failure bool
	// Unsent: at the last moment the guard kept it from leaving.
	Unsent bool
	Took   time.Duration
}

// Observer is told of a request right before it is made. The context that it returns is the request's, and the function
// is called once with its answer. Both are called concurrently, and hold the request up for as long as they take.
type Observer func(ctx context.Context, r Request) (context.Context, func(Answer))

// Words of answers that are neither a payment.Kind nor a payment.Effect.
const (
	saidFound         = "found"
	saidAbsent        = "absent"
	saidListed        = "listed"
	saidNothing       = "unanswered"
	saidMisconfigured = "misconfigured"
)

// observe tells the observer.
func (p *Limited) observe(ctx context.Context, r Request) (context.Context, func(Answer)) {
	r.Gateway = p.name
	return p.limits.Observe(ctx, r)
}
