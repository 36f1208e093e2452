package stripe

import (
	"cmp"
	"encoding/json"
	"regexp"

	"duly/internal/gateway/exchange"
	"duly/internal/payment"
)

// failure is an error of the API, of an answer or of an intent's last try.
type failure struct {
	Type               string        `json:"type"`
	Code               string        `json:"code"`
	DeclineCode        string        `json:"decline_code"`
	AdviceCode         string        `json:"advice_code"`
	NetworkDeclineCode string        `json:"network_decline_code"`
	NetworkAdviceCode  string        `json:"network_advice_code"`
	Message            string        `json:"message"`
	Param              string        `json:"param"`
	PaymentIntent      *intent       `json:"payment_intent"`
	PaymentMethod      paymentMethod `json:"payment_method"`
}

// paymentMethod is the method of a failed try.
type paymentMethod struct {
	Card struct {
		Brand string `json:"brand"`
	} `json:"card"`
}

// network is the card network that the method belongs to, where duly knows its rules.
func (m paymentMethod) network() payment.Network {
	switch n := payment.Network(m.Card.Brand); n {
	case payment.Visa, payment.Mastercard:
		return n
	}
	return ""
}

// The types and codes that are asked for by name.
const (
	typeCard        = "card_error"
	typeInvalid     = "invalid_request_error"
	typeIdempotency = "idempotency_error"
	typeAPI         = "api_error"
	keyInUse        = "idempotency_key_in_use"
	resourceMissing = "resource_missing"
)

// readError reads the error in a body, or reports that it is none of the API's.
func readError(body []byte) (failure, bool) {
	var b struct {
		Error *failure `json:"error"`
	}
	if json.Unmarshal(body, &b) != nil || b.Error == nil || b.Error.Type == "" {
		return failure{}, false
	}
	return *b.Error, true
}

// name is the code that e is reported under.
func (e failure) name(text func(string) string) string {
	return codeText(cmp.Or(e.Code, e.Type), text)
}

// codeText leaves the codes of the table as they are; another one is cleaned like any text.
func codeText(code string, text func(string) string) string {
	for _, field := range []string{fieldDecline, fieldCode, fieldType} {
		if _, ok := known(field, code); ok {
			return code
		}
	}
	return text(code)
}

// codeClass is the class of e's code, where that says enough.
func (e failure) codeClass() (class, bool) {
	if e.Code == resourceMissing && e.Param == "payment_method" {
		return known(fieldCode, missingMethod)
	}
	return known(fieldCode, e.Code)
}

// declined is what e says of an intent that waits for another method: the status of its payment, and why it was declined.
func (e failure) declined(charge *latestCharge, text func(string) string) (payment.Status, payment.Decline) {
	c := e.declineClass(charge)
	kind, ok := c.decline()
	if !ok { // a time-out of the method's own provider
		return payment.Pending, payment.Decline{}
	}
	d := payment.Decline{
		Class: kind, Code: codeText(cmp.Or(e.DeclineCode, e.Code, e.Type), text), NetworkCode: text(e.NetworkDeclineCode), AdviceCode: text(e.NetworkAdviceCode),
		Message: text(e.Message), Network: e.PaymentMethod.network(),
	}
	if e.DeclineCode == suspected { // a suspicion of fraud is kept from the customer
		d.Code, d.Message = generic, "the card was declined"
	}
	return payment.Declined, d
}

const (
	suspected = "fraudulent"
	generic   = "generic_decline"
)

// declineClass is the class of a decline: by the advice that came with it, by what the network advises, and by its code. Advice to try
// again makes it no better than soft.
func (e failure) declineClass(charge *latestCharge) class {
	for _, c := range e.advice() {
		if c == hard || c == action {
			return c
		}
	}
	if charge != nil {
		if c, ok := known(fieldReason, charge.Outcome.Reason); ok {
			return c
		}
	}
	c, ok := known(fieldDecline, cmp.Or(e.DeclineCode, e.Code))
	if !ok {
		c, ok = e.codeClass()
	}
	switch _, declines := c.decline(); {
	case !ok:
		return soft
	case c == look:
		return c
	case !declines: // a code of another kind of error, in a decline
		return soft
	case c == later && len(e.advice()) > 0:
		return soft
	}
	return c
}

// advice are the classes of the advice in e, the first to be followed first. Only Mastercard's numbers are known.
func (e failure) advice() []class {
	var out []class
	if c, ok := known(fieldAdvice, e.AdviceCode); ok {
		out = append(out, c)
	}
	if brand := e.PaymentMethod.Card.Brand; brand == "" || brand == "mastercard" {
		if c, ok := known(fieldNetwork, e.NetworkAdviceCode); ok {
			out = append(out, c)
		}
	}
	return out
}

// private are the forms of ids and secrets that no text of Stripe's may hold, whomever it is about.
var private = regexp.MustCompile(`(?i)\b(cus|pm|src|tok|ba|seti|sk|rk|pk|whsec)_\w{3,}|\bcard_\w*\d\w*|\bpi_\w+_secret_\w*`) // card_declined is a code

// cleaned is a text of Stripe's, fit to be kept and shown.
func cleaned(clean exchange.Cleaner, s string, others ...string) string {
	return clean.Text(private.ReplaceAllString(s, "[redacted]"), others...)
}
