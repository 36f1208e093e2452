package gateway

import (
	"context"
	"errors"
	"sync/atomic"

	"duly/internal/payment"
)

// ErrUntouched is wrapped by what an Untouched returns as an error.
var ErrUntouched = errors.New("a dry run calls no gateway")

// Untouched stands in for a gateway in a dry run: it can what that can, sends nothing, and counts what was to be sent.
type Untouched struct {
	gateway Gateway
	calls   atomic.Int64
}

// Untouch keeps g from being called. Close still closes it.
func Untouch(g Gateway) *Untouched { return &Untouched{gateway: g} }

// Calls is how many requests would have been sent.
func (u *Untouched) Calls() int64 { return u.calls.Load() }

// Abilities implements Gateway.
func (u *Untouched) Abilities() Abilities { return u.gateway.Abilities() }

// Charge implements Gateway.
func (u *Untouched) Charge(context.Context, payment.Charge) payment.Outcome {
	u.calls.Add(1)
	return payment.Outcome{Kind: payment.NotExecuted, Reason: ErrUntouched.Error()}
}

// Find implements Gateway.
func (u *Untouched) Find(context.Context, payment.Charge, string) Finding {
	u.calls.Add(1)
	return Finding{Outcome: payment.Outcome{Kind: payment.InDoubt, Reason: ErrUntouched.Error()}}
}

// Look implements Gateway.
func (u *Untouched) Look(context.Context, payment.Which) payment.Sight {
	u.calls.Add(1)
	return payment.Sight{Reason: ErrUntouched.Error()}
}

// Cancel implements Gateway.
func (u *Untouched) Cancel(context.Context, payment.Cancel) payment.Reply { return u.none() }

// Refund implements Gateway.
func (u *Untouched) Refund(context.Context, payment.Refund) payment.Reply { return u.none() }

func (u *Untouched) none() payment.Reply {
	u.calls.Add(1)
	return payment.Reply{Effect: payment.EffectNone, Reason: ErrUntouched.Error()}
}

// List implements Gateway.
func (u *Untouched) List(context.Context, payment.Window, string) (payment.Listing, error) {
	u.calls.Add(1)
	return payment.Listing{}, ErrUntouched
}

// Ping implements Gateway.
func (u *Untouched) Ping(context.Context) error {
	u.calls.Add(1)
	return ErrUntouched
}

// Close implements Gateway.
func (u *Untouched) Close() { u.gateway.Close() }
