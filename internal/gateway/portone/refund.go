package portone

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"duly/internal/gateway"
	"duly/internal/gateway/exchange"
	"duly/internal/gateway/provider"
	"duly/internal/payment"
)

// refundBody is the body of a refund. PortOne refuses it unless the payment's balance is what it says.
type refundBody struct {
	StoreID     string `json:"storeId,omitempty"`
	Amount      int64  `json:"amount"`
	Reason      string `json:"reason"`
	Cancellable int64  `json:"currentCancellableAmount"`
}

// refundedBody is PortOne's answer to a refund.
type refundedBody struct {
	Cancellation *cancellationBody `json:"cancellation"`
}

// The statuses of a cancellation.
const (
	cancellationSucceeded = "SUCCEEDED"
	cancellationRequested = "REQUESTED" // the company decides later
	cancellationFailed    = "FAILED"
)

// Refund looks at the payment in one GET, which no guard is asked for, and sends one POST that PortOne accepts only while the balance is
// what was seen. The reason that PortOne keeps carries a tag of the refund's key: what was refunded under it before is found there, however
// long ago PortOne forgot the key.
func (c *Client) Refund(ctx context.Context, r payment.Refund) payment.Reply {
	if err := provider.CheckRefund(r); err != nil {
		return payment.Reply{Effect: payment.EffectRejected, Reason: err.Error()}
	}
	a := c.ask(ctx, r.ID, r.RequestID, r.Key, r.ID)
	if a.Err != nil || a.Status != http.StatusOK || a.IsPage() {
		return provider.LookupFailed(a.Answer, a.text(), a.absent(), a.misconfigured())
	}
	p, b, why := c.record(a, r.ID)
	if why != "" {
		return payment.Reply{Effect: payment.EffectNone, Reason: "nothing was sent: " + why}
	}
	if reply, decided := refundable(p, b, r); decided {
		return reply
	}
	body, err := json.Marshal(refundBody{c.config.StoreID, r.Amount, provider.Reason(r, 0), p.Money.Amount - p.Refunded})
	if err != nil {
		return payment.Reply{Effect: payment.EffectRejected, Reason: "the refund cannot be written as JSON"}
	}
	a = c.send(ctx, request{
		method: http.MethodPost, path: pathCancel, id: r.ID, request: r.RequestID, key: provider.ID(r.Key), body: body,
		known: []string{r.ID, r.Key}, customer: gateway.Customer(ctx),
	})
	return a.refunded(p, r)
}

// refundable decides about a refund by the payment as it stands; decided is false if the request is to be sent.
func refundable(p payment.Payment, b recordBody, r payment.Refund) (reply payment.Reply, decided bool) {
	for _, done := range b.Cancellations {
		if !strings.HasSuffix(done.Reason, provider.Tag(r.Key)) {
			continue
		}
		switch done.Status {
		case cancellationFailed:
		case cancellationSucceeded:
			return provider.RefundedBefore(p, done.TotalAmount, r), true
		default:
			return payment.Reply{Reason: "requested before, and not decided"}, true
		}
	}
	reply, ok := provider.Refundable(p, r)
	return reply, !ok
}

// refunded says what the answer to a refund of p means. p is as it was seen: PortOne executes the refund only on that balance.
func (a answer) refunded(p payment.Payment, r payment.Refund) payment.Reply {
	if reply, ok := provider.Unanswered(a.Answer); ok {
		return reply
	}
	said, typed := readError(a.Body)
	switch {
	case a.IsPage():
	case a.Status == http.StatusOK:
		return a.cancelled(p, r)
	case typed && a.Status >= http.StatusBadRequest:
		row, known := refundCodes.Answer(said.Type, a.Status)
		return payment.Reply{
			Effect: row.Is, Reason: a.text(), RetryAfter: a.RetryAfter, Failure: !known && a.Status >= http.StatusInternalServerError,
		}
	}
	return provider.UntypedReply(a.Answer)
}

// cancelled says what a 200 means.
func (a answer) cancelled(p payment.Payment, r payment.Refund) payment.Reply {
	var body refundedBody
	if err := json.Unmarshal(a.Body, &body); err != nil {
		return payment.Reply{Reason: a.Unreadable(exchange.Malformed(a.Body, err))}
	}
	if body.Cancellation == nil {
		return payment.Reply{Reason: a.Unreadable(exchange.Missing("cancellation"))}
	}
	switch done := *body.Cancellation; {
	case done.Status == cancellationFailed:
		return payment.Reply{Effect: payment.EffectRefused, Reason: "200 with a refund that failed"}
	case done.Status == cancellationSucceeded && done.TotalAmount == r.Amount:
		p.Refunded += r.Amount
		return payment.Reply{Effect: payment.EffectDone, Payment: &p}
	case done.Status == cancellationRequested:
		return payment.Reply{Reason: "200 with a refund that is requested, and not done"}
	}
	return payment.Reply{Reason: "200 with a refund that is not as asked for"}
}
