package httpapi

import (
	"errors"
	"net/http"
	"slices"
	"strconv"

	"duly/internal/gateway"
	"duly/internal/payment"
)

// outcome says what the answer to a charge means. Only 200 and 402 with a well-formed body say what became
// of the money; a few others say that this one request did nothing; whatever is not listed is in doubt. A page in the place of an
// answer says nothing of the charge, and that the service is not there.
func outcome(c payment.Charge, a answer) payment.Outcome {
	if o, ok := unanswered(a); ok {
		return o
	}
	o := said(c, a)
	if a.isPage() && o.Kind == payment.InDoubt {
		o.Failure, o.Page, o.Unreadable = true, true, false
	}
	return o
}

// said is the outcome that the status of a, and its body where the status is not enough, stand for.
func said(c payment.Charge, a answer) payment.Outcome {
	switch {
	case a.isPage():
	case a.status == http.StatusOK:
		return settled(c, a, payment.Succeeded, payment.Pending, payment.Canceled)
	case a.status == http.StatusPaymentRequired:
		return settled(c, a, payment.Declined)
	}
	o := payment.Outcome{Kind: payment.InDoubt, Reason: a.text(), RetryAfter: a.retryAfter}
	switch a.status {
	case http.StatusOK, http.StatusPaymentRequired: // a page
	case http.StatusBadRequest:
		if _, isError := readError(a.body); isError {
			o.Kind = payment.Rejected
		} else {
			o.Unreadable = true
		}
	case http.StatusUnauthorized, http.StatusForbidden:
		o.Kind = payment.Misconfigured
	case http.StatusTooManyRequests:
		o.Kind = payment.NotExecuted
	case http.StatusUnprocessableEntity:
		_, isError := readError(a.body)
		o.LookUpOnly, o.Unreadable = true, !isError
	case http.StatusServiceUnavailable:
		if a.notExecuted {
			o.Kind = payment.NotExecuted
		}
	case http.StatusRequestTimeout, http.StatusConflict:
	default:
		_, isError := readError(a.body)
		o.Unreadable = !isError && a.status < http.StatusInternalServerError
	}
	o.Failure = a.status >= http.StatusInternalServerError
	return o
}

// finding says what the answer to a look-up means. byKey: it was asked by the key, so that 404 is absence;
// that a service no longer knows an id which it gave us is no news that anything could rest on.
func finding(c payment.Charge, a answer, byKey bool) gateway.Finding {
	if o, ok := unanswered(a); ok {
		o.Kind = payment.InDoubt
		return gateway.Finding{Outcome: o}
	}
	if a.status == http.StatusOK && !a.isPage() {
		return gateway.Finding{Outcome: settled(c, a, payment.Succeeded, payment.Pending, payment.Canceled, payment.Declined)}
	}
	f := gateway.Finding{Outcome: payment.Outcome{
		Kind:       payment.InDoubt,
		Reason:     a.text(),
		RetryAfter: a.retryAfter,
		Failure:    a.failed(),
		Page:       a.isPage(),
	}}
	_, isError := readError(a.body)
	f.Absent = byKey && a.status == http.StatusNotFound && isError
	f.Misconfigured = a.status == http.StatusUnauthorized || a.status == http.StatusForbidden
	return f
}

// unanswered is the outcome of a request that did not leave, or to which there is no whole answer; ok is
// false if there is one.
func unanswered(a answer) (o payment.Outcome, ok bool) {
	switch {
	case a.refused != nil:
		return payment.Outcome{Kind: payment.NotExecuted, Reason: a.refused.Error()}, true
	case a.err == nil:
		return payment.Outcome{}, false
	}
	o = payment.Outcome{Kind: payment.NotExecuted, Reason: a.why}
	if a.left {
		o.Kind = payment.InDoubt
	}
	o.Failure = !a.calledOff && !errors.Is(a.err, errTooLong)
	return o, true
}

// settled is the outcome that the payment in a's body stands for, if its status is one that goes with a's.
func settled(c payment.Charge, a answer, allowed ...payment.Status) payment.Outcome {
	p, why := readPayment(a.body, a.clean)
	if why != "" {
		return payment.Outcome{Kind: payment.InDoubt, Unreadable: true, Reason: a.unreadable(why)}
	}
	if slices.Contains(allowed, p.Status) {
		return payment.Judge(c, p)
	}
	o := payment.Outcome{Kind: payment.InDoubt, Reason: strconv.Itoa(a.status) + " with a payment that is " + string(p.Status)}
	if c.Proven(p) {
		o.PaymentID = p.ID
	}
	return o
}

// failed reports whether the answer counts against the circuit: the service failed, or a page came in its place. Refused credentials
// and an overload have consequences of their own, whatever they are written in.
func (a answer) failed() bool {
	switch a.status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests:
		return false
	}
	return a.status >= http.StatusInternalServerError || a.isPage()
}

// text writes the answer for people: its status, and its error where it has one. A message about somebody of whom
// nothing is known to look for in it is left out.
func (a answer) text() string {
	if a.isPage() {
		return a.page()
	}
	s := strconv.Itoa(a.status)
	if e, ok := readError(a.body); ok {
		s += " " + a.clean.text(e.Code)
		if !a.mute {
			s += ": " + a.clean.text(*e.Message)
		}
	} else if name := http.StatusText(a.status); name != "" {
		s += " " + name
	}
	return cut(s)
}
