package gateway

import (
	"context"
	"errors"

	"duly/internal/payment"
)

// ErrUntouched is wrapped by what a DryRun returns as an error.
var ErrUntouched = errors.New("a dry run calls no gateway")

// DryRun stands in for a gateway in a dry run: it can what that can, and sends nothing.
type DryRun struct {
	gateway Gateway
}

// NewDryRun keeps g from being called. Close still closes it.
func NewDryRun(g Gateway) *DryRun { return &DryRun{gateway: g} }

// Capabilities implements Gateway.
func (u *DryRun) Capabilities() Capabilities { return u.gateway.Capabilities() }

// Charge implements Gateway.
func (u *DryRun) Charge(context.Context, payment.Charge) payment.Outcome {
	return payment.Outcome{Kind: payment.NotExecuted, Reason: ErrUntouched.Error()}
}

// Find implements Gateway.
func (u *DryRun) Find(context.Context, payment.Charge, string) Finding {
	return Finding{Outcome: payment.Outcome{Kind: payment.InDoubt, Reason: ErrUntouched.Error()}}
}

// Look implements Gateway.
func (u *DryRun) Look(context.Context, payment.Ref) payment.LookupResult {
	return payment.LookupResult{Reason: ErrUntouched.Error()}
}

// Cancel implements Gateway.
func (u *DryRun) Cancel(context.Context, payment.Cancel) payment.Reply { return u.none() }

// Refund implements Gateway.
func (u *DryRun) Refund(context.Context, payment.Refund) payment.Reply { return u.none() }

func (u *DryRun) none() payment.Reply {
	return payment.Reply{Effect: payment.EffectNone, Reason: ErrUntouched.Error()}
}

// List implements Gateway.
func (u *DryRun) List(context.Context, payment.Window, string) (payment.Listing, error) {
	return payment.Listing{}, ErrUntouched
}

// Ping implements Gateway.
func (u *DryRun) Ping(context.Context) error {
	return ErrUntouched
}

// Close implements Gateway.
func (u *DryRun) Close() { u.gateway.Close() }
