package main

import (
	"context"
	"time"

	"duly/internal/gateway"
	"duly/internal/payment"
)

// slow is a gateway in this process that charges after a fixed time.
type slow struct {
	instant

	takes time.Duration
}

// Charge implements gateway.Gateway.
func (g slow) Charge(ctx context.Context, c payment.Charge) payment.Outcome {
	if err := wait(ctx, g.takes); err != nil {
		return payment.Outcome{Kind: payment.InDoubt, Reason: err.Error()}
	}
	return g.instant.Charge(ctx, c)
}

// wait waits for so long, or until ctx ends.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

var _ gateway.Gateway = slow{}
