package steps

import (
	"context"
	"fmt"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/gateway"
	"duly/internal/payment"
)

// History is what a run finds out about what gateways took before it, under keys of ours. Its methods are safe for
// concurrent use.
type History interface {
	// Clear returns once charges may be sent to a gateway. The error says why none may in this run, or that waiting had
	// to end.
	Clear(ctx context.Context, gateway string) error
	// LookUps says by which numbers of its key item is looked up before its first send: none if last is before first.
	LookUps(item billing.Claimed) (first, last int)
	// Unknown records charges of a gateway that no attempt accounts for; nothing more is sent there in this run.
	Unknown(ctx context.Context, gateway string, found []payment.Payment) error
}

// unsent is the result of an item of which nothing was sent now.
func unsent(item billing.Claimed, why string) billing.Result {
	r := billing.Result{Claimed: item}
	r.Answer.Outcome, r.Doubted = payment.Outcome{Kind: payment.NotExecuted, Reason: why}.After(item.Doubted)
	return r
}

// first asks the history of an item that is to be sent for the first time. It returns false if it can be sent.
func (c *Charge) first(ctx context.Context, item billing.Claimed) (billing.Result, bool) {
	g, ok := c.Gateways[item.Gateway]
	if !ok || c.History == nil {
		return billing.Result{}, false
	}
	if err := c.History.Clear(ctx, item.Gateway); err != nil {
		return unsent(item, err.Error()), true
	}
	return c.look(ctx, g, item)
}

// look asks what became of an item that is to be sent for the first time, where its history leaves that open. It returns
// false if the gateway knows of nothing, so that it can be sent; else what the item is to be settled with.
func (c *Charge) look(ctx context.Context, g *gateway.Paced, item billing.Claimed) (billing.Result, bool) {
	first, last := c.History.LookUps(item)
	if first > last {
		return billing.Result{}, false
	}
	var found []payment.Payment
	var result *billing.Result
	ctx = stoppable(ctx)
	for n := first; n <= last; n++ {
		key := billing.WithNumber(item.Charge.Key, n)
		p, why := ask(ctx, g, item.Charge, key)
		switch {
		case why != "":
			return unsent(item, "not sent, since earlier charges could not be looked up: "+why), true
		case p == nil:
			continue
		case key == item.Charge.Key:
			result = &billing.Result{Claimed: item, Answer: billing.Answer{Outcome: payment.Judge(item.Charge, *p), Found: true}}
		}
		found = append(found, *p)
		last = max(last, n+1) // the number moves past an answer
	}
	later := len(found) > 1 || len(found) == 1 && result == nil
	switch {
	case later:
		why := fmt.Sprintf("not sent: gateway %s has the charge %s, which no attempt accounts for: duly adopt %s", item.Gateway, found[len(found)-1].Key, item.Gateway)
		if err := c.History.Unknown(ctx, item.Gateway, found); err != nil {
			why = "not sent: the gateway has charges that no attempt accounts for, and they could not be recorded: " + err.Error()
		}
		return unsent(item, why), true
	case result != nil:
		c.Brake.Watch(ctx, result.Answer.Outcome)
		return *result, true
	}
	return billing.Result{}, false
}

// ask looks up the charge under a key of the customer of c. why says why there is no answer; without one and without a
// payment the gateway does not know it.
func ask(ctx context.Context, g *gateway.Paced, c payment.Charge, key string) (p *payment.Payment, why string) {
	sight := g.Look(gateway.About(ctx, c.CustomerID), payment.Which{Key: key, RequestID: fmt.Sprintf("run-%d/%s", batch.Execution(ctx).Run.ID, key)})
	switch {
	case sight.Absent:
		return nil, ""
	case sight.Payment == nil:
		return nil, sight.Reason
	case sight.Payment.Key != key:
		return nil, fmt.Sprintf("asked for the key %s, the gateway answered with another one", key)
	}
	return sight.Payment, ""
}
