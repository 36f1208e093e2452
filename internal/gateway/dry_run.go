package gateway

import (
	"context"
	"errors"
	"sync/atomic"

	"duly/internal/payment"
)

// ErrUntouched is wrapped by what an Untouched returns as an error.
var ErrUntouched = errors.New("a dry run calls no gateway")

// DryRun stands in for a gateway in a dry run: it can what that can, sends nothing, and counts what was to be sent.
type DryRun struct {
	gateway Gateway
	calls   atomic.Int64
}

// NewDryRun keeps g from being called. Close still closes it.
func NewDryRun(g Gateway) *DryRun { return &DryRun{gateway: g} }

// Calls is how many requests would have been sent.
func (u *DryRun) Calls() int64 { return u.calls.Load() }

// Capabilities implements Gateway.
func (u *DryRun) Capabilities() Capabilities { return u.gateway.Capabilities() }

// Charge implements Gateway.
func (u *DryRun) Charge(context.Context, payment.Charge) payment.Outcome {
	u.calls.Add(1)
	return payment.Outcome{Kind: payment.NotExecuted, Reason: ErrUntouched.Error()}
}

// Find implements Gateway.
func (u *DryRun) Find(context.Context, payment.Charge, string) Finding {
	u.calls.Add(1)
	return Finding{Outcome: payment.Outcome{Kind: payment.InDoubt, Reason: ErrUntouched.Error()}}
}

// Look implements Gateway.
func (u *DryRun) Look(context.Context, payment.Ref) payment.LookupResult {
	u.calls.Add(1)
	return payment.LookupResult{Reason: ErrUntouched.Error()}
}

// Cancel implements Gateway.
func (u *DryRun) Cancel(context.Context, payment.Cancel) payment.Reply { return u.none() }

// Refund implements Gateway.
func (u *DryRun) Refund(context.Context, payment.Refund) payment.Reply { return u.none() }

func (u *DryRun) none() payment.Reply {
	u.calls.Add(1)
	return payment.Reply{Effect: payment.EffectNone, Reason: ErrUntouched.Error()}
}

// List implements Gateway.
func (u *DryRun) List(context.Context, payment.Window, string) (payment.Listing, error) {
	u.calls.Add(1)
	return payment.Listing{}, ErrUntouched
}

// Ping implements Gateway.
func (u *DryRun) Ping(context.Context) error {
	u.calls.Add(1)
	return ErrUntouched
}

// Close implements Gateway.
func (u *DryRun) Close() { u.gateway.Close() }
