package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"duly/internal/gateway"
	"duly/internal/payment"
)

// Look sends one GET, by the payment's id if that is known, else by key if the service offers that.
func (c *Client) Look(ctx context.Context, w payment.Which) payment.Sight {
	r := request{method: http.MethodGet, id: w.RequestID}
	switch {
	case w.ID != "":
		r.path = "/v1/payments/" + url.PathEscape(w.ID)
	case w.Key != "" && !c.config.NoFind:
		r.path = "/v1/payments/by-key/" + url.PathEscape(w.Key)
	default:
		return payment.Sight{Unaskable: true, Reason: "the gateway cannot be asked about it"}
	}
	return sight(c.send(ctx, r))
}

// Cancel sends one POST.
func (c *Client) Cancel(ctx context.Context, k payment.Cancel) payment.Reply {
	return effect(c.send(ctx, request{
		method: http.MethodPost, path: "/v1/payments/" + url.PathEscape(k.ID) + "/cancel", id: k.RequestID, key: k.Key, body: []byte("{}"),
	}), payment.Canceled)
}

// refundBody is the body of a refund.
type refundBody struct {
	Amount int64  `json:"amount"`
	Reason string `json:"reason,omitempty"`
}

// Refund sends one POST.
func (c *Client) Refund(ctx context.Context, r payment.Refund) payment.Reply {
	body, err := json.Marshal(refundBody{r.Amount, r.Reason})
	if err != nil {
		return payment.Reply{Effect: payment.EffectRejected, Reason: err.Error()}
	}
	return effect(c.send(ctx, request{
		method: http.MethodPost, path: "/v1/payments/" + url.PathEscape(r.ID) + "/refunds", id: r.RequestID, key: r.Key, body: body,
	}), payment.Succeeded, payment.Canceled)
}

// sight says what the answer to a look-up means.
func sight(a answer) payment.Sight {
	if o, ok := unanswered(a); ok {
		return payment.Sight{Reason: o.Reason, Failure: o.Failure}
	}
	s := payment.Sight{Reason: a.text(), RetryAfter: a.retryAfter, Failure: a.status >= http.StatusInternalServerError}
	switch a.status {
	case http.StatusOK:
		p, ok := readPayment(a.body, a.clean)
		if !ok {
			s.Reason = "200 with a body that cannot be read"
			return s
		}
		s.Payment, s.Reason = &p, ""
	case http.StatusNotFound:
		_, s.Absent = readError(a.body)
	case http.StatusUnauthorized, http.StatusForbidden:
		s.Misconfigured = true
	}
	return s
}

// effect says what the answer to a cancellation or a refund means; a payment in another status than those
// that go with it says nothing.
func effect(a answer, allowed ...payment.Status) payment.Reply {
	if o, ok := unanswered(a); ok {
		r := payment.Reply{Reason: o.Reason, Failure: o.Failure}
		if o.Kind == payment.NotExecuted {
			r.Effect = payment.EffectNone
		}
		return r
	}
	r := payment.Reply{Reason: a.text(), RetryAfter: a.retryAfter, Failure: a.status >= http.StatusInternalServerError}
	_, isError := readError(a.body)
	switch a.status {
	case http.StatusOK:
		p, ok := readPayment(a.body, a.clean)
		if !ok {
			r.Reason = "200 with a body that cannot be read"
			return r
		}
		for _, status := range allowed {
			if p.Status == status {
				return payment.Reply{Effect: payment.EffectDone, Payment: &p}
			}
		}
		r.Reason = "200 with a payment that is " + string(p.Status)
	case http.StatusConflict:
		if isError {
			r.Effect = payment.EffectRefused
		}
	case http.StatusBadRequest, http.StatusNotFound:
		if isError {
			r.Effect = payment.EffectRejected
		}
	case http.StatusUnauthorized, http.StatusForbidden:
		r.Effect = payment.EffectMisconfigured
	case http.StatusTooManyRequests:
		r.Effect = payment.EffectNone
	case http.StatusServiceUnavailable:
		if a.notExecuted {
			r.Effect = payment.EffectNone
		}
	}
	return r
}

// pageSize is how many payments one page of a listing holds, the most that the contract allows.
const pageSize = 1000

// listBody is a page of the contract.
type listBody struct {
	Data []json.RawMessage `json:"data"`
	Next *string           `json:"next_cursor"`
}

// List sends one GET.
func (c *Client) List(ctx context.Context, w payment.Window, cursor string) (payment.Listing, error) {
	query := url.Values{
		"created_from": {w.From.UTC().Format(time.RFC3339Nano)},
		"created_to":   {w.To.UTC().Format(time.RFC3339Nano)},
		"limit":        {strconv.Itoa(pageSize)},
	}
	if cursor != "" {
		query.Set("cursor", cursor)
	}
	a := c.send(ctx, request{method: http.MethodGet, path: "/v1/payments?" + query.Encode(), id: "duly-audit"})
	switch {
	case a.err != nil:
		return payment.Listing{}, fmt.Errorf("list payments: %s", a.why)
	case a.status == http.StatusUnauthorized || a.status == http.StatusForbidden:
		return payment.Listing{}, fmt.Errorf("list payments: %w: %s", gateway.ErrMisconfigured, a.text())
	case a.status != http.StatusOK:
		return payment.Listing{}, fmt.Errorf("list payments: %s", a.text())
	}
	var body listBody
	if err := json.Unmarshal(a.body, &body); err != nil || body.Data == nil {
		return payment.Listing{}, fmt.Errorf("list payments: a page that cannot be read")
	}
	page := payment.Listing{Payments: make([]payment.Payment, 0, len(body.Data))}
	for _, raw := range body.Data {
		p, ok := readPayment(raw, a.clean)
		if !ok {
			return payment.Listing{}, fmt.Errorf("list payments: a payment that cannot be read")
		}
		page.Payments = append(page.Payments, p)
	}
	if body.Next != nil {
		page.Cursor = *body.Next
	}
	return page, nil
}
