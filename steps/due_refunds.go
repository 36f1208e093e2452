package steps

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"duly/internal/batch"
	"duly/internal/gateway"
	"duly/internal/orders"
	"duly/internal/payment"
)

// DueRefunds gives money back. It looks at each payment before it sends anything, the first time too: somebody may have
// given it back by hand, and an earlier request whose answer was lost may have done its work. The payments of one
// order are dealt with one after the other. It implements batch.Processor.
type DueRefunds struct {
	Gateways Gateways
	Now      func() time.Time // the business clock, which claims are dated by
	// Controls and Source bear out that nothing was taken.
	Controls *Controls
	Source   ControlSource
	// Window is for how long after a claim requests may leave to a gateway that keeps no keys.
	Window time.Duration
	// Reserve books a payment for its row before its money leaves, and says which other row keeps it; empty: none.
	Reserve func(ctx context.Context, p orders.Payment) (other string, err error)
	// Freeze stores what is to be sent before it is; false: the row is somebody else's by now.
	Freeze func(ctx context.Context, item orders.RefundClaim, end orders.RefundEnd) (bool, error)
}

// Process implements batch.Processor.
func (r *DueRefunds) Process(ctx context.Context, item orders.RefundClaim) (orders.RefundResult, error) {
	result := orders.RefundResult{RefundClaim: item}
	for _, p := range item.Due {
		end, left := r.give(ctx, item, p)
		if left != "" { // others of the order may be at another gateway
			result.Left = left
			continue
		}
		if end.Step == orders.RefundLater {
			batch.Execution(ctx).Log.InfoContext(ctx, "a refund is tried again later", slog.Uint64("payment_id", p.ID), slog.String("reason", end.Reason))
		}
		result.Ends = append(result.Ends, end)
	}
	return result, nil
}

// give looks at a payment and gives it back if that is to be done; left says why nothing was done.
func (r *DueRefunds) give(ctx context.Context, item orders.RefundClaim, p orders.Payment) (end orders.RefundEnd, left string) {
	checked := orders.Checked{Payment: p, Asked: true, Mark: item.Marks[p.ID]}
	if checked.Taken = checked.Mark.Twin; checked.Taken != "" {
		return orders.DecideRefund(item.Order, checked, r.Now()), ""
	}
	g, ok := r.Gateways[p.Gateway]
	if !ok {
		return end, notConfigured(p.Gateway)
	}
	abilities, plain := g.Capabilities(), ctx
	if left = elsewhere(ctx, r.Source, p); left != "" {
		return end, left
	}
	if checked.Taken, left = r.book(ctx, p); left != "" {
		return end, left
	}
	if checked.Taken != "" {
		return orders.DecideRefund(item.Order, checked, r.Now()), ""
	}
	checked.Guarantees = guarantees(abilities)
	ctx = gateway.WithCustomer(guard(ctx, abilities, func() error { return r.inTime(item, abilities) }), item.CustomerID)
	which := p.Which()
	which.RequestID = fmt.Sprintf("run-%d/refund-%d", batch.Execution(ctx).Run.ID, p.ID)
	if checked.Sight, left = look(ctx, g, which); left != "" {
		return end, left
	}
	if left = r.vet(ctx, g, &checked, which); left != "" {
		return end, left
	}
	switch end = orders.DecideRefund(item.Order, checked, r.Now()); end.Step {
	case orders.RefundNone:
		end.Code = orders.RefundCode(checked.Sight)
		return end, ""
	case orders.RefundLater, orders.RefundDone, orders.RefundReview:
		return end, ""
	case orders.RefundSend:
	}
	if seen := checked.Sight.Payment; seen.ID != p.TransactionKey { // learnt now, or spelled otherwise by the shop
		learnt := p
		learnt.TransactionKey = seen.ID
		if left = elsewhere(ctx, r.Source, learnt); left != "" {
			return orders.RefundEnd{}, left
		}
		if checked.Taken, left = r.book(ctx, learnt); left != "" {
			return orders.RefundEnd{}, left
		}
		if checked.Taken != "" {
			return orders.DecideRefund(item.Order, checked, r.Now()), ""
		}
	}
	if left = r.Controls.ShowsNewest(plain, g, r.Source); left != "" {
		return orders.RefundEnd{}, left
	}
	return r.send(ctx, g, item, checked.Mark, end, which.RequestID)
}

// send stores what is asked for, unless an earlier claim did, and sends it.
func (r *DueRefunds) send(ctx context.Context, g *gateway.Limited, item orders.RefundClaim, mark orders.RefundMark, end orders.RefundEnd, requestID string) (orders.RefundEnd, string) {
	p, key := end.Payment, mark.Key
	if key == "" {
		key = orders.RefundKey(p)
	}
	if mark.ID != 0 && mark.Sent == 0 {
		switch frozen, err := r.Freeze(ctx, item, end); {
		case err != nil:
			return orders.RefundEnd{}, "what is to be refunded could not be stored: " + err.Error()
		case !frozen:
			return orders.RefundEnd{}, "the refund is claimed by another run"
		}
	}
	reply := g.Refund(ctx, payment.Refund{
		// The body is the same at every try, as its key asks for.
		Key: key, ID: p.TransactionKey, Amount: end.Amount, Reason: orders.Reference(p.OrderID), RequestID: requestID,
	})
	if reply.Effect == payment.EffectNone || reply.Effect == payment.EffectMisconfigured {
		if left := notNow(ctx, g); left != "" {
			return orders.RefundEnd{}, left
		}
	}
	after := orders.AfterRefund(p, reply)
	after.Amount, after.Unsent = end.Amount, after.Unsent && mark.Sent == 0
	return after, ""
}

// elsewhere says why nothing of a payment is sent back to the account that its gateway is called at: another one took it. The run
// names that among what it leaves.
func elsewhere(ctx context.Context, source ControlSource, p orders.Payment) (left string) {
	why, err := source.Elsewhere(ctx, p)
	switch {
	case err != nil:
		return fmt.Sprintf("where payment %d was taken could not be read: %v", p.ID, err)
	case why != "":
		batch.Execution(ctx).Leave(why)
	}
	return why
}

// book asks whether another row keeps the payment; left says why nobody knows.
func (r *DueRefunds) book(ctx context.Context, p orders.Payment) (other, left string) {
	other, err := r.Reserve(ctx, p)
	if err != nil {
		return "", "the payment could not be reserved for its refund: " + err.Error()
	}
	return other, ""
}

// vet asks for controls where the gateway says that no money was taken or that it knows no such payment, and then once more
// for the payment itself; left says why that is not believed.
func (r *DueRefunds) vet(ctx context.Context, g *gateway.Limited, checked *orders.Checked, which payment.Ref) (left string) {
	if !orders.NeedsControl(*checked, r.Now()) {
		return ""
	}
	found, err := r.Source.For(ctx, g.Name(), []payment.Window{orders.ControlSpan(*checked)})
	if err != nil {
		return fmt.Sprintf("the payments that gateway %s took could not be read: %v", g.Name(), err)
	}
	checked.Vetting = r.Controls.Vet(ctx, g, found[0], payment.BothSides)
	switch {
	case checked.Vetting.Failed():
		return r.Controls.Notice(g.Name())
	case checked.Vetting.Unknown() && !checked.Sight.Absent:
		return checked.Vetting.Reason(g.Name())
	case checked.Vetting.Proves() && checked.Sight.Absent:
		checked.Sight, left = look(ctx, g, which)
	}
	return left
}

// inTime keeps requests to a gateway without keys within the window that the claim has reserved for them: nobody
// sends another before they can have no effect any more.
func (r *DueRefunds) inTime(item orders.RefundClaim, a gateway.Capabilities) error {
	if age := batch.Since(item.At, r.Now()); a.KeyLife == 0 && age >= r.Window {
		return fmt.Errorf("%w: the claim is %s old", gateway.ErrGuard, age.Round(time.Second))
	}
	return nil
}

// notNow says why the run has nothing more to send to g; empty if it has.
func notNow(ctx context.Context, g *gateway.Limited) string {
	x := batch.Execution(ctx)
	if reason, closed := g.Closed(); closed {
		return reason
	}
	select {
	case <-x.Stopping():
		return "stopped"
	default:
	}
	switch {
	case x.Halted() != nil:
		return "halted"
	case x.Lease.Left() <= g.Capabilities().Timeout:
		return "the lease is too short for a request"
	}
	return ""
}

// FailRefund is the result of a claimed order whose refunds were not begun, or whose processing failed. Where a
// request may have left, the next look says what it did.
func FailRefund(item orders.RefundClaim, err error) orders.RefundResult {
	result := orders.RefundResult{RefundClaim: item}
	if errors.Is(err, batch.ErrStopped) {
		result.Left = err.Error()
		return result
	}
	for _, p := range item.Due {
		result.Ends = append(result.Ends, orders.RefundEnd{Payment: p, Step: orders.RefundLater, Reason: err.Error()})
	}
	return result
}
