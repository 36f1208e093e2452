package steps

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"duly/internal/batch"
	"duly/internal/gateway"
	"duly/internal/payment"
	"duly/internal/refunds"
)

// RequestedRefunds executes the refunds of rows of refunds, in whole or in part. It looks at the payment before it sends anything: what somebody
// refunded at the provider counts, and so does what an earlier request did whose answer was lost. It implements batch.Processor.
type RequestedRefunds struct {
	Gateways Gateways
	Now      func() time.Time // the business clock, which claims are dated by
	Controls *Controls
	Source   ControlSource
	// Window is for how long after a claim requests may leave to a gateway that keeps no keys.
	Window time.Duration
	// Elsewhere says why nothing of a payment is refunded where its gateway is called today: another account took it; empty: it did.
	Elsewhere func(ctx context.Context, c refunds.Claimed) (why string, err error)
	// Reserve books the payment for its row before its money leaves, and says which other row keeps it; empty: none.
	Reserve func(ctx context.Context, c refunds.Claimed) (other string, err error)
	// Freeze stores what is to be sent before it is; false: the row is somebody else's by now.
	Freeze func(ctx context.Context, c refunds.Claimed, sent refunds.Sent, gatewayID string) (bool, error)
}

// Process implements batch.Processor.
func (r *RequestedRefunds) Process(ctx context.Context, item refunds.Claimed) (refunds.Result, error) {
	result := refunds.Result{Claimed: item}
	result.End, result.Left = r.execute(ctx, &result.Claimed)
	if result.Left == "" && result.End.Step == refunds.Later {
		batch.Execution(ctx).Log.InfoContext(ctx, "a refund is tried again later", slog.Uint64("refund_id", item.Refund.ID), slog.String("reason", result.End.Reason))
	}
	return result, nil
}

// execute looks at a payment and refunds what is asked for; left says why nothing was done.
func (r *RequestedRefunds) execute(ctx context.Context, item *refunds.Claimed) (end refunds.End, left string) {
	now := r.Now()
	if item.Gateway == "" || item.Twin != "" || item.Problem != "" || item.Sent == nil && (item.Wait != "" || item.Origin == refunds.OfMark) {
		return refunds.Decide(*item, payment.LookupResult{}, refunds.Guarantees{}, now), "" // no gateway has anything to say
	}
	g, ok := r.Gateways[item.Gateway]
	if !ok {
		return end, notConfigured(item.Gateway)
	}
	abilities, plain := g.Capabilities(), ctx
	guarantees := refunds.Guarantees{KeyLife: abilities.KeyLife, Longest: abilities.LongestRequest}
	if abilities.KeyLife == 0 {
		guarantees.Longest += r.Window
	}
	if why, err := r.Elsewhere(ctx, *item); err != nil {
		return end, fmt.Sprintf("where the payment of refund %d was taken could not be read: %v", item.Refund.ID, err)
	} else if why != "" {
		batch.Execution(ctx).Leave(why)
		return end, why
	}
	if end, left = r.reserved(ctx, *item); left != "" || end.Step != refunds.Later {
		return end, left
	}
	ctx = gateway.WithCustomer(guard(ctx, abilities, func() error { return r.inTime(*item, abilities) }), item.CustomerID)
	which := item.Which()
	which.RequestID = fmt.Sprintf("run-%d/refund-%d", batch.Execution(ctx).Run.ID, item.Refund.ID)
	sight, left := look(ctx, g, which)
	if left != "" {
		return end, left
	}
	if end = refunds.Decide(*item, sight, guarantees, r.Now()); end.Step == refunds.Later {
		return end, ""
	}
	// What a copy of the account shows, or another one, decides nothing.
	if left = r.Controls.ShowsNewest(plain, g, r.Source); left != "" {
		return refunds.End{}, left
	}
	if end.FoundID != "" {
		item.GatewayID, item.Payment.TransactionKey = end.FoundID, end.FoundID
		if other, left := r.reserved(ctx, *item); left != "" || other.Step != refunds.Later {
			return other, left
		}
	}
	if end.Step != refunds.Send {
		return end, ""
	}
	return r.send(ctx, g, item, end, which.RequestID)
}

// reserved books the payment; left says why nobody knows whether another row keeps it.
func (r *RequestedRefunds) reserved(ctx context.Context, item refunds.Claimed) (end refunds.End, left string) {
	other, err := r.Reserve(ctx, item)
	switch {
	case err != nil:
		return end, "the payment could not be reserved for its refund: " + err.Error()
	case other != "":
		return refunds.End{Step: refunds.ToReview, Doubted: item.Sent != nil, Reason: fmt.Sprintf("nothing is refunded: %s keeps this payment", other)}, ""
	}
	return end, ""
}

// send stores what is asked for, unless an earlier claim did, and sends it.
func (r *RequestedRefunds) send(ctx context.Context, g *gateway.Limited, item *refunds.Claimed, end refunds.End, requestID string) (refunds.End, string) {
	if item.Sent == nil {
		frozen, err := r.Freeze(ctx, *item, refunds.Sent{Before: end.Before, Amount: end.Amount, At: r.Now()}, item.GatewayID)
		switch {
		case err != nil:
			return refunds.End{}, "what is to be refunded could not be stored: " + err.Error()
		case !frozen:
			return refunds.End{}, "the refund is claimed by another run"
		}
	}
	reply := g.Refund(ctx, payment.Refund{
		// The body is the same at every try, as its key asks for.
		Key: item.Key, ID: item.GatewayID, Amount: end.Amount, Reason: item.Reference, RequestID: requestID,
	})
	if reply.Effect == payment.EffectNone || reply.Effect == payment.EffectMisconfigured {
		if left := notNow(ctx, g); left != "" {
			return refunds.End{}, left
		}
	}
	return item.After(end, reply), ""
}

// inTime keeps requests within the life of their key, and those to a gateway without keys within the window that the claim has reserved for
// them: nobody sends another before they can have no effect any more.
func (r *RequestedRefunds) inTime(item refunds.Claimed, a gateway.Capabilities) error {
	now := r.Now()
	if age := batch.Since(item.At, now); a.KeyLife == 0 && age >= r.Window {
		return fmt.Errorf("%w: the claim is %s old", gateway.ErrGuard, age.Round(time.Second))
	}
	since := item.At
	if item.Sent != nil {
		since = item.Sent.At
	}
	if age := batch.Since(since, now); a.KeyLife > 0 && age >= a.KeyLife-a.LongestRequest && !item.Rest() {
		return fmt.Errorf("%w: the key is %s old", gateway.ErrGuard, age.Round(time.Second))
	}
	return nil
}

// FailRequestedRefund is the result of a claimed refund that was not begun, or whose processing failed. Where a request may have left, the next
// look says what it did.
func FailRequestedRefund(item refunds.Claimed, err error) refunds.Result {
	if errors.Is(err, batch.ErrStopped) {
		return refunds.Result{Claimed: item, Left: err.Error()}
	}
	return refunds.Result{Claimed: item, Failed: true, End: refunds.End{Doubted: item.Sent != nil, Reason: err.Error()}}
}
