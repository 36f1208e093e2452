package gateway_test

import (
	"context"
	"fmt"
	"time"

	"duly/internal/gateway"
	"duly/internal/payment"
)

// forgetful is a gateway that loses its first answer. A real one is a folder below this one.
type forgetful struct {
	gateway.Gateway

	requests int
}

func (*forgetful) Capabilities() gateway.Capabilities {
	return gateway.Capabilities{KeyLife: 24 * time.Hour, FindByKey: true}
}

func (f *forgetful) Charge(ctx context.Context, c payment.Charge) payment.Outcome {
	// The guard is asked in the function that writes to the socket: a worker whose lease has ended sends nothing.
	if err := gateway.CheckGuard(ctx); err != nil {
		return payment.Outcome{Kind: payment.NotExecuted, Reason: err.Error()}
	}
	f.requests++
	fmt.Printf("request %d under %s\n", f.requests, c.Key)
	if f.requests == 1 {
		return payment.Outcome{Kind: payment.InDoubt, Failure: true, Reason: "connection closed before the answer was whole"}
	}
	return payment.Outcome{Kind: payment.Paid, PaymentID: "pay_1"}
}

// Limit repeats a request that got no answer, under the same idempotency key. The charge stays marked as one of which a request was in
// doubt.
func ExampleLimit() {
	limits := gateway.Defaults()
	limits.Backoff, limits.Now = time.Millisecond, time.Now
	g := gateway.Limit("main", &forgetful{}, limits)

	o, doubted := g.Charge(context.Background(), payment.Charge{Key: "sub_42_20260131-1"}, false)
	fmt.Println(o.Kind, o.PaymentID, doubted)
	// Output:
	// request 1 under sub_42_20260131-1
	// request 2 under sub_42_20260131-1
	// succeeded pay_1 true
}

// A guard decides at the last moment whether a request may leave.
func ExampleWithGuard() {
	limits := gateway.Defaults()
	limits.Now = time.Now
	g := gateway.Limit("main", &forgetful{}, limits)

	ctx := gateway.WithGuard(context.Background(), gateway.Guard{Check: func() error {
		return fmt.Errorf("%w: the lease ends in 3s", gateway.ErrGuard)
	}})
	o, doubted := g.Charge(ctx, payment.Charge{Key: "sub_42_20260131-1"}, false)
	fmt.Println(o.Kind, doubted)
	fmt.Println(o.Reason)
	// Output:
	// not_executed false
	// not sent: the lease ends in 3s
}
