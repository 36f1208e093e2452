package toss

import (
	"context"
	"net/http"

	"duly/internal/gateway"
	"duly/internal/gateway/exchange"
	"duly/internal/gateway/provider"
	"duly/internal/payment"
)

// Find sends one GET, by the orderId that the charge's key stands for.
func (c *Client) Find(ctx context.Context, charge payment.Charge, _ string) gateway.Finding {
	a := c.send(ctx, request{
		method: http.MethodGet, path: pathOrder, value: orderID(charge.Key), id: charge.RequestID,
		known: known(charge), hidden: private(charge), customer: charge.CustomerID,
	})
	if o, ok := a.Unanswered(); ok {
		o.Kind = payment.InDoubt
		return gateway.Finding{Outcome: o}
	}
	if a.Status == http.StatusOK && !a.IsPage() {
		p, b, why := c.record(a)
		if why == "" && b.OrderID != orderID(charge.Key) {
			why = "200 with another payment, " + p.ID
		}
		if why != "" {
			return gateway.Finding{Outcome: payment.Outcome{Unreadable: true, Reason: why}}
		}
		return gateway.Finding{Outcome: payment.Judge(charge, p)}
	}
	return gateway.Finding{
		Absent: a.absent(), Misconfigured: a.misconfigured(),
		Outcome: payment.Outcome{Reason: a.text(), RetryAfter: a.RetryAfter, Failure: provider.Failed(a.Answer), Page: a.IsPage()},
	}
}

// Look sends one GET, by the paymentKey if that is known, else by the orderId that the key stands for.
func (c *Client) Look(ctx context.Context, w payment.Ref) payment.LookupResult {
	r := request{method: http.MethodGet, id: w.RequestID, known: []string{w.Key, w.ID}, customer: gateway.Customer(ctx)}
	switch {
	case exchange.Segment(w.ID):
		r.path, r.value = pathPayment, w.ID
	case w.ID == "" && w.Key != "":
		r.path, r.value = pathOrder, orderID(w.Key)
	default:
		return payment.LookupResult{Unaskable: true, Reason: "neither a key nor an id that Toss can be asked by"}
	}
	a := c.send(ctx, r)
	if o, ok := a.Unanswered(); ok {
		return payment.LookupResult{Reason: o.Reason, Failure: o.Failure}
	}
	s := payment.LookupResult{
		Reason: a.text(), RetryAfter: a.RetryAfter, Failure: provider.Failed(a.Answer), Absent: a.absent(), Misconfigured: a.misconfigured(),
	}
	if a.Status != http.StatusOK {
		return s
	}
	p, b, why := c.record(a)
	switch {
	case why != "":
		s.Reason = why
	case r.path == pathPayment && p.ID != w.ID || r.path == pathOrder && b.OrderID != r.value:
		s.Reason = "200 with another payment, " + p.ID
	default:
		return payment.LookupResult{Payment: &p}
	}
	return s
}
