package kakaopay

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"duly/internal/gateway"
	"duly/internal/gateway/exchange"
	"duly/internal/payment"
)

// Client is a gateway.Gateway, and a gateway.Witness.
type Client struct {
	config Config
	base   string      // KakaoPay's address, without a slash at its end
	header http.Header // of every request
	line   *exchange.Client
}

var (
	_ gateway.Gateway = (*Client)(nil)
	_ gateway.Witness = (*Client)(nil)
)

// New makes a client with its own connection pool. Nothing is sent yet. The error names every problem with c, and no secret.
func New(c Config) (*Client, error) {
	base, err := c.check()
	if err != nil {
		return nil, err
	}
	header := http.Header{"Authorization": {"SECRET_KEY " + c.Token}, "Content-Type": {"application/json"}}
	return &Client{config: c, base: base, header: header, line: c.Line(base)}, nil
}

// Capabilities implements gateway.Gateway: KakaoPay keeps no keys, finds nothing by them, and lists nothing.
func (c *Client) Capabilities() gateway.Capabilities {
	return gateway.Capabilities{
		LongestRequest: c.config.LongestRequest, Timeout: c.config.Timeout, Retention: c.config.Retention,
		Address: exchange.Address(c.base), Account: c.config.CID, Live: c.config.liveness(),
	}
}

// Charge sends one POST. A charge that KakaoPay could only refuse, or of a body version that this program does not write, is Rejected and
// Unsent.
func (c *Client) Charge(ctx context.Context, charge payment.Charge) payment.Outcome {
	body, err := c.encode(charge)
	if err != nil {
		return payment.Outcome{Kind: payment.Rejected, Unsent: true, Reason: err.Error()}
	}
	r := about(charge)
	r.path, r.body, r.moves = pathCharge, body, true
	return c.outcome(charge, c.send(ctx, r))
}

// about is a request about a charge.
func about(charge payment.Charge) request {
	return request{known: []string{charge.Key, charge.Reference}, hidden: []string{charge.Method, charge.GatewayCustomer}, customer: charge.CustomerID, one: true}
}

// tidBody names one payment.
type tidBody struct {
	merchant

	TID string `json:"tid"`
}

// Find sends one request, by the payment's tid. A charge of which no tid is known cannot be asked about.
func (c *Client) Find(ctx context.Context, charge payment.Charge, paymentID string) gateway.Finding {
	if paymentID == "" {
		return gateway.Finding{Unasked: true, Outcome: payment.Outcome{Reason: errNoTID}}
	}
	r := about(charge)
	r.known = append(r.known, paymentID)
	return c.finding(charge, c.ask(ctx, r, paymentID))
}

const errNoTID = "KakaoPay can be asked about a payment by its tid alone"

// ask asks for a payment by its tid.
func (c *Client) ask(ctx context.Context, r request, tid string) answer {
	body, err := json.Marshal(tidBody{c.merchant(), tid})
	if err != nil {
		return answer{exchange.Answer{Err: err, Why: "the request cannot be built"}}
	}
	r.path, r.body = pathOrder, body
	return c.send(ctx, r)
}

// Look sends one request, by the payment's tid.
func (c *Client) Look(ctx context.Context, w payment.Ref) payment.LookupResult {
	if w.ID == "" {
		return payment.LookupResult{Unaskable: true, Reason: errNoTID}
	}
	return c.sight(ctx, request{known: []string{w.Key, w.ID}, hidden: []string{w.GatewayCustomer}, customer: gateway.Customer(ctx), one: true}, w.ID)
}

// sight is Look for a request that knows what it is about.
func (c *Client) sight(ctx context.Context, r request, tid string) payment.LookupResult {
	a := c.ask(ctx, r, tid)
	if o, ok := a.Unanswered(); ok {
		return payment.LookupResult{Reason: o.Reason, Failure: o.Failure}
	}
	p, why := c.shown(a)
	switch {
	case why == "" && p.ID != tid:
		return payment.LookupResult{Reason: "200 with another payment, " + a.Clean.Text(p.ID)}
	case why == "":
		return payment.LookupResult{Payment: &p}
	case a.ok():
		return payment.LookupResult{Reason: why}
	}
	e, typed := readError(a.Body)
	return payment.LookupResult{
		Reason: why, RetryAfter: a.RetryAfter, Failure: failed(a), Misconfigured: a.misconfigured(), Absent: typed && e.number() == noSuchTID,
	}
}

// failed reports whether the answer to anything but a charge counts against the circuit.
func failed(a answer) bool {
	e, typed := readError(a.Body)
	if typed {
		if _, listed := refunds.Row(e.number()); listed {
			return false
		}
	}
	return a.Status >= http.StatusInternalServerError || a.IsPage()
}

// List says that KakaoPay has no list.
func (c *Client) List(context.Context, payment.Window, string) (payment.Listing, error) {
	return payment.Listing{}, &gateway.ListError{Reason: "KakaoPay lists no payments", NoList: true}
}

// Cancel sends nothing: KakaoPay has no way to cancel a payment that is not paid.
func (c *Client) Cancel(context.Context, payment.Cancel) payment.Reply {
	return payment.Reply{Effect: payment.EffectRejected, Reason: "KakaoPay cannot cancel a payment that is not paid"}
}

// pingTID is the tid of a payment that does not exist.
const pingTID = "T0000000000000000000"

// Ping asks for a payment that does not exist: it takes the right address, secret and CID to be told so.
func (c *Client) Ping(ctx context.Context) error {
	a := c.ask(ctx, request{}, pingTID)
	e, typed := readError(a.Body)
	switch {
	case a.Err != nil:
		return fmt.Errorf("gateway %s: %s", c.config.Name, a.Why)
	case a.misconfigured():
		return fmt.Errorf("gateway %s: it refuses our secret key or our CID (%s)", c.config.Name, a.text())
	case typed && e.number() == noSuchTID:
		return nil
	}
	return fmt.Errorf("gateway %s: unexpected answer %s: is this the address of KakaoPay's API?", c.config.Name, a.text())
}

// Close closes idle connections.
func (c *Client) Close() { c.line.Close() }

// sidBody names one payment method.
type sidBody struct {
	merchant

	SID string `json:"sid"`
}

// LastApproved implements gateway.Witness: it asks when the charge's SID was last charged.
func (c *Client) LastApproved(ctx context.Context, charge payment.Charge) (at time.Time, ok bool) {
	body, err := json.Marshal(sidBody{c.merchant(), charge.Method})
	if err != nil {
		return time.Time{}, false
	}
	r := about(charge)
	r.path, r.body = pathStatus, body
	a := c.send(ctx, r)
	var b struct {
		LastApproved string `json:"last_approved_at"`
	}
	if !a.ok() || json.Unmarshal(a.Body, &b) != nil {
		return time.Time{}, false
	}
	return localTime(b.LastApproved)
}
