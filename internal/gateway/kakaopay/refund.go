package kakaopay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"duly/internal/gateway"
	"duly/internal/payment"
)

// cancelBody is the body of a refund.
type cancelBody struct {
	merchant

	TID     string `json:"tid"`
	Amount  int64  `json:"cancel_amount"`
	TaxFree int64  `json:"cancel_tax_free_amount"`
}

// Refund sends one request that gives money back, between two that look. KakaoPay keeps no keys: what is left of the payment before and
// after is all that tells whether the request was executed.
func (c *Client) Refund(ctx context.Context, r payment.Refund) payment.Reply {
	var err error
	if r.ID == "" {
		err = errors.New("the payment's tid is missing")
	}
	if r.Amount < 1 {
		err = errors.Join(err, errors.New("the amount must be at least 1"))
	}
	body, encodeErr := json.Marshal(cancelBody{c.merchant(), r.ID, r.Amount, noTaxOff})
	if err = errors.Join(err, encodeErr); err != nil {
		return payment.Reply{Effect: payment.EffectRejected, Reason: err.Error()}
	}
	about := request{known: []string{r.ID, r.Key}, customer: gateway.Customer(ctx), one: true}
	before := c.sight(ctx, about, r.ID)
	if reply, ok := refundable(before, r); !ok {
		return reply
	}
	send := about
	send.path, send.body, send.moves = pathCancel, body, true
	reply := refundReply(c.send(ctx, send))
	if reply.Effect != payment.EffectUnknown {
		return reply
	}
	after := c.sight(ctx, about, r.ID)
	switch p := after.Payment; {
	case p == nil:
		reply.Reason += ", and then not shown: " + after.Reason
	case p.Impossible() == "" && p.Refunded == before.Payment.Refunded+r.Amount:
		return payment.Reply{Effect: payment.EffectDone, Payment: p}
	default:
		reply.Reason += fmt.Sprintf(", and %d of %d is refunded", p.Refunded, p.Money.Amount)
	}
	return reply
}

// refundable reports whether a refund can be sent for a payment as it was seen, or what the reply is instead.
func refundable(seen payment.LookupResult, r payment.Refund) (reply payment.Reply, ok bool) {
	reply = payment.Reply{Reason: seen.Reason, RetryAfter: seen.RetryAfter, Failure: seen.Failure}
	switch p := seen.Payment; {
	case seen.Absent:
		reply.Effect = payment.EffectRejected
	case seen.Misconfigured:
		reply.Effect = payment.EffectMisconfigured
	case p == nil:
		reply.Effect = payment.EffectNone // nothing was sent that gives money back
	case p.Status != payment.Succeeded:
		reply.Effect, reply.Reason = payment.EffectRefused, "the payment is "+string(p.Status)
	case p.Money.Amount-p.Refunded < r.Amount:
		reply.Effect, reply.Reason = payment.EffectRefused, fmt.Sprintf("%d of %d is refunded", p.Refunded, p.Money.Amount)
	default:
		return payment.Reply{}, true
	}
	return reply, false
}

// refundReply says what the answer to a refund means. Whether a 200 did what was asked for is seen by the payment afterwards.
func refundReply(a answer) payment.Reply {
	if o, ok := a.Unanswered(); ok {
		r := payment.Reply{Reason: o.Reason, Failure: o.Failure}
		if o.Kind == payment.NotExecuted {
			r.Effect = payment.EffectNone
		}
		return r
	}
	r := payment.Reply{Reason: a.text(), RetryAfter: a.RetryAfter, Failure: failed(a)}
	e, typed := readError(a.Body)
	switch {
	case a.IsPage() || !typed:
	case a.Status == http.StatusUnauthorized:
		r.Effect = payment.EffectMisconfigured
	default:
		r.Effect = e.effect()
	}
	return r
}
