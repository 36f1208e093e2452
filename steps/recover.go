package steps

import (
	"context"
	"time"

	"duly/internal/billing"
	"duly/internal/gateway"
	"duly/internal/payment"
)

// Recover finds out what became of attempts in doubt: by an answer that was kept, by asking the gateway, or by
// sending the same bytes under the same key again while that can do no harm. It implements batch.Processor.
type Recover struct {
	Gateways Gateways
	Brake    *Brake
	Now      func() time.Time // the process's own clock
}

// Process implements batch.Processor.
func (r *Recover) Process(ctx context.Context, item billing.Claimed) (billing.Result, error) {
	result := billing.Result{Claimed: item}
	if item.Kept != nil {
		result.Answer = billing.Answer{Outcome: *item.Kept, Found: true, Kept: true}
		return result, nil
	}
	g, ok := r.Gateways[item.Gateway]
	if !ok {
		result.Answer.Outcome.Reason = "gateway " + item.Gateway + " is not configured"
		return result, nil
	}
	abilities := g.Abilities()
	asked := billing.Unaskable
	if abilities.FindByKey || item.PaymentID != "" {
		finding := g.Find(ctx, item.Charge, item.PaymentID)
		if asked = answer(finding); !finding.Absent && finding.Outcome.Kind != payment.InDoubt {
			r.Brake.Watch(ctx, finding.Outcome)
			result.Answer = billing.Answer{Outcome: finding.Outcome, Found: true}
			return result, nil
		}
		result.Answer.Outcome = finding.Outcome
	}
	keeping := billing.Keeping{KeyLife: abilities.KeyLife, Longest: abilities.LongestRequest, FindLasts: abilities.FindLasts}
	switch billing.DecideAbsent(item.Attempt, keeping, asked, item.Chargeable, age(item, r.Now())) {
	case billing.Resend:
		return send(ctx, r.Gateways, r.Brake, r.Now, item), nil
	case billing.Release:
		result.Verdict = billing.NeverSeen
	case billing.GiveUp:
		result.Verdict, result.Reason = billing.Unknowable, hopeless(asked)
	case billing.CheckLater:
		if finding := &result.Answer.Outcome; finding.Reason == "" {
			finding.Reason = "not seen by the gateway yet"
		}
	}
	return result, nil
}

// answer names what a look-up brought where it brought nothing definite.
func answer(f gateway.Finding) billing.Asked {
	switch {
	case f.Absent:
		return billing.Absent
	case f.Outcome.LookUpOnly:
		return billing.Undecided
	}
	return billing.Unanswered
}

func hopeless(asked billing.Asked) string {
	switch asked {
	case billing.Absent:
		return "sent, and never seen by a gateway whose absence proves nothing: look whether the customer was charged"
	case billing.Unaskable:
		return "sent, and the gateway cannot be asked: look whether the customer was charged"
	case billing.Undecided:
		return "the gateway has not decided for too long: look whether the customer was charged"
	case billing.Unanswered:
	}
	return "the gateway did not answer for too long: look whether the customer was charged"
}
