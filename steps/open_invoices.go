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
	result := c.charge(ctx, item)
	c.Brake.Watch(result)
	return result, nil
}

func (c *OpenInvoices) charge(ctx context.Context, item billing.Claimed) billing.Result {
	result := billing.Result{Claimed: item}
	switch {
	case item.Kept != nil:
		result.Answer = billing.Answer{Outcome: *item.Kept, Found: true, Kept: true}
	case item.Held != "":
		result.Answer.Outcome = payment.Outcome{Kind: payment.NotExecuted, Reason: item.Held}
	case item.Doubted:
		result.Answer.Outcome.Reason = "an answer is kept under its key that is not one to this charge"
	default:
		result, excused, known := c.first(ctx, item)
		if known {
			return result
		}
		return send(ctx, c.Gateways, c.Brake, c.Now, item, excused)
	}
	return result
}

// send charges an item by its own gateway, once the brake lets it.
func send(ctx context.Context, gateways Gateways, brake *Brake, now func() time.Time, item billing.Claimed, excused excuse) billing.Result {
	result := billing.Result{Claimed: item}
	g, ok := gateways[item.Gateway]
	if !ok {
		result.Answer.Outcome, result.Claimed.Doubted = payment.Outcome{
			Kind: payment.NotExecuted, Reason: "gateway " + item.Gateway + " is not configured",
		}.After(item.Doubted)
		return result
	}
	if err := brake.await(ctx, item.Gateway); err != nil {
		return unsent(item, err.Error())
	}
	result.Answer.Outcome, result.Claimed.Doubted = g.Charge(guarded(ctx, item, g.Capabilities(), now, excused), item.Charge, item.Doubted)
	return result
}
