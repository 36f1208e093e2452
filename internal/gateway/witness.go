package gateway

import (
	"context"
	"time"

	"duly/internal/payment"
)

// Witness is a gateway that tells when a payment method was last charged, where it cannot be asked about a charge itself. An approval
// after the charge was begun shows that it was taken, if nobody else charges the method; none shows nothing before the longest request is over.
type Witness interface {
	// LastApproved is when the method of c was last charged, by the gateway's clock; ok is false if it does not say.
	LastApproved(ctx context.Context, c payment.Charge) (at time.Time, ok bool)
}

// LastApproved asks the gateway when the method of c was last charged, if it is a [Witness], once and within its limits.
func (p *Limited) LastApproved(ctx context.Context, c payment.Charge) (at time.Time, ok bool) {
	w, is := p.gateway.(Witness)
	if !is {
		return time.Time{}, false
	}
	tries, _ := p.requests(ctx, lookUpTries, Request{Kind: RequestLookUp, ID: c.RequestID}, func(ctx context.Context) reading {
		at, ok = w.LastApproved(ctx, c)
		r := reading{outcome: saidNothing, count: func(s *Stats) { s.LookUps++ }}
		if ok {
			r.outcome = saidFound
		}
		return r
	})
	return at, ok && tries > 0
}
