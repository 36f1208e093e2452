package steps

import (
	"context"
	"fmt"
	"time"

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
	// FirstSend says by which numbers of its key item is looked up before its first send. The error says why nothing answers
	// for it.
	FirstSend(item billing.Claimed) (billing.LookUps, error)
	// Later says by which later numbers item is looked up before it is sent again or released, once it is known how much of
	// its gateway's list the run has. The error says why that waiting had to end.
	Later(ctx context.Context, item billing.Claimed) (billing.LookUps, error)
	// Listed is what the gateway's list shows under the key of an attempt that is not settled; nil: nothing, as far as it was
	// read. Once Clear or Later has returned, it was read as far as this run reads it.
	Listed(gateway, key string) *payment.Payment
	// Unknown records those of a gateway's charges that no attempt accounts for, and returns how many they are; if there are
	// any, nothing more is sent there in this run.
	Unknown(ctx context.Context, gateway string, found []payment.Payment) (int, error)
}

// unsent fills in that nothing was sent now.
func unsent(r *billing.Result, why string) {
	r.Answer.Outcome, r.Claimed.Doubted = payment.Outcome{Kind: payment.NotExecuted, Reason: why}.After(r.Claimed.Doubted)
}

// excuse lets requests leave without a look-up of their key, for a while.
type excuse struct {
	at     time.Time // by the process's own clock
	within time.Duration
}

// over reports whether the while has passed. The zero excuse is never over.
func (e excuse) over(now time.Time) bool { return e.within > 0 && batch.Since(e.at, now) >= e.within }

// first asks the history of an item that is to be sent for the first time. It returns false if it can be sent, and else fills in what becomes of it.
func (c *OpenInvoices) first(ctx context.Context, result *billing.Result) (excuse, bool) {
	g, ok := c.Gateways[result.Claimed.Gateway]
	if !ok || c.History == nil {
		return excuse{}, false
	}
	if err := c.History.Clear(ctx, result.Claimed.Gateway); err != nil {
		unsent(result, err.Error())
		return excuse{}, true
	}
	e := excuse{at: c.Now()}
	which, err := c.History.FirstSend(result.Claimed)
	if err != nil {
		unsent(result, err.Error())
		return excuse{}, true
	}
	e.within = which.Within
	if which.Last < which.First {
		return e, false
	}
	return e, c.look(ctx, g, result, which)
}

// look asks what became of an item that is to be sent for the first time, where its history leaves that open. It returns
// false if the gateway knows of nothing, so that it can be sent; else it fills in what the item is to be settled with.
func (c *OpenInvoices) look(ctx context.Context, g *gateway.Limited, result *billing.Result, which billing.LookUps) bool {
	item := &result.Claimed
	found, why := lookUp(ctx, g, item.Charge, which)
	switch {
	case why != "":
		unsent(result, "not sent, since earlier charges could not be looked up: "+why)
	case len(found) == 0:
		return false
	case len(found) == 1 && found[0].Key == item.Charge.Key:
		result.Answer = billing.Answer{Outcome: payment.Judge(item.Charge, found[0]), Found: true}
	default:
		why, _ = accountFor(ctx, c.History, item.Gateway, found)
		unsent(result, "not sent: "+why)
	}
	return true
}

// lookUp looks up the charges under numbers of the key of c, and under one more past each that is found. why says why there
// is no answer.
func lookUp(ctx context.Context, g *gateway.Limited, c payment.Charge, which billing.LookUps) (found []payment.Payment, why string) {
	ctx = stoppable(ctx)
	for n, last := which.First, which.Last; n <= last; n++ {
		p, why := ask(ctx, g, c, billing.WithNumber(c.Key, n))
		switch {
		case why != "":
			return nil, why
		case p != nil:
			found = append(found, *p)
			last = max(last, n+1) // the number moves past an answer
		}
	}
	return found, ""
}

// accountFor records those of the charges found that no attempt accounts for, and says what has to be done first. known:
// attempts account for all of them.
func accountFor(ctx context.Context, h History, gateway string, found []payment.Payment) (why string, known bool) {
	last := found[len(found)-1].Key
	switch unknown, err := h.Unknown(ctx, gateway, found); {
	case err != nil:
		return "whether attempts account for the gateway's charges could not be recorded: " + err.Error(), false
	case unknown == 0:
		return fmt.Sprintf("gateway %s has the charge %s, which is settled first", gateway, last), true
	}
	return fmt.Sprintf("gateway %s has the charge %s, which no attempt accounts for: duly adopt %[1]s", gateway, last), false
}

// ask looks up the charge under a key of the customer of c. why says why there is no answer; without one and without a
// payment the gateway does not know it.
func ask(ctx context.Context, g *gateway.Limited, c payment.Charge, key string) (p *payment.Payment, why string) {
	sight := g.Look(gateway.WithCustomer(ctx, c.CustomerID), payment.Ref{
		Key: key, GatewayCustomer: c.GatewayCustomer, RequestID: fmt.Sprintf("run-%d/%s", batch.Execution(ctx).Run.ID, key),
	})
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
