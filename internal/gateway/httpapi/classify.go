package httpapi

import (
	"net/http"
	"slices"
	"strconv"

	"duly/internal/gateway"
	"duly/internal/gateway/exchange"
	"duly/internal/payment"
)

// outcome says what the answer to a charge means. Only 200 and 402 with a well-formed body say what became
// of the money; a few others say that this one request did nothing; whatever is not listed is in doubt. A page in the place of an
// answer says nothing of the charge, and that the service is not there.
func outcome(c payment.Charge, a answer) payment.Outcome {
	if o, ok := a.Unanswered(); ok {
		return o
	}
	o := said(c, a)
	if a.IsPage() && o.Kind == payment.InDoubt {
		o.Failure, o.Page, o.Unreadable = true, true, false
	}
	return o
}

// said is the outcome that the status of a, and its body where the status is not enough, stand for.
func said(c payment.Charge, a answer) payment.Outcome {
	switch {
	case a.IsPage():
	case a.Status == http.StatusOK:
		return settled(c, a, payment.Succeeded, payment.Pending, payment.Canceled)
	case a.Status == http.StatusPaymentRequired:
		return settled(c, a, payment.Declined)
	}
	o := payment.Outcome{Kind: payment.InDoubt, Reason: a.text(), RetryAfter: a.RetryAfter}
	switch a.Status {
	case http.StatusOK, http.StatusPaymentRequired: // a page
	case http.StatusBadRequest:
		if _, isError := readError(a.Body); isError {
			o.Kind = payment.Rejected
		} else {
			o.Unreadable = true
		}
	case http.StatusUnauthorized, http.StatusForbidden:
		o.Kind = payment.Misconfigured
	case http.StatusTooManyRequests:
		o.Kind = payment.NotExecuted
	case http.StatusUnprocessableEntity:
		_, isError := readError(a.Body)
		o.LookUpOnly, o.Unreadable = true, !isError
	case http.StatusServiceUnavailable:
		if a.notExecuted() {
			o.Kind = payment.NotExecuted
		}
	case http.StatusRequestTimeout, http.StatusConflict:
	default:
		_, isError := readError(a.Body)
		o.Unreadable = !isError && a.Status < http.StatusInternalServerError
	}
	o.Failure = a.Status >= http.StatusInternalServerError
	return o
}

// finding says what the answer to a look-up means. byKey: it was asked by the key, so that 404 is absence;
// that a service no longer knows an id which it gave us is no news that anything could rest on.
func finding(c payment.Charge, a answer, byKey bool) gateway.Finding {
	if o, ok := a.Unanswered(); ok {
		o.Kind = payment.InDoubt
		return gateway.Finding{Outcome: o}
	}
	if a.Status == http.StatusOK && !a.IsPage() {
		return gateway.Finding{Outcome: settled(c, a, payment.Succeeded, payment.Pending, payment.Canceled, payment.Declined)}
	}
	f := gateway.Finding{Outcome: payment.Outcome{
		Kind:       payment.InDoubt,
		Reason:     a.text(),
		RetryAfter: a.RetryAfter,
		Failure:    a.failed(),
		Page:       a.IsPage(),
	}}
	_, isError := readError(a.Body)
	f.Absent = byKey && a.Status == http.StatusNotFound && isError
	f.Misconfigured = a.Status == http.StatusUnauthorized || a.Status == http.StatusForbidden
	return f
}

// settled is the outcome that the payment in a's body stands for, if its status is one that goes with a's.
func settled(c payment.Charge, a answer, allowed ...payment.Status) payment.Outcome {
	p, why := readPayment(a.Body, a.Clean)
	if why != "" {
		return payment.Outcome{Kind: payment.InDoubt, Unreadable: true, Reason: a.Unreadable(why)}
	}
	if slices.Contains(allowed, p.Status) {
		return payment.Judge(c, p)
	}
	o := payment.Outcome{Kind: payment.InDoubt, Reason: strconv.Itoa(a.Status) + " with a payment that is " + string(p.Status)}
	if c.Proven(p) {
		o.PaymentID = p.ID
	}
	return o
}

// failed reports whether the answer counts against the circuit: the service failed, or a page came in its place. Refused credentials
// and an overload have consequences of their own, whatever they are written in.
func (a answer) failed() bool {
	switch a.Status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests:
		return false
	}
	return a.Status >= http.StatusInternalServerError || a.IsPage()
}

// text writes the answer for people: its status, and its error where it has one. A message about somebody of whom
// nothing is known to look for in it is left out.
func (a answer) text() string {
	if a.IsPage() {
		return a.Page()
	}
	s := strconv.Itoa(a.Status)
	if e, ok := readError(a.Body); ok {
		s += " " + a.Clean.Text(e.Code)
		if !a.Mute {
			s += ": " + a.Clean.Text(*e.Message)
		}
	} else if name := http.StatusText(a.Status); name != "" {
		s += " " + name
	}
	return exchange.Cut(s)
}
