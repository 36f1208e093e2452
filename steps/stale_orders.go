package steps

import (
	"context"
	"fmt"
	"slices"
	"time"

	"duly/internal/batch"
	"duly/internal/gateway"
	"duly/internal/orders"
	"duly/internal/payment"
)

// StaleOrders asks the gateways what became of an order's payments, and cancels those that have been pending for too
// long. It has no way to charge. It implements batch.Processor.
type StaleOrders struct {
	Gateways Gateways
	Policy   orders.Policy
	Now      func() time.Time // the business clock
	// Controls and Source bear out that a gateway is the one that a payment is pending at, before it is cancelled.
	Controls *Controls
	Source   ControlSource
}

// Process implements batch.Processor. The payments of an order are asked about one after the other.
func (r *StaleOrders) Process(ctx context.Context, item orders.Claimed) (orders.Result, error) {
	result := orders.Result{Claimed: item, Checked: make([]orders.Checked, 0, len(item.Payments))}
	unknown := ""
	for _, p := range item.Payments {
		if _, ok := r.Gateways[p.Gateway]; !ok && orders.MustAsk(item.Order, p) {
			unknown = notConfigured(p.Gateway)
			result.Checked = append(result.Checked, orders.Checked{Payment: p, Sight: payment.LookupResult{Unasked: true, Reason: unknown}, Patience: item.Patience[p.ID]})
			continue
		}
		checked, left := r.check(ctx, item.Order, p)
		if left != "" {
			return orders.Result{Claimed: item, Left: left}, nil
		}
		checked.Patience = checked.Counted(item.Patience[p.ID], r.Now())
		result.Checked = append(result.Checked, checked)
	}
	// A host that knows the gateway checks the order, unless there is money to be kept or refunded now.
	if unknown != "" && !slices.ContainsFunc(result.Checked, orders.Checked.TookMoney) {
		return orders.Result{Claimed: item, Left: unknown}, nil
	}
	return result, nil
}

// check asks about one payment; left says why nothing could be asked now.
func (r *StaleOrders) check(ctx context.Context, o orders.Order, p orders.Payment) (checked orders.Checked, left string) {
	checked = orders.Checked{Payment: p}
	g, ok := r.Gateways[p.Gateway]
	if ok {
		checked.Guarantees = guarantees(g.Capabilities())
	}
	if !orders.MustAsk(o, p) {
		return checked, ""
	}
	plain := ctx
	ctx = gateway.WithCustomer(guard(ctx, g.Capabilities(), nil), o.CustomerID)
	which := p.Which()
	which.RequestID = fmt.Sprintf("run-%d/order-%d/payment-%d", batch.Execution(ctx).Run.ID, p.OrderID, p.ID)
	if checked.Sight, left = look(ctx, g, which); left != "" {
		return checked, left
	}
	checked.Asked = true
	if !orders.MustCancel(o, checked, r.Policy, r.Now()) {
		return checked, ""
	}
	if left = elsewhere(ctx, r.Source, p); left != "" {
		return checked, left
	}
	if left = r.Controls.ShowsNewest(plain, g, r.Source); left != "" {
		return checked, left
	}
	return r.cancel(ctx, g, checked, which)
}

// notConfigured is why nothing is done here with what is a gateway's: another host may know it.
func notConfigured(gateway string) string { return "gateway " + gateway + " is not configured" }

// look asks a gateway about a payment; left says why it could not be asked now. Without an answer it was asked, and
// said nothing.
func look(ctx context.Context, g *gateway.Limited, which payment.Ref) (sight payment.LookupResult, left string) {
	sight = g.Look(ctx, which)
	if sight.Payment == nil && !sight.Absent && !sight.Unaskable {
		left = notNow(ctx, g)
	}
	return sight, left
}

// cancel cancels a payment that was found pending. If the gateway says that it is decided, it is looked at again.
func (r *StaleOrders) cancel(ctx context.Context, g *gateway.Limited, checked orders.Checked, which payment.Ref) (_ orders.Checked, left string) {
	reply := g.Cancel(ctx, payment.Cancel{Key: orders.CancelKey(checked.Payment), ID: checked.Sight.Payment.ID, RequestID: which.RequestID})
	switch reply.Effect {
	case payment.EffectDone:
		checked.Cancelled = true
		if reply.Payment != nil {
			checked.Sight.Payment = reply.Payment
		}
	case payment.EffectRefused:
		which.ID = checked.Sight.Payment.ID
		checked.Sight, left = look(ctx, g, which)
	case payment.EffectNone, payment.EffectMisconfigured:
		left = notNow(ctx, g)
	case payment.EffectUnknown, payment.EffectRejected: // still pending as far as anybody knows: asked again later
	}
	return checked, left
}

// guarantees is what a gateway declares about keys and look-ups.
func guarantees(a gateway.Capabilities) orders.Guarantees {
	return orders.Guarantees{Known: true, KeyLife: a.KeyLife, Longest: a.LongestRequest, FindByKey: a.FindsByKeyAlone(), LookupOutlivesKey: a.LookupOutlivesKey}
}

// FailReconcile is the result of a claimed order that was not processed, or whose processing failed: nothing was
// found out, and nothing is settled.
func FailReconcile(item orders.Claimed, err error) orders.Result {
	return orders.Result{Claimed: item, Left: err.Error()}
}
