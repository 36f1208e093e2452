package stripe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"duly/internal/gateway"
	"duly/internal/gateway/exchange"
	"duly/internal/gateway/provider"
	"duly/internal/payment"
)

// Client is a gateway.Gateway.
type Client struct {
	config Config
	base   string      // Stripe's address, without a slash at its end
	header http.Header // of every request
	line   *exchange.Client
}

var _ gateway.Gateway = (*Client)(nil)

// New makes a client with its own connection pool. Nothing is sent yet. The error names every problem with c, and no secret.
func New(c Config) (*Client, error) {
	base, err := c.Check()
	if err != nil {
		return nil, err
	}
	header := http.Header{"Authorization": {"Bearer " + c.Token}, "Stripe-Version": {apiVersion}}
	return &Client{config: c, base: base, header: header, line: c.Line(base)}, nil
}

// Capabilities implements gateway.Gateway.
func (c *Client) Capabilities() gateway.Capabilities {
	able := c.config.Capabilities(c.base, mode(c.config.Token))
	able.FindNeedsCustomer = true
	able.Live = provider.Liveness(mode(c.config.Token))
	return able
}

// mode is the half of the account that a secret key opens: test and live payments are at one address, and neither knows the other's. Empty:
// the key does not tell.
func mode(token string) string {
	for _, name := range []string{"live", "test"} {
		if strings.HasPrefix(token, "sk_"+name+"_") || strings.HasPrefix(token, "rk_"+name+"_") {
			return name
		}
	}
	return ""
}

// Charge sends one POST, which creates a PaymentIntent and confirms it. A charge that Stripe could only refuse, or of a body version that
// this program does not write, is Rejected and Unsent.
func (c *Client) Charge(ctx context.Context, charge payment.Charge) payment.Outcome {
	body, err := encode(charge)
	if err != nil {
		return payment.Outcome{Kind: payment.Rejected, Unsent: true, Reason: err.Error()}
	}
	return outcome(charge, c.send(ctx, request{
		path: pathIntents, body: body, key: charge.Key, known: []string{charge.Key, charge.Reference},
		hidden: secrets(charge), customer: charge.CustomerID, one: true,
	}))
}

// Find sends one GET by the intent's id if that is known, and else reads the intents of the charge's customer until one has its key.
func (c *Client) Find(ctx context.Context, charge payment.Charge, paymentID string) gateway.Finding {
	r := request{known: []string{charge.Key, charge.Reference, paymentID}, hidden: secrets(charge), customer: charge.CustomerID, one: true}
	if paymentID != "" {
		return finding(charge, c.get(ctx, r, paymentID))
	}
	if charge.GatewayCustomer == "" || !isKey(charge.Key) {
		return gateway.Finding{Unasked: true, Outcome: payment.Outcome{Reason: errNoCustomer.Error()}}
	}
	s := c.search(ctx, r, charge.GatewayCustomer, charge.Key)
	switch {
	case s.found != nil:
		return gateway.Finding{Outcome: judgedIntent(charge, *s.found, s.last, true)}
	case s.absent:
		return gateway.Finding{Absent: true, Outcome: payment.Outcome{Reason: "no payment of the customer has the key"}}
	case s.why != "":
		return gateway.Finding{Outcome: payment.Outcome{Reason: s.why}}
	}
	return unfound(s.last)
}

// secrets are the payment method of a charge and its customer at Stripe.
func secrets(charge payment.Charge) []string { return []string{charge.Method, charge.GatewayCustomer} }

var errNoCustomer = errors.New("without its gateway_customer Stripe cannot be asked for a charge by its key")

// get asks for an intent by its id, together with its newest charge.
func (c *Client) get(ctx context.Context, r request, id string) answer {
	r.path, r.id, r.query = pathIntent, id, &form{}
	r.query.add("expand[]", "latest_charge")
	return c.send(ctx, r)
}

// Ping asks for one payment of the account, if it has any.
func (c *Client) Ping(ctx context.Context) error {
	q := &form{}
	q.add("limit", "1")
	a := c.send(ctx, request{path: pathIntents, query: q})
	switch {
	case a.Err != nil:
		return fmt.Errorf("gateway %s: %s", c.config.Name, a.Why)
	case a.misconfigured():
		return fmt.Errorf("gateway %s: it refuses our token (%s)", c.config.Name, a.text())
	case a.Status == http.StatusNotFound:
		return fmt.Errorf("gateway %s: 404: is this the address of Stripe's API?", c.config.Name)
	case !a.ok():
		return fmt.Errorf("gateway %s: unexpected answer %s", c.config.Name, a.text())
	}
	if _, why := readList(a.Body); why != "" {
		return fmt.Errorf("gateway %s: %s: is this the address of Stripe's API?", c.config.Name, a.Unreadable(why))
	}
	return nil
}

// Close closes idle connections.
func (c *Client) Close() { c.line.Close() }
