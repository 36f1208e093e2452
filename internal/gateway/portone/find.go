package portone

import (
	"context"
	"net/http"

	"duly/internal/gateway"
	"duly/internal/gateway/exchange"
	"duly/internal/gateway/provider"
	"duly/internal/payment"
)

// Find sends one GET, by the id that the charge's key stands for.
func (c *Client) Find(ctx context.Context, charge payment.Charge, _ string) gateway.Finding {
	id := provider.ID(charge.Key)
	a := c.send(ctx, request{
		method: http.MethodGet, path: pathPayment, id: id, request: charge.RequestID,
		known: []string{charge.Key, charge.Reference, id}, hidden: private(charge), customer: charge.CustomerID,
	})
	if o, ok := a.Unanswered(); ok {
		o.Kind = payment.InDoubt
		return gateway.Finding{Outcome: o}
	}
	if a.Status == http.StatusOK && !a.IsPage() {
		p, _, why := c.record(a, id)
		if why != "" {
			return gateway.Finding{Outcome: payment.Outcome{Unreadable: true, Reason: why}}
		}
		return gateway.Finding{Outcome: payment.Judge(charge, p)}
	}
	f := gateway.Finding{Outcome: payment.Outcome{
		Reason: a.text(), RetryAfter: a.RetryAfter, Failure: provider.Failed(a.Answer), Page: a.IsPage(),
	}}
	f.Absent, f.Misconfigured = a.absent(), a.misconfigured()
	return f
}

// absent reports whether PortOne says that it knows no such payment.
func (a answer) absent() bool {
	said, typed := readError(a.Body)
	return typed && said.Type == paymentNotFound && a.Status == http.StatusNotFound
}

// misconfigured reports whether PortOne refuses our own credentials.
func (a answer) misconfigured() bool {
	said, typed := readError(a.Body)
	return typed && refusesUs(said.Type)
}

// Look sends one GET, by the payment's id if that is known, else by the id that its key stands for. A payment that the shop made by itself
// may have the key as its id: where PortOne knows no other, it is asked for that as well, in a second GET, before it is called absent.
func (c *Client) Look(ctx context.Context, w payment.Ref) payment.LookupResult {
	switch {
	case w.ID == "" && w.Key == "" || w.ID != "" && !exchange.Segment(w.ID):
		return payment.LookupResult{Unaskable: true, Reason: "neither a key nor an id that PortOne can be asked by"}
	case w.ID != "":
		return c.lookByID(ctx, w, w.ID)
	}
	seen := c.lookByID(ctx, w, provider.ID(w.Key))
	if !seen.Absent || !exchange.Segment(w.Key) {
		return seen
	}
	return c.lookByID(ctx, w, w.Key)
}

func (c *Client) lookByID(ctx context.Context, w payment.Ref, id string) payment.LookupResult {
	a := c.ask(ctx, id, w.RequestID, w.Key, w.ID)
	if o, ok := a.Unanswered(); ok {
		return payment.LookupResult{Reason: o.Reason, Failure: o.Failure}
	}
	s := payment.LookupResult{Reason: a.text(), RetryAfter: a.RetryAfter, Failure: provider.Failed(a.Answer)}
	if a.Status == http.StatusOK {
		p, _, why := c.record(a, id)
		if why == "" {
			return payment.LookupResult{Payment: &p}
		}
		s.Reason = why
	}
	s.Absent, s.Misconfigured = a.absent(), a.misconfigured()
	return s
}

// ask asks for a payment by its id.
func (c *Client) ask(ctx context.Context, id, requestID string, known ...string) answer {
	return c.send(ctx, request{
		method: http.MethodGet, path: pathPayment, id: id, request: requestID, known: append(known, id), customer: gateway.Customer(ctx),
	})
}
