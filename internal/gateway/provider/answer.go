package provider

import (
	"net/http"
	"strconv"

	"duly/internal/gateway/exchange"
	"duly/internal/payment"
)

// Untyped is what an answer leaves of a charge that is neither a success nor a typed error of the provider: a page or a word of what
// stands before it. Its status alone proves nothing but an overload.
func Untyped(a exchange.Answer) payment.Outcome {
	o := payment.Outcome{Reason: Plain(a), RetryAfter: a.RetryAfter}
	switch {
	case a.Status == http.StatusTooManyRequests:
		o.Kind = payment.NotExecuted
	case a.IsPage():
		o.Failure, o.Page = true, true
	case a.Status >= http.StatusInternalServerError:
		o.Failure = true
	case a.Status == http.StatusRequestTimeout || a.Status == http.StatusConflict:
	default:
		o.Unreadable = true
	}
	return o
}

// UntypedReply is [Untyped] for a refund.
func UntypedReply(a exchange.Answer) payment.Reply {
	r := payment.Reply{Reason: Plain(a), RetryAfter: a.RetryAfter, Failure: Failed(a)}
	if a.Status == http.StatusTooManyRequests {
		r.Effect = payment.EffectNone
	}
	return r
}

// Unanswered is the reply of a refund that did not leave, or to which there is no whole answer; ok is false if there is one.
func Unanswered(a exchange.Answer) (r payment.Reply, ok bool) {
	o, ok := a.Unanswered()
	r = payment.Reply{Reason: o.Reason, Failure: o.Failure}
	if o.Kind == payment.NotExecuted {
		r.Effect = payment.EffectNone
	}
	return r, ok
}

// Failed reports whether the answer to a read counts against the circuit: the provider failed, or a page came in its place.
func Failed(a exchange.Answer) bool {
	return a.Status != http.StatusTooManyRequests && (a.Status >= http.StatusInternalServerError || a.IsPage())
}

// Plain writes an answer for people that is no error of the provider's API.
func Plain(a exchange.Answer) string {
	if a.IsPage() {
		return a.Page()
	}
	s := strconv.Itoa(a.Status)
	if name := http.StatusText(a.Status); name != "" {
		s += " " + name
	}
	return s
}

// Said writes a typed error for people: the HTTP status, the code, and the message where the answer may be repeated.
func Said(a exchange.Answer, code, message string) string {
	s := strconv.Itoa(a.Status) + " " + a.Clean.Text(code)
	if message != "" && !a.Mute {
		s += ": " + a.Clean.Text(message)
	}
	return exchange.Cut(s)
}
