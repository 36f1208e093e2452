// Package gateway says what duly needs of a payment provider, and paces the calls to one: tries with
// back-off, rate, circuit and outage. Adapters live in the folders below, one a provider; gatewaytest is the
// suite that each of them passes.
package gateway

import (
	"context"
	"errors"
	"time"

	"duly/internal/payment"
)

// Gateway charges stored payment methods at one provider account. Its methods are safe for concurrent use
// and return what is known as a value: a failed call is an outcome, never an error.
type Gateway interface {
	Capabilities() Capabilities
	// Charge sends exactly one request for c, or none and says so (Unsent). It calls CheckGuard right before the request
	// is written.
	Charge(ctx context.Context, c payment.Charge) payment.Outcome
	// Find asks what became of c, by its key or by the gateway's own id where that is known.
	Find(ctx context.Context, c payment.Charge, paymentID string) Finding
	// Look asks for a payment as the gateway records it, by the gateway's own id where that is known and else
	// by its key.
	Look(ctx context.Context, w payment.Ref) payment.LookupResult
	// Cancel sends exactly one request to cancel a pending payment; it asks the guard as Charge does.
	Cancel(ctx context.Context, c payment.Cancel) payment.Reply
	// Refund sends exactly one request to give money back; it asks the guard as Charge does.
	Refund(ctx context.Context, r payment.Refund) payment.Reply
	// List returns one page of the payments created in a window, oldest first, from the start or after a
	// cursor. A page before the last may be empty. A payment that changed later in the window may be listed once more, as it is by
	// then. The error wraps ErrMisconfigured if our credentials were refused; a *ListError says more.
	List(ctx context.Context, w payment.Window, cursor string) (payment.Listing, error)
	// Ping makes a harmless authenticated call, for `duly doctor`. No error: the provider's API answers. It does not show that the account
	// is ours.
	Ping(ctx context.Context) error
	// Close frees idle connections.
	Close()
}

// Capabilities is what a provider can do. The protocol reads these, never a provider's name.
type Capabilities struct {
	// KeyLife is how long an idempotency key is kept after its first execution; 0: the provider keeps none.
	KeyLife time.Duration
	// LongestRequest is how long after it was sent a request can still take effect.
	LongestRequest time.Duration
	// Timeout is how long one request is waited for.
	Timeout time.Duration
	// KeepsErrors: for as long as a key lives the provider answers it with its first answer, also where that was an error.
	KeepsErrors bool
	// FindByKey: a charge can be looked up by its idempotency key.
	FindByKey bool
	// FindNeedsCustomer: only a charge whose GatewayCustomer is known can be looked up by its key.
	FindNeedsCustomer bool
	// LookupOutlivesKey: the look-up answers as long as the payment exists, longer than keys are kept, so that
	// absence can prove something.
	LookupOutlivesKey bool
	// List: the payments of a window of time can be listed.
	List bool
	// ListLag is how long after it was made a payment may be missing from the list.
	ListLag time.Duration
	// Retention is how long the provider shows a payment; 0: for ever.
	Retention time.Duration
	// ChargesOnce: the provider never charges a key again that it charged once, however old the key is.
	ChargesOnce bool
	// Address is where the provider is called, written in one way only, and Account the provider's own id of our
	// account there, where it tells one. What was sent to one of them proves nothing about another.
	Address, Account string
	// Live says whether charges take real money, as far as the adapter can tell.
	Live Liveness
}

// Liveness says whether an account takes real money.
type Liveness uint8

// What an adapter can tell of an account, for instance by the prefix of its key.
const (
	LivenessUnknown Liveness = iota
	LivenessSandbox          // charges are a game
	LivenessLive             // charges take money
)

// String is the word for people and for JSON.
func (l Liveness) String() string {
	switch l {
	case LivenessSandbox:
		return "sandbox"
	case LivenessLive:
		return "live"
	case LivenessUnknown:
	}
	return "unknown"
}

// FindsByKeyAlone reports whether a charge can be looked up of which nothing but the key is known.
func (c Capabilities) FindsByKeyAlone() bool { return c.FindByKey && !c.FindNeedsCustomer }

// Finding is the answer to a look-up.
type Finding struct {
	// Absent: the provider says that it never saw the charge. A request on its way may still arrive.
	Absent bool
	// Outcome is what the provider knows; InDoubt if it could not be asked or has not decided.
	Outcome payment.Outcome
	// Unasked: no request was made, so that the provider has said nothing; Outcome is InDoubt.
	Unasked bool
	// Misconfigured: it was not asked because it refused our own credentials; Outcome is InDoubt.
	Misconfigured bool
}

// ErrGuard is the cause of a request that was not sent because its guard said no.
var ErrGuard = errors.New("not sent")

// ErrMisconfigured says that a gateway refused our own credentials.
var ErrMisconfigured = errors.New("credentials refused")

// Guard decides, at the last moment, whether a request may leave.
type Guard struct {
	// Check returns an error, wrapping ErrGuard, if the request must not be sent now: the lease is too
	// short for it, the key too old, or the run is stopping.
	Check func() error
	// Stop is closed when waiting (for a back-off, a rate, a circuit) should end.
	Stop <-chan struct{}
}

type guardKey struct{}

// WithGuard returns a context under which every request that moves money is checked by g.
func WithGuard(ctx context.Context, g Guard) context.Context {
	return context.WithValue(ctx, guardKey{}, g)
}

// CheckGuard asks the guard of ctx, if there is one. Adapters call it in the function that writes to the
// socket, before every send.
func CheckGuard(ctx context.Context) error {
	g, _ := ctx.Value(guardKey{}).(Guard)
	if g.Check == nil {
		return nil
	}
	err := g.Check()
	if w, ok := ctx.Value(watchedKey{}).(*watched); ok && err != nil {
		w.refused.Store(true)
	}
	return err
}

// stopped is the stop channel of ctx's guard; nil, which blocks for ever, if there is none.
func stopped(ctx context.Context) <-chan struct{} {
	g, _ := ctx.Value(guardKey{}).(Guard)
	return g.Stop
}
