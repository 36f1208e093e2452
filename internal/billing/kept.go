package billing

import "duly/internal/payment"

// KeptAnswer is a definite answer of a gateway that is kept in gateway_answers: what was charged, and the outcome.
type KeptAnswer struct {
	Reference  string
	CustomerID string
	Money      payment.Money
	Outcome    payment.Outcome
}

// Keep returns the answer of r as it is to be kept.
func (r Result) Keep() KeptAnswer {
	return KeptAnswer{r.Claimed.Charge.Reference, r.Claimed.Charge.CustomerID, r.Claimed.Charge.Money, r.Answer.Outcome}
}

// Believe returns the outcome that kept, the answers stored under the key of a, settles a with. It returns nil,
// and the gateway is to be asked, if none of them can settle a, or if two of them disagree. A payment that differs may
// be somebody else's: its id is not returned.
func Believe(a Attempt, kept []KeptAnswer) *payment.Outcome {
	var found *payment.Outcome
	for _, k := range kept {
		if !k.settles(a) {
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

// settles reports whether k is a complete and definite answer about the charge of a. The key alone proves nothing:
// keys come back after a restore.
func (k KeptAnswer) settles(a Attempt) bool {
	c, o := a.Charge, k.Outcome
	if k.Reference != c.Reference || k.CustomerID != c.CustomerID || k.Money != c.Money {
		return false
	}
	if a.PaymentID != "" && o.PaymentID != "" && o.PaymentID != a.PaymentID {
		return false
	}
	switch o.Kind {
	case payment.Paid:
		return o.PaymentID != "" && o.Decline == (payment.Decline{})
	case payment.Refused:
		return o.Decline.Class == payment.Soft || o.Decline.Class == payment.Hard || o.Decline.Class == payment.Action
	case payment.TryLater:
		return o.Decline.Class == ""
	case payment.Differs:
		return true
	case payment.InDoubt, payment.NotExecuted, payment.Rejected, payment.Misconfigured:
	}
	return false
}
