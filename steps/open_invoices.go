package steps

import (
	"context"
	"time"

	"duly/internal/billing"
	"duly/internal/payment"
)

// OpenInvoices sends claimed attempts to their gateways, unless something is known of their charges already. It implements
// batch.Processor.
type OpenInvoices struct {
	Gateways Gateways
	Brake    *Brake
	Now      func() time.Time // the process's own clock
	// History, if there is one, is asked before the first send of an item.
	History History
}

// Process implements batch.Processor.
func (c *OpenInvoices) Process(ctx context.Context, item billing.Claimed) (billing.Result, error) {
	result := billing.Result{Claimed: item}
	c.charge(ctx, &result)
	c.Brake.Watch(item.Gateway, result.Answer.Outcome)
	return result, nil
}

// charge fills in what becomes of a claimed attempt. Results are large, and every slot of a gateway has a stack: they go by pointer.
func (c *OpenInvoices) charge(ctx context.Context, result *billing.Result) {
	item := &result.Claimed
	switch {
	case item.Kept != nil:
		result.Answer = billing.Answer{Outcome: *item.Kept, Found: true, Kept: true}
	case item.Held != "":
		result.Answer.Outcome = payment.Outcome{Kind: payment.NotExecuted, Reason: item.Held}
	case item.Doubted:
		result.Answer.Outcome.Reason = "an answer is kept under its key that is not one to this charge"
	default:
		if excused, known := c.first(ctx, result); !known {
			send(ctx, c.Gateways, c.Brake, c.Now, result, excused)
		}
	}
}

// send charges an item by its own gateway, once the brake lets it, and fills in what becomes of it.
func send(ctx context.Context, gateways Gateways, brake *Brake, now func() time.Time, result *billing.Result, excused excuse) {
	item := &result.Claimed
	g, ok := gateways[item.Gateway]
	if !ok {
		unsent(result, "gateway "+item.Gateway+" is not configured")
		return
	}
	if err := brake.await(ctx, item.Gateway); err != nil {
		unsent(result, err.Error())
		return
	}
	result.Answer.Outcome, item.Doubted = g.Charge(guarded(ctx, item, g.Capabilities(), now, excused), item.Charge, item.Doubted)
}
