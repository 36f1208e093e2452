package gateway

import "context"

// LiveChecker is a gateway whose credentials do not show whether charges take money, but whose provider shows it for a payment method.
type LiveChecker interface {
	// LiveOf says whether charges of a payment method take real money. It asks the provider, and moves nothing.
	LiveOf(ctx context.Context, method string) Liveness
}
