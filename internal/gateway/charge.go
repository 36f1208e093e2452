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
	if doubted && able.KeyLife == 0 {
		return payment.Outcome{LookUpOnly: true, Reason: "sent before, and the gateway keeps no keys"}, true
	}
	// Nobody knows whether an earlier request was answered.
	x := charging{at: p, charge: c, keyed: able.KeyLife > 0, keepsErrors: able.KeepsErrors, doubted: doubted, answered: !doubted}
	all := call{paced: p, what: Request{Kind: RequestCharge, ID: c.RequestID}, most: p.limits.Tries}
	if !all.once(ctx, x.send) {
		long := x // what is repeated stands on the heap
		all = all.repeat(ctx, long.send)
		x = long
	}
	o, doubted := x.outcome, x.doubted
	switch {
	case all.tries > 0 && o.Kind == payment.InDoubt && o.LookNow:
		o = p.recorded(ctx, c, o)
	case all.tries > 0 && o.Kind == payment.InDoubt && o.Unfinished:
		o = p.finished(ctx, c, o)
	case all.held == "":
	case all.tries > 0:
		o.Reason += "; " + all.held
	default:
		o, doubted = payment.Outcome{Kind: payment.NotExecuted, Reason: all.held}.After(doubted)
	}
	return o, doubted
}

// charging is a charge while it is sent.
type charging struct {
	at                 *Limited
	charge             payment.Charge
	keyed, keepsErrors bool            // of the gateway: see [Capabilities]
	outcome            payment.Outcome // of all requests so far
	doubted, answered  bool            // one may have been executed; all were answered
}

// send sends it once.
func (x *charging) send(ctx context.Context) reading {
	raw := x.at.gateway.Charge(ctx, x.charge)
	down, misconfigured := x.at.legible(x.charge.Key, raw), raw.Kind == payment.Misconfigured
	if misconfigured && x.keepsErrors && !raw.Unkept {
		raw = keptRefusal(raw)
	}
	x.answered = x.answered && (raw.Kind != payment.InDoubt || raw.Answered)
	x.outcome, x.doubted = raw.After(x.doubted)
	x.outcome.Answered = x.answered && x.outcome.Kind == payment.InDoubt
	kind := raw.Kind
	return reading{
		failure:       raw.Failure,
		down:          down,
		misconfigured: misconfigured,
		reason:        raw.Reason,
		again:         kind == payment.NotExecuted || kind == payment.InDoubt && x.keyed && !raw.LookUpOnly,
		wish:          raw.RetryAfter,
		outcome:       kind.String(),
		count:         func(s *Stats) { s.Charges[kind]++ },
	}
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
