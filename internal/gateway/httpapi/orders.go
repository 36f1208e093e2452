package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"duly/internal/gateway"
	"duly/internal/gateway/exchange"
	"duly/internal/payment"
)

// Look sends one GET, by the payment's id if that is known, else by key if the service offers that.
func (c *Client) Look(ctx context.Context, w payment.Ref) payment.LookupResult {
	r := request{method: http.MethodGet, id: w.RequestID, known: []string{w.Key, w.ID}, customer: gateway.Customer(ctx), one: true}
	switch {
	case exchange.Segment(w.ID):
		r.path, r.value = pathPayment, w.ID
	case w.ID == "" && exchange.Segment(w.Key) && !c.config.NoFind:
		r.path, r.value = pathByKey, w.Key
	default:
		return payment.LookupResult{Unaskable: true, Reason: "neither a key nor an id that the service can be asked by"}
	}
	return sight(c.send(ctx, r), w.ID)
}

// Cancel sends one POST. What the service could only refuse is EffectRejected without a request.
func (c *Client) Cancel(ctx context.Context, k payment.Cancel) payment.Reply {
	if err := checkChange(k.ID, k.Key); err != nil {
		return payment.Reply{Effect: payment.EffectRejected, Reason: err.Error()}
	}
	a := c.send(ctx, request{
		method: http.MethodPost,
		path:   pathCancel,
		value:  k.ID,
		id:     k.RequestID,
		key:    k.Key,
		body:   []byte("{}"), // see send: what has no body, net/http may send twice
		known:  []string{k.ID, k.Key},

		customer: gateway.Customer(ctx), one: true,
	})
	return effect(a, k.ID, func(p payment.Payment) bool { return p.Status == payment.Canceled })
}

// refundBody is the body of a refund.
type refundBody struct {
	Amount int64  `json:"amount"`
	Reason string `json:"reason,omitempty"`
}

// Refund sends one POST. What the service could only refuse is EffectRejected without a request.
func (c *Client) Refund(ctx context.Context, r payment.Refund) payment.Reply {
	err := checkChange(r.ID, r.Key)
	if r.Amount < 1 {
		err = errors.Join(err, errors.New("the amount must be at least 1"))
	}
	body, encodeErr := json.Marshal(refundBody{r.Amount, r.Reason})
	if err = errors.Join(err, encodeErr); err != nil {
		return payment.Reply{Effect: payment.EffectRejected, Reason: err.Error()}
	}
	a := c.send(ctx, request{
		method: http.MethodPost,
		path:   pathRefunds,
		value:  r.ID,
		id:     r.RequestID,
		key:    r.Key,
		body:   body,
		known:  []string{r.ID, r.Key},

		customer: gateway.Customer(ctx), one: true,
	})
	// Some services call a payment that was refunded in full cancelled.
	return effect(a, r.ID, func(p payment.Payment) bool {
		return p.Impossible() == "" && p.Refunded >= r.Amount && (p.Status == payment.Succeeded || p.Status == payment.Canceled)
	})
}

// checkChange finds what would ask for something else than was meant.
func checkChange(id, key string) error {
	switch {
	case !isKey(key):
		return errKey
	case !exchange.Segment(id):
		return errors.New("the payment's id is missing, or cannot be part of an address")
	}
	return nil
}

// sight says what the answer to a look-up means; id is what was asked for, or empty.
func sight(a answer, id string) payment.LookupResult {
	if o, ok := a.Unanswered(); ok {
		return payment.LookupResult{Reason: o.Reason, Failure: o.Failure}
	}
	s := payment.LookupResult{Reason: a.text(), RetryAfter: a.RetryAfter, Failure: a.failed()}
	switch a.Status {
	case http.StatusOK:
		p, why := a.payment(id)
		if why == "" {
			return payment.LookupResult{Payment: &p}
		}
		s.Reason = why
	case http.StatusNotFound:
		_, s.Absent = readError(a.Body)
	case http.StatusUnauthorized, http.StatusForbidden:
		s.Misconfigured = true
	}
	return s
}

// effect says what the answer to a cancellation or a refund of a payment means. Only a 200 with the payment as it
// should stand afterwards says that it was done; whatever is not listed may have been.
func effect(a answer, id string, done func(payment.Payment) bool) payment.Reply {
	if o, ok := a.Unanswered(); ok {
		r := payment.Reply{Effect: payment.EffectUnknown, Reason: o.Reason, Failure: o.Failure}
		if o.Kind == payment.NotExecuted {
			r.Effect = payment.EffectNone
		}
		return r
	}
	r := payment.Reply{Reason: a.text(), RetryAfter: a.RetryAfter, Failure: a.failed()}
	_, isError := readError(a.Body)
	switch a.Status {
	case http.StatusOK:
		p, why := a.payment(id)
		switch {
		case why != "":
			r.Reason = why
		case done(p):
			return payment.Reply{Effect: payment.EffectDone, Payment: &p}
		default:
			r.Reason = "200 with a payment that is " + string(p.Status) + ", and not as asked for"
		}
	case http.StatusConflict:
		if isError {
			r.Effect = payment.EffectRefused
		}
	case http.StatusBadRequest, http.StatusNotFound, http.StatusUnprocessableEntity:
		if isError {
			r.Effect = payment.EffectRejected
		}
	case http.StatusUnauthorized, http.StatusForbidden:
		r.Effect = payment.EffectMisconfigured
	case http.StatusTooManyRequests:
		r.Effect = payment.EffectNone
	case http.StatusServiceUnavailable:
		if a.notExecuted() {
			r.Effect = payment.EffectNone
		}
	}
	return r
}

// payment reads the payment in a 200; why says what is wrong with it. One that was asked for by its id must have
// that id.
func (a answer) payment(id string) (p payment.Payment, why string) {
	p, wrong := readPayment(a.Body, a.Clean)
	switch {
	case a.IsPage():
		return p, a.Page()
	case wrong != "":
		return p, a.Unreadable(wrong)
	case id != "" && p.ID != id:
		return p, "200 with another payment, " + p.ID
	}
	return p, ""
}
