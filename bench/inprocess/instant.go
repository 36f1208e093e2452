// Package inprocess has gateways in the process of the benchmark, which cost nothing themselves.
package inprocess

import (
	"context"
	"time"

	"duly/internal/gateway"
	"duly/internal/payment"
)

// Instant is a gateway in this process that answers every charge at once: it succeeded.
type Instant struct {
	gateway.Gateway // the rest of the contract, which no benchmark asks for
}

// Capabilities implements gateway.Gateway.
func (Instant) Capabilities() gateway.Capabilities {
	return gateway.Capabilities{
		KeyLife: 24 * time.Hour, LongestRequest: 2 * time.Minute, Timeout: 30 * time.Second, FindByKey: true, LookupOutlivesKey: true, List: true,
	}
}

// Charge implements gateway.Gateway.
func (Instant) Charge(ctx context.Context, c payment.Charge) payment.Outcome {
	if err := gateway.CheckGuard(ctx); err != nil {
		return payment.Outcome{Kind: payment.NotExecuted, Reason: err.Error()}
	}
	return payment.Outcome{Kind: payment.Paid, PaymentID: "pay_" + c.Key}
}

// Find implements gateway.Gateway.
func (Instant) Find(context.Context, payment.Charge, string) gateway.Finding {
	return gateway.Finding{Absent: true}
}

// Look implements gateway.Gateway.
func (Instant) Look(context.Context, payment.Ref) payment.LookupResult {
	return payment.LookupResult{Absent: true}
}

// List implements gateway.Gateway. A run lists before it charges, when this gateway has no payment.
func (Instant) List(context.Context, payment.Window, string) (payment.Listing, error) {
	return payment.Listing{}, nil
}

// Ping implements gateway.Gateway.
func (Instant) Ping(context.Context) error { return nil }

// Close implements gateway.Gateway.
func (Instant) Close() {}
