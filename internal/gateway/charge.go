package gateway

import (
	"context"

	"duly/internal/payment"
)

// Charge sends c, again under the same key where that can do no harm, and returns the outcome of all its
// requests together; doubted says that an earlier one may have been executed, and the result whether one may
// have been by now. It waits while the circuit is open, and returns early when ctx is done, the guard of ctx
// refuses or wants to stop, or the gateway is left alone for the run; what was not sent is NotExecuted then.
//
// A gateway without keys is never sent a request while an earlier one may have been executed.
func (p *Limited) Charge(ctx context.Context, c payment.Charge, doubted bool) (payment.Outcome, bool) {
	able := p.gateway.Capabilities()
	keyed := able.KeyLife > 0
	if doubted && !keyed {
		return payment.Outcome{LookUpOnly: true, Reason: "sent before, and the gateway keeps no keys"}, true
	}
	var o payment.Outcome
	answered := !doubted // nobody knows whether an earlier request was
	tries, held := p.requests(ctx, p.limits.Tries, Request{Kind: RequestCharge, ID: c.RequestID}, func(ctx context.Context) reading {
		raw := p.gateway.Charge(ctx, c)
		down, misconfigured := p.legible(c.Key, raw), raw.Kind == payment.Misconfigured
		if misconfigured && able.KeepsErrors && !raw.Unkept {
			raw = keptRefusal(raw)
		}
		answered = answered && (raw.Kind != payment.InDoubt || raw.Answered)
		o, doubted = raw.After(doubted)
		o.Answered = answered && o.Kind == payment.InDoubt
		return reading{
			failure:       raw.Failure,
			down:          down,
			misconfigured: misconfigured,
			reason:        raw.Reason,
			again:         raw.Kind == payment.NotExecuted || raw.Kind == payment.InDoubt && keyed && !raw.LookUpOnly,
			wish:          raw.RetryAfter,
			outcome:       raw.Kind.String(),
			count:         func(s *Stats) { s.Charges[raw.Kind]++ },
		}
	})
	switch {
	case tries > 0 && o.Kind == payment.InDoubt && o.LookNow:
		o = p.recorded(ctx, c, o)
	case tries > 0 && o.Kind == payment.InDoubt && o.Unfinished:
		o = p.finished(ctx, c, o)
	case held == "":
	case tries > 0:
		o.Reason += "; " + held
	default:
		o, doubted = payment.Outcome{Kind: payment.NotExecuted, Reason: held}.After(doubted)
	}
	return o, doubted
}

// keptRefusal is what refused credentials leave of an attempt at a gateway that keeps its errors: the key would bring the same answer
// when our account is in order again. So it is not sent again, and its absence settles it.
func keptRefusal(raw payment.Outcome) payment.Outcome {
	raw.Kind, raw.LookUpOnly = payment.InDoubt, true
	return raw
}

// recorded is the gateway's record of c, which was answered by o just now, or o if there is none that decides.
func (p *Limited) recorded(ctx context.Context, c payment.Charge, o payment.Outcome) payment.Outcome {
	found := p.Find(ctx, c, o.PaymentID).Outcome
	if found.Kind == payment.InDoubt {
		return o
	}
	return found
}

// finished cancels the payment o of c, which the customer could finish otherwise while the next attempt takes the money a second time.
// Until the cancellation is confirmed the charge stays in doubt; where it is refused, the gateway's record decides.
func (p *Limited) finished(ctx context.Context, c payment.Charge, o payment.Outcome) payment.Outcome {
	if o.PaymentID == "" {
		return o
	}
	o.LookUpOnly = true
	reply := p.Cancel(ctx, payment.Cancel{Key: c.Key + cancelSuffix, ID: o.PaymentID, Unfinished: true, RequestID: c.RequestID})
	switch reply.Effect {
	case payment.EffectDone:
		ended := payment.Outcome{Kind: payment.Refused, Decline: o.Decline, PaymentID: o.PaymentID, Reason: o.Reason}
		if o.Decline.Class == "" { // nobody declined it: it was never tried to the end
			ended.Kind = payment.TryLater
		}
		return ended
	case payment.EffectRefused:
		if found := p.lookUp(ctx, c, o.PaymentID).Outcome; found.Kind != payment.InDoubt {
			return found
		}
	case payment.EffectUnknown, payment.EffectNone, payment.EffectRejected, payment.EffectMisconfigured:
	}
	o.Reason += "; cancellation " + reply.Effect.String() + ": " + reply.Reason
	return o
}

// cancelSuffix is added to the key of a charge for the key of its cancellation.
const cancelSuffix = "-cancel"
