package outside

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"duly/internal/payment"
)

// refundEverything refunds what was paid, also if the suite was aborted. A charge that was cut off by that may still be executed: if
// it cannot be found yet, its key is kept.
func (o *session) refundEverything(ctx context.Context, r *Report) {
	stopped := ctx.Err() != nil
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleaning)
	defer cancel()
	r.Payments, r.Kept = len(o.made), []string{}
	for _, p := range o.made {
		ids, known := slices.Concat([]string{p.ID}, p.others), false
		if p.ID == "" && o.able.FindByKey && p.Sent > 0 {
			seen := o.look(ctx, payment.Ref{Key: p.Charge.Key})
			known = seen.Absent && !stopped
			if seen.Payment != nil {
				ids = append(ids, seen.Payment.ID)
			}
		}
		if slices.Max(ids) == "" && (p.last == payment.Differs || p.last == payment.InDoubt && p.Sent > 0 && !known) {
			r.Kept = append(r.Kept, p.Charge.Key)
		}
		if len(p.receipts) > 1 {
			r.Kept = append(r.Kept, p.receipts[1:]...)
		}
		for _, id := range ids {
			o.ids[id] = true
		}
	}
	delete(o.ids, "")
	for i, id := range slices.Sorted(maps.Keys(o.ids)) {
		seen := o.look(ctx, payment.Ref{ID: id}).Payment
		switch {
		case seen == nil:
			r.Kept = append(r.Kept, id) // nobody knows
		case seen.Status == payment.Succeeded && !seen.RefundedInFull():
			back := payment.Refund{
				Key: fmt.Sprintf("%sback-%d", o.Prefix, i), ID: id, Amount: seen.Money.Amount - seen.Refunded, Reason: "conformance", RequestID: "conformance",
			}
			if o.refunded(ctx, back) && o.gone(ctx, id) {
				r.Refunded++
			} else {
				r.Kept = append(r.Kept, id)
			}
		}
	}
}

// refunded refunds a payment; a request that did nothing is sent again.
func (o *session) refunded(ctx context.Context, r payment.Refund) bool {
	for n := 1; ; n++ {
		effect := o.Gateway.Refund(ctx, r).Effect
		if effect != payment.EffectNone || n == tries || !o.pause(ctx) {
			return effect == payment.EffectDone
		}
	}
}

// gone reports whether nothing is left of a payment.
func (o *session) gone(ctx context.Context, id string) bool {
	seen := o.look(ctx, payment.Ref{ID: id}).Payment
	return seen != nil && seen.RefundedInFull()
}
