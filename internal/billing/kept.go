package billing

import (
	"duly/internal/billing/answers"
	"duly/internal/payment"
)

// Keep returns the answer of r as it is to be kept.
func (r Result) Keep() answers.Kept {
	c := r.Claimed.Charge
	return answers.Kept{Reference: c.Reference, CustomerID: c.CustomerID, Money: c.Money, Outcome: r.Answer.Outcome}
}

// SavedOutcome returns the outcome of a among kept, the answers that are stored under its key. It returns nil if none of them can
// settle a, or if two of them disagree: the gateway must be asked. A payment that differs may be another customer's: its id is not
// returned.
func SavedOutcome(a Attempt, kept []answers.Kept) *payment.Outcome {
	var found *payment.Outcome
	for _, k := range kept {
		if !k.Settles(a.Charge, a.PaymentID) {
			continue
		}
		if o := k.Outcome; found != nil && (o.Kind != found.Kind || o.PaymentID != found.PaymentID) {
			return nil
		}
		found = &k.Outcome
	}
	if found != nil && found.Kind == payment.Differs {
		found.PaymentID = ""
	}
	return found
}
