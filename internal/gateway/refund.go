package gateway

import (
	"context"

	"duly/internal/payment"
)

// Cancel cancels a pending payment, again under the same key where that can do no harm, and returns early as
// Charge does; what was not sent is EffectNone then. The reply is that of all its requests together: once one of
// them may have been executed, only EffectDone says more than EffectUnknown.
//
// A gateway without keys is never sent a request after one that may have been executed.
func (p *Limited) Cancel(ctx context.Context, c payment.Cancel) payment.Reply {
	return p.change(ctx,
		func(ctx context.Context) payment.Reply { return p.gateway.Cancel(ctx, c) },
		Request{Kind: RequestCancel, ID: c.RequestID}, func(s *Stats) { s.Cancels++ })
}

// Refund gives money back, in the way that Cancel cancels.
func (p *Limited) Refund(ctx context.Context, r payment.Refund) payment.Reply {
	return p.change(ctx,
		func(ctx context.Context) payment.Reply { return p.gateway.Refund(ctx, r) },
		Request{Kind: RequestRefund, ID: r.RequestID}, func(s *Stats) { s.Refunds++ })
}

// change sends a cancellation or a refund.
func (p *Limited) change(ctx context.Context, send func(context.Context) payment.Reply, what Request, count func(*Stats)) payment.Reply {
	keyed := p.gateway.Capabilities().KeyLife > 0
	var reply payment.Reply
	doubted := false
	tries, held := p.requests(ctx, p.limits.Tries, what, func(ctx context.Context) reading {
		raw := send(ctx)
		reply = after(doubted, raw)
		doubted = doubted || raw.Effect == payment.EffectUnknown
		return reading{
			failure:       raw.Failure,
			misconfigured: raw.Effect == payment.EffectMisconfigured,
			reason:        raw.Reason,
			again:         raw.Effect == payment.EffectNone || raw.Effect == payment.EffectUnknown && keyed,
			wish:          raw.RetryAfter,
			outcome:       raw.Effect.String(),
			count:         count,
		}
	})
	switch {
	case held == "":
	case tries > 0:
		reply.Reason += "; " + held
	default:
		reply = payment.Reply{Effect: payment.EffectNone, Reason: held}
	}
	return reply
}

// after is what a reply means behind a request under the same key that may have been executed (doubted). A
// refusal may be for that request's own effect, or because it is still under way.
func after(doubted bool, r payment.Reply) payment.Reply {
	if doubted && r.Effect != payment.EffectDone && r.Effect != payment.EffectUnknown {
		r.Reason = "in doubt before, then " + r.Effect.String() + ": " + r.Reason
		r.Effect = payment.EffectUnknown
	}
	return r
}
