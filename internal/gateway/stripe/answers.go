package stripe

import (
	"net/http"
	"strconv"
	"strings"

	"duly/internal/gateway"
	"duly/internal/gateway/exchange"
	"duly/internal/payment"
)

// outcome says what the answer to a charge means.
func outcome(c payment.Charge, a answer) payment.Outcome {
	if o, ok := a.Unanswered(); ok {
		return o
	}
	o := said(c, a)
	if a.IsPage() {
		o.Failure, o.Page, o.Unreadable = true, true, false
	}
	return o
}

// said is the outcome that the body of a stands for.
func said(c payment.Charge, a answer) payment.Outcome {
	o := payment.Outcome{Reason: a.text(), RetryAfter: a.RetryAfter, Failure: a.Status >= http.StatusInternalServerError}
	if a.IsPage() {
		return o
	}
	if a.Status == http.StatusOK {
		return judged(c, a)
	}
	e, typed := readError(a.Body)
	if !typed {
		switch a.Status {
		case http.StatusRequestTimeout, http.StatusConflict, http.StatusTooManyRequests:
		default:
			o.Unreadable = a.Status < http.StatusInternalServerError
		}
		return o
	}
	if e.PaymentIntent != nil {
		return e.recorded(c, a)
	}
	return e.outcome(o, a)
}

// judged is what a record that was answered means for c.
func judged(c payment.Charge, a answer) payment.Outcome {
	b, why := readIntent(a.Body)
	if why != "" {
		return payment.Outcome{Unreadable: true, Reason: a.Unreadable(why)}
	}
	return judgedIntent(c, b, a, false)
}

// judgedIntent is judged for a record of the answer a.
func judgedIntent(c payment.Charge, b intent, a answer, refunds bool) payment.Outcome {
	o, why := b.judge(c, a.Clean, refunds)
	if why != "" {
		return payment.Outcome{Unreadable: true, Reason: a.Unreadable(why)}
	}
	return o
}

// recorded is the outcome that the record in an error stands for. One that the error contradicts, or that is not decided, is looked up.
func (e failure) recorded(c payment.Charge, a answer) payment.Outcome {
	b := *e.PaymentIntent
	if b.Status == requiresMethod && e.Type == typeCard { // the error is the newest word about it
		e.PaymentIntent = nil
		b.LastPaymentError = &e
	}
	o := judgedIntent(c, b, a, false)
	if o.Kind == payment.Paid || o.Kind == payment.InDoubt && !o.Unfinished {
		return payment.Outcome{Reason: exchange.Cut(a.text() + ", with a payment that is " + a.clean(b.Status)), PaymentID: o.PaymentID, LookUpOnly: true, LookNow: true}
	}
	return o
}

// outcome is what an error without a record of the charge means; o is what is known of the answer otherwise.
func (e failure) outcome(o payment.Outcome, a answer) payment.Outcome {
	o.Answered = true // unless the class says otherwise
	c := e.class(a.Status)
	if kind, ok := c.decline(); ok {
		_, o.Decline = e.declined(nil, a.clean)
		o.Kind, o.Unrecorded, o.Answered, o.Reason = payment.Refused, true, false, o.Decline.Code
		if kind == "" {
			o.Kind = payment.TryLater
		}
		return o
	}
	switch c { //nolint:exhaustive // declines are above, the others in doubt
	case look:
		o.LookUpOnly, o.LookNow = true, true
		o.Answered = e.Type != typeIdempotency // somebody else's request has the key, and may be under way
	case none:
		o.Kind, o.Answered = payment.NotExecuted, false
	case rejected:
		o.Kind, o.Answered = payment.Rejected, false
	case misconf:
		o.Kind, o.Unkept = payment.Misconfigured, a.Status == http.StatusUnauthorized
	default:
		o.Answered = e.Code != keyInUse
		// The service itself knows best whether its key brings anything else than this answer.
		o.LookUpOnly = a.Header.Get("Stripe-Should-Retry") == "false"
		o.LookNow = o.LookUpOnly
	}
	return o
}

// class is what e says of a request that made no record. What is not known leaves the request in doubt.
func (e failure) class(status int) class {
	if e.Type == typeCard {
		return look // it comes with its record: which is missing here
	}
	if c, ok := e.codeClass(); ok {
		return c
	}
	if c, ok := known(fieldType, e.Type); ok {
		return c
	}
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return misconf
	case status == http.StatusTooManyRequests:
		return none
	case status == http.StatusBadRequest && e.Type == typeInvalid && e.Code == "":
		return rejected
	}
	return doubt
}

// finding says what the answer to a look-up by the intent's id means. That Stripe no longer knows an id which it gave is no news that
// anything could rest on.
func finding(c payment.Charge, a answer) gateway.Finding {
	if a.ok() {
		b, why := readIntent(a.Body)
		if why != "" {
			return gateway.Finding{Outcome: payment.Outcome{Reason: a.Unreadable(why)}}
		}
		return gateway.Finding{Outcome: judgedIntent(c, b, a, true)}
	}
	return unfound(a)
}

// unfound is the finding of a look-up that was not answered with a record or a list.
func unfound(a answer) gateway.Finding {
	if o, ok := a.Unanswered(); ok {
		o.Kind = payment.InDoubt
		return gateway.Finding{Outcome: o}
	}
	return gateway.Finding{
		Outcome:       payment.Outcome{Reason: a.text(), RetryAfter: a.RetryAfter, Failure: a.failed(), Page: a.IsPage()},
		Misconfigured: a.misconfigured(),
	}
}

// ok reports whether a may be an object of the API.
func (a answer) ok() bool { return a.Err == nil && a.Status == http.StatusOK && !a.IsPage() }

// failed reports whether the answer counts against the circuit.
func (a answer) failed() bool {
	return a.Status >= http.StatusInternalServerError || a.IsPage()
}

// misconfigured reports whether Stripe itself refuses our key.
func (a answer) misconfigured() bool {
	e, typed := readError(a.Body)
	return typed && e.class(a.Status) == misconf
}

// text writes the answer for people: its status, and its error where it has one. A message about somebody of whom nothing is known to look
// for in it is left out.
func (a answer) text() string {
	if a.IsPage() {
		return a.Page()
	}
	s := strconv.Itoa(a.Status)
	if e, ok := readError(a.Body); ok {
		if e.DeclineCode == suspected || e.Code == suspected {
			return s + " " + generic
		}
		s += " " + e.name(a.clean)
		if !a.Mute && e.Message != "" {
			s += ": " + a.clean(e.Message)
		}
	} else if name := http.StatusText(a.Status); name != "" {
		s += " " + name
	}
	return exchange.Cut(strings.TrimSpace(s))
}

// clean makes a text of the answer fit to be kept and shown.
func (a answer) clean(s string) string { return cleaned(a.Clean, s) }
