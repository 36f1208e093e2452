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
	keyed := p.gateway.Capabilities().KeyLife > 0
	if doubted && !keyed {
		return payment.Outcome{LookUpOnly: true, Reason: "sent before, and the gateway keeps no keys"}, true
	}
	var o payment.Outcome
	tries, held := p.requests(ctx, p.allTries, Request{Kind: RequestCharge, ID: c.RequestID}, func(ctx context.Context) reading {
		raw := p.gateway.Charge(ctx, c)
		down := p.legible(c.Key, raw)
		o, doubted = raw.After(doubted)
		return reading{
			failure:       raw.Failure,
			down:          down,
			misconfigured: raw.Kind == payment.Misconfigured,
			reason:        raw.Reason,
			again:         raw.Kind == payment.NotExecuted || raw.Kind == payment.InDoubt && keyed && !raw.LookUpOnly,
			wish:          raw.RetryAfter,
			outcome:       raw.Kind.String(),
			count:         func(s *Stats) { s.Charges[raw.Kind]++ },
		}
	})
	switch {
	case held == "":
	case tries > 0:
		o.Reason += "; " + held
	default:
		o, doubted = payment.Outcome{Kind: payment.NotExecuted, Reason: held}.After(doubted)
	}
	return o, doubted
}
