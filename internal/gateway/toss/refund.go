package toss

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"duly/internal/gateway"
	"duly/internal/gateway/provider"
	"duly/internal/payment"
)

// refundBody is the body of a refund. Toss refuses it unless the payment's balance is what it says.
type refundBody struct {
	Reason     string `json:"cancelReason"`
	Amount     int64  `json:"cancelAmount"`
	Refundable int64  `json:"refundableAmount"`
}

// longestReason is how long a cancelReason may be, in characters.
const longestReason = 200

// The statuses of a cancellation; a domestic card's has none but done.
const (
	cancelDone    = "DONE"
	cancelAborted = "ABORTED"
)

// Refund looks at the payment in one GET, which no guard is asked for, and sends one POST that Toss accepts only while the balance is what
// was seen. The reason that Toss keeps carries a tag of the refund's key: what was refunded under it before is found there, however long
// ago Toss forgot the key.
func (c *Client) Refund(ctx context.Context, r payment.Refund) payment.Reply {
	if err := provider.CheckRefund(r); err != nil {
		return payment.Reply{Effect: payment.EffectRejected, Reason: err.Error()}
	}
	ask := request{
		method: http.MethodGet, path: pathPayment, value: r.ID, id: r.RequestID, known: []string{r.ID, r.Key}, customer: gateway.Customer(ctx),
	}
	a := c.send(ctx, ask)
	if a.Err != nil || a.Status != http.StatusOK || a.IsPage() {
		return provider.LookupFailed(a.Answer, a.text(), a.absent(), a.misconfigured())
	}
	p, b, why := c.record(a)
	if why == "" && p.ID != r.ID {
		why = "200 with another payment, " + p.ID
	}
	if why != "" {
		return payment.Reply{Effect: payment.EffectNone, Reason: "nothing was sent: " + why}
	}
	if reply, decided := refundable(p, b, r); decided {
		return reply
	}
	body, err := json.Marshal(refundBody{provider.Reason(r, longestReason), r.Amount, p.Money.Amount - p.Refunded})
	if err != nil {
		return payment.Reply{Effect: payment.EffectRejected, Reason: "the refund cannot be written as JSON"}
	}
	ask.method, ask.path, ask.key, ask.body = http.MethodPost, pathCancel, r.Key, body
	return c.refunded(c.send(ctx, ask), p, r)
}

// tagged finds the cancellation that was made under r's key; one that failed is none.
func tagged(b recordBody, r payment.Refund) (cancelBody, bool) {
	for _, done := range b.Cancels {
		if strings.HasSuffix(done.Reason, provider.Tag(r.Key)) && done.Status != cancelAborted {
			return done, true
		}
	}
	return cancelBody{}, false
}

// done reports whether the money is on its way back.
func (c cancelBody) done() bool { return c.Status == cancelDone || c.Status == "" }

// refundable decides about a refund by the payment as it stands; decided is false if the request is to be sent.
func refundable(p payment.Payment, b recordBody, r payment.Refund) (reply payment.Reply, decided bool) {
	if before, found := tagged(b, r); found {
		if !before.done() {
			return payment.Reply{Reason: "sent before, and not decided"}, true
		}
		return provider.RefundedBefore(p, int64(before.Amount), r), true
	}
	reply, ok := provider.Refundable(p, r)
	return reply, !ok
}

// refunded says what the answer to a refund means; before is the payment as it was seen.
func (c *Client) refunded(a answer, before payment.Payment, r payment.Refund) payment.Reply {
	if reply, ok := provider.Unanswered(a.Answer); ok {
		return reply
	}
	if a.Status == http.StatusOK && !a.IsPage() {
		return c.cancelled(a, before, r)
	}
	if code, _, typed := a.failure(); typed && !a.overload(code) {
		row, _ := refundCodes.Answer(code, a.Status)
		return payment.Reply{Effect: row.Is, Reason: a.text(), RetryAfter: a.RetryAfter, Failure: a.Status >= http.StatusInternalServerError}
	}
	return provider.UntypedReply(a.Answer)
}

// cancelled says what a 200 means: done if the payment in it has given back so much more.
func (c *Client) cancelled(a answer, before payment.Payment, r payment.Refund) payment.Reply {
	p, b, why := c.record(a)
	made, found := tagged(b, r)
	switch {
	case why != "":
		return payment.Reply{Reason: why}
	case p.ID != before.ID:
		return payment.Reply{Reason: "200 with another payment, " + p.ID}
	case found && made.done() && p.Impossible() == "" && p.Refunded >= before.Refunded+r.Amount:
		return payment.Reply{Effect: payment.EffectDone, Payment: &p}
	}
	return payment.Reply{Reason: "200 with a payment that is not refunded as asked for"}
}
