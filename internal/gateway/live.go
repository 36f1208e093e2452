package gateway

import "context"

// LiveChecker is a gateway whose credentials do not show whether charges take money, and whose provider says it of a payment method.
type LiveChecker interface {
	// LiveOf says whether charges of a payment method take real money. It asks the provider, and moves nothing.
	LiveOf(ctx context.Context, method string) Liveness
}
