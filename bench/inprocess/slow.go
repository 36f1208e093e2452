package inprocess

import (
	"context"
	"time"

	"duly/internal/batch"
	"duly/internal/gateway"
	"duly/internal/payment"
)

// Slow is a gateway in this process that charges after a fixed time.
type Slow struct {
	Instant

	Takes time.Duration
}

// Charge implements gateway.Gateway.
func (g Slow) Charge(ctx context.Context, c payment.Charge) payment.Outcome {
	if err := batch.Wait(ctx, g.Takes); err != nil {
		return payment.Outcome{Kind: payment.InDoubt, Reason: err.Error()}
	}
	return g.Instant.Charge(ctx, c)
}

var _ gateway.Gateway = Slow{}
