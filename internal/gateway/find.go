package gateway

import (
	"context"

	"duly/internal/payment"
)

// notAsked begins the reason of a look-up that was not made.
const notAsked = "not looked up: "

// Find asks what became of c, within the limits of the gateway and a second time where the first could not
// be read. It returns early as Charge does; what could not be asked is InDoubt. A payment that the customer could still finish is
// cancelled, as Charge cancels it.
func (p *Limited) Find(ctx context.Context, c payment.Charge, paymentID string) Finding {
	f := p.lookUp(ctx, c, paymentID)
	if f.Outcome.Kind == payment.InDoubt && f.Outcome.Unfinished {
		f.Outcome = p.finished(ctx, c, f.Outcome)
	}
	return f
}

// lookUp is Find that cancels nothing.
func (p *Limited) lookUp(ctx context.Context, c payment.Charge, paymentID string) Finding {
	if !p.gateway.Capabilities().FindByKey && paymentID == "" {
		return unasked("the gateway cannot be asked by key")
	}
	var f Finding
	tries, held := p.requests(ctx, lookUpTries, Request{Kind: RequestLookUp, ID: c.RequestID}, func(ctx context.Context) reading {
		f = p.gateway.Find(ctx, c, paymentID)
		f.Outcome.Answered = false // that the look-up was answered says nothing of the charge's requests
		o := f.Outcome
		return reading{
			failure:       o.Failure,
			misconfigured: f.Misconfigured,
			reason:        o.Reason,
			again:         !f.Absent && !f.Misconfigured && o.Kind == payment.InDoubt && !o.LookUpOnly,
			wish:          o.RetryAfter,
			outcome:       f.word(),
			count:         func(s *Stats) { s.LookUps++ },
		}
	})
	if tries == 0 {
		return unasked(held)
	}
	return f
}

// word is the finding for an observer.
func (f Finding) word() string {
	switch {
	case f.Absent:
		return saidAbsent
	case f.Misconfigured:
		return saidMisconfigured
	}
	return f.Outcome.Kind.String()
}

// sighted is the sight for an observer.
func sighted(s payment.LookupResult) string {
	switch {
	case s.Payment != nil:
		return saidFound
	case s.Absent:
		return saidAbsent
	case s.Misconfigured:
		return saidMisconfigured
	}
	return saidNothing
}

// unasked is the finding of a look-up that was not made.
func unasked(why string) Finding {
	return Finding{Unasked: true, Outcome: payment.Outcome{Kind: payment.InDoubt, Reason: notAsked + why}}
}

// Look asks for a payment within the limits of the gateway, a second time where the first could not be read. It
// returns early as Charge does; a sight of nothing says why in its Reason. What the gateway has no way to be asked
// about is Unaskable at once.
func (p *Limited) Look(ctx context.Context, w payment.Ref) payment.LookupResult {
	if w.ID == "" && (w.Key == "" || !p.gateway.Capabilities().FindByKey) {
		return payment.LookupResult{Unaskable: true, Reason: notAsked + "neither a key nor an id that the gateway can be asked by"}
	}
	var seen payment.LookupResult
	tries, held := p.requests(ctx, lookUpTries, Request{Kind: RequestLookUp, ID: w.RequestID}, func(ctx context.Context) reading {
		seen = p.gateway.Look(ctx, w)
		return reading{
			failure:       seen.Failure,
			misconfigured: seen.Misconfigured,
			reason:        seen.Reason,
			again:         seen.Payment == nil && !seen.Absent && !seen.Unaskable && !seen.Misconfigured,
			wish:          seen.RetryAfter,
			outcome:       sighted(seen),
			count:         func(s *Stats) { s.LookUps++ },
		}
	})
	if tries == 0 {
		return payment.LookupResult{Unasked: true, Reason: notAsked + held}
	}
	return seen
}
