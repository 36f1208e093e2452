package portone

import (
	"encoding/json"
	"net/http"
	"time"

	"duly/internal/gateway/exchange"
	"duly/internal/gateway/provider"
	"duly/internal/payment"
)

// paidBody is PortOne's answer to a charge that was paid.
type paidBody struct {
	Payment *struct {
		PGTxID string     `json:"pgTxId"`
		PaidAt *time.Time `json:"paidAt"`
	} `json:"payment"`
}

// outcome says what the answer to the charge of a payment means; sent is when its request was about to leave.
func (c *Client) outcome(a answer, id string, sent time.Time) payment.Outcome {
	if o, ok := a.Unanswered(); ok {
		return o
	}
	said, typed := readError(a.Body)
	switch {
	case a.IsPage():
	case a.Status == http.StatusOK:
		return c.paid(a, id, sent)
	case typed && a.Status >= http.StatusBadRequest && !a.overload(said.Type):
		return a.refused(said)
	}
	return provider.Untyped(a.Answer)
}

// paid is the outcome of a 200. It names neither amount nor customer, and a key that PortOne still knows brings its first answer again: only
// a payment of this moment is known to be this request's. Otherwise what PortOne recorded is looked up.
func (c *Client) paid(a answer, id string, sent time.Time) payment.Outcome {
	o := payment.Outcome{LookUpOnly: true, LookNow: true}
	var body paidBody
	switch err := json.Unmarshal(a.Body, &body); {
	case err != nil:
		return payment.Outcome{Unreadable: true, Reason: a.Unreadable(exchange.Malformed(a.Body, err))}
	case body.Payment == nil:
		return payment.Outcome{Unreadable: true, Reason: a.Unreadable(exchange.Missing("payment"))}
	case body.Payment.PGTxID == "":
		o.Reason = a.Unreadable(exchange.Missing("payment.pgTxId"))
	case body.Payment.PaidAt == nil:
		o.Reason = a.Unreadable(exchange.Missing("payment.paidAt"))
	case body.Payment.PaidAt.Before(sent.Add(-c.config.Skew)):
		o.Reason = "200 for a payment that was made earlier"
	default:
		return payment.Outcome{Kind: payment.Paid, PaymentID: id}
	}
	return o
}

// refused is the outcome of a typed error. A decline of the payment company comes as [pgProvider] with the company's own code, whose HTTP
// status is that of a server error.
func (a answer) refused(said errorBody) payment.Outcome {
	row, known := chargeCodes.Answer(said.Type, a.Status)
	o := row.Is.Outcome(payment.Decline{Code: said.Type, Message: a.message(said.Message)}, a.text())
	if said.Type == pgProvider && a.Status == http.StatusBadGateway {
		if class, known := pgDecline(said.PGCode); known {
			o = class.Outcome(payment.Decline{Code: said.PGCode, Message: a.message(said.PGMessage)}, a.text())
		}
	}
	// Neither refuses for another request under the key: PortOne makes no record where it refuses by itself, and a company's decline of a later
	// try says nothing of one that is still on its way. The record does.
	o.Unrecorded = o.Kind == payment.Refused
	o.RetryAfter = a.RetryAfter
	o.Failure = !known && a.Status >= http.StatusInternalServerError
	return o
}

// overload reports whether the answer says that we are too fast, in a type that no table has.
func (a answer) overload(errorType string) bool {
	_, known := chargeCodes.Row(errorType)
	return a.Status == http.StatusTooManyRequests && !known
}

// message is the text of an error for people; empty where nobody knows whom it may name.
func (a answer) message(s string) string {
	if a.Mute {
		return ""
	}
	return a.Clean.Text(s)
}

// refusesUs reports whether a typed error refuses our own credentials.
func refusesUs(errorType string) bool {
	row, known := chargeCodes.Row(errorType)
	return known && row.Is == provider.Misconfigured
}
