package toss

import (
	"net/http"

	"duly/internal/gateway/provider"
	"duly/internal/payment"
)

// outcome says what the answer to a charge means.
func (c *Client) outcome(charge payment.Charge, a answer) payment.Outcome {
	if o, ok := a.Unanswered(); ok {
		return o
	}
	if a.Status == http.StatusOK && !a.IsPage() {
		return c.approved(charge, a)
	}
	if code, message, typed := a.failure(); typed && !a.overload(code) {
		return a.refused(code, message)
	}
	return provider.Untyped(a.Answer)
}

// overload reports whether the answer says that we are too fast, in a code that no table has.
func (a answer) overload(code string) bool {
	_, known := chargeCodes.Row(code)
	return a.Status == http.StatusTooManyRequests && !known
}

// approved is the outcome of a 200: a definite yes only if all of the payment in it is ours.
func (c *Client) approved(charge payment.Charge, a answer) payment.Outcome {
	p, _, why := c.record(a)
	switch {
	case why != "":
		return payment.Outcome{Unreadable: true, Reason: why}
	case p.Status == payment.Declined:
		return payment.Outcome{LookUpOnly: true, LookNow: true, Reason: "200 with a payment that is declined"}
	}
	return payment.Judge(charge, p)
}

// refused is the outcome of a typed error. That of a server error counts against the circuit.
func (a answer) refused(code, message string) payment.Outcome {
	row, _ := chargeCodes.Answer(code, a.Status)
	text := ""
	if !a.Mute {
		text = a.Clean.Text(message)
	}
	o := row.Is.Outcome(payment.Decline{Code: code, Message: text}, a.text())
	o.RetryAfter = a.RetryAfter
	o.Failure = a.Status >= http.StatusInternalServerError
	return o
}
