package billing

import "duly/internal/billing/dunning"

// Of returns the policy of that name. Unknown is set if it is not configured: no first charge is made then.
func (p Policy) Of(name string) Policy {
	if !dunning.Own(name) {
		return p
	}
	p.Name, p.defaultDays = name, p.RetryDays
	d, ok := p.Named[name]
	if !ok {
		p.Unknown = dunning.Unknown(name)
		p.AfterLast, p.MaxTries, p.Notice = "", 0, dunning.Notice{}
		return p
	}
	p.RetryDays, p.AfterLast, p.MaxTries, p.Notice = d.RetryDays, d.AfterLast, d.MaxTries, d.Notice
	return p
}

// For returns the policy of inv as it was at its first decline: a change of the configuration, or of the subscription's policy, does not move the
// stages of an invoice that is being dunned, or change how it ends.
func (p Policy) For(inv Invoice) Policy {
	if inv.FirstDeclined.IsZero() {
		return p
	}
	switch {
	case len(inv.RetryDays) > 0, inv.Dunning.Unmarked() != (dunning.Frozen{}):
		p.RetryDays = inv.RetryDays
	case p.Name != "": // it was declined before the days were stored, and goes by today's
		p.RetryDays = p.defaultDays
	}
	p.Name, p.AfterLast, p.Unknown = inv.Dunning.Policy, inv.Dunning.AfterLast, ""
	return p
}

// freeze returns what an invoice stores of p at its first decline, without the days.
func (p Policy) freeze() dunning.Frozen {
	return dunning.Frozen{Policy: p.Name, AfterLast: p.AfterLast}
}

// MostStages is the highest number of retries of any policy.
func (p Policy) MostStages() int {
	most := max(len(p.RetryDays), len(p.defaultDays))
	for _, d := range p.Named {
		most = max(most, len(d.RetryDays))
	}
	return most
}

// ends gives the change that an unpaid invoice's end makes to its subscription; "" for none. What the customer paused or ended stays so.
func (p Policy) ends(status SubscriptionStatus) SubscriptionStatus {
	if status != Active && status != PastDue {
		return ""
	}
	switch p.AfterLast {
	case dunning.PauseAfterLast:
		return Paused
	case dunning.KeepAfterLast:
		if status == Active { // the first decline was the last
			return PastDue
		}
		return ""
	case dunning.CancelAfterLast:
	}
	return Cancelled
}

// ended is the event of a subscription that an unpaid invoice's end has changed; none if it has not.
func ended(a about, to SubscriptionStatus, reason string) []Event {
	kind := EventSubscriptionCancelled
	switch to {
	case "", PastDue:
		return nil
	case Paused:
		kind = EventSubscriptionPaused
	case Active, Cancelled, Trialing:
	}
	return []Event{anew(a.event(kind, a.Reference, func(a about) any { return explained{a, reason} }))}
}

// Of is p as the policy of s says it. The problem says that s names a policy that is not configured: p is the default's then.
func (p IssuePolicy) Of(s Subscription) (_ IssuePolicy, problem string) {
	if !dunning.Own(s.DunningPolicy) {
		return p, ""
	}
	d, ok := p.Named[s.DunningPolicy]
	if !ok {
		return p, dunning.Unknown(s.DunningPolicy)
	}
	p.CatchUp = d.CatchUp
	return p, ""
}
