package kakaopay

import (
	"cmp"
	"net/http"
	"strconv"

	"duly/internal/gateway"
	"duly/internal/gateway/exchange"
	"duly/internal/gateway/provider"
	"duly/internal/payment"
)

// outcome says what the answer to a charge means. Without keys nothing is ever sent again, so that whatever is not known for certain is left
// to an operator.
func (c *Client) outcome(charge payment.Charge, a answer) payment.Outcome {
	if o, ok := a.Unanswered(); ok {
		return o
	}
	o := payment.Outcome{Reason: a.text(), RetryAfter: a.RetryAfter}
	e, typed := readError(a.Body)
	switch {
	case a.IsPage():
		o.Failure, o.Page = true, true
	case a.Status == http.StatusOK && !typed:
		return c.judged(charge, a)
	case typed && a.Status == http.StatusUnauthorized:
		o.Kind = payment.Misconfigured
	case typed:
		return e.outcome(o, a)
	case a.Status >= http.StatusInternalServerError:
		o.Failure = true
	default:
		o.Unreadable = true
	}
	return o
}

// judged is what a record that was answered means for the charge.
func (c *Client) judged(charge payment.Charge, a answer) payment.Outcome {
	b, why := readRecord(a.Body)
	var p payment.Payment
	if why == "" {
		p, why = c.approved(b, a.Clean)
	}
	if why != "" {
		return payment.Outcome{Unreadable: true, Reason: a.Unreadable(why)}
	}
	return payment.Judge(charge, own(charge, p))
}

// own is p with the reference of the charge whose key it has: KakaoPay keeps the key alone.
func own(charge payment.Charge, p payment.Payment) payment.Payment {
	if p.Key == charge.Key {
		p.Reference = charge.Reference
	}
	return p
}

// outcome is what an error leaves of a charge; o is what is known of the answer otherwise.
func (e errorBody) outcome(o payment.Outcome, a answer) payment.Outcome {
	switch class := e.class(); class {
	case provider.Soft, provider.Hard, provider.Action, provider.Later:
		o.Decline = payment.Decline{
			Class: class.Decline(), Code: a.Clean.Text(cmp.Or(e.Extras.Code, e.number())), Message: a.Clean.Text(cmp.Or(e.Extras.Message, e.Message)),
		}
		o.Kind, o.Unrecorded, o.Reason = payment.Refused, true, o.Decline.Code
		if class == provider.Later {
			o.Kind = payment.TryLater
		}
	case provider.Rejected:
		o.Kind = payment.Rejected
	case provider.Misconfigured:
		o.Kind = payment.Misconfigured
	case provider.Unknown, provider.Doubt, provider.Look, provider.None:
		o.Failure = a.Status >= http.StatusInternalServerError
	}
	return o
}

// finding says what the answer to a look-up of a charge means. That KakaoPay no longer knows a tid which it gave is no news.
func (c *Client) finding(charge payment.Charge, a answer) gateway.Finding {
	if o, ok := a.Unanswered(); ok {
		o.Kind = payment.InDoubt
		return gateway.Finding{Outcome: o}
	}
	if p, why := c.shown(a); why == "" {
		return gateway.Finding{Outcome: payment.Judge(charge, own(charge, p))}
	} else if a.ok() {
		return gateway.Finding{Outcome: payment.Outcome{Reason: why}}
	}
	return gateway.Finding{
		Outcome:       payment.Outcome{Reason: a.text(), RetryAfter: a.RetryAfter, Failure: provider.Failed(a.Answer), Page: a.IsPage()},
		Misconfigured: a.misconfigured(),
	}
}

// shown is the payment in the answer to a look-up; why says what is wrong with it.
func (c *Client) shown(a answer) (p payment.Payment, why string) {
	if !a.ok() {
		return p, a.text()
	}
	b, why := readRecord(a.Body)
	if why == "" {
		p, why = c.found(b, a.Clean)
	}
	if why != "" {
		return payment.Payment{}, a.Unreadable(why)
	}
	return p, ""
}

// ok reports whether a may be an object of the API.
func (a answer) ok() bool {
	_, typed := readError(a.Body)
	return a.Err == nil && a.Status == http.StatusOK && !a.IsPage() && !typed
}

// misconfigured reports whether KakaoPay itself refuses our secret, CID or address.
func (a answer) misconfigured() bool {
	e, typed := readError(a.Body)
	return typed && (a.Status == http.StatusUnauthorized || e.class() == provider.Misconfigured)
}

// text writes the answer for people.
func (a answer) text() string {
	e, typed := readError(a.Body)
	if !typed || a.IsPage() {
		return provider.Plain(a.Answer)
	}
	s := strconv.Itoa(a.Status) + " error " + e.number()
	if e.Extras.Code != "" {
		s += " " + a.Clean.Text(e.Extras.Code)
	}
	if m := cmp.Or(e.Extras.Message, e.Message); m != "" && !a.Mute {
		s += ": " + a.Clean.Text(m)
	}
	return exchange.Cut(s)
}
