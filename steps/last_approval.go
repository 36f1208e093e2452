package steps

import (
	"context"
	"fmt"
	"time"

	"duly/internal/billing"
	"duly/internal/gateway"
)

// lastApproval tells an operator when the payment method of an attempt was last charged, where its gateway cannot be asked about the attempt
// itself and knows that; empty if it does not. It decides nothing: somebody else may charge the method too, and a request may still be on
// its way.
func lastApproval(ctx context.Context, g *gateway.Limited, item billing.Claimed) string {
	at, ok := g.LastApproved(ctx, item.Charge)
	if !ok {
		return ""
	}
	told, begun := at.UTC().Format(time.DateTime), item.CreatedAt.UTC().Format(time.DateTime)
	if at.Before(item.CreatedAt.Truncate(time.Second)) {
		return fmt.Sprintf("; its method was last charged at %s UTC, before this charge was begun (%s), which proves nothing yet", told, begun)
	}
	return fmt.Sprintf("; its method was last charged at %s UTC, after this charge was begun (%s): by it, unless something else charges the method", told, begun)
}
