package main

import (
	"context"
	"time"

	"duly/internal/batch"
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
	if err := batch.Wait(ctx, g.takes); err != nil {
		return payment.Outcome{Kind: payment.InDoubt, Reason: err.Error()}
	}
	return g.instant.Charge(ctx, c)
}

var _ gateway.Gateway = slow{}
