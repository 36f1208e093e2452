package toss

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"sync/atomic"

	"duly/internal/gateway"
	"duly/internal/gateway/exchange"
	"duly/internal/gateway/provider"
	"duly/internal/payment"
)

// Client is a [gateway.Gateway].
type Client struct {
	config Config
	base   string
	basic  string      // the credentials as they are sent
	header http.Header // of every request
	line   *exchange.Client
	page   atomic.Int64 // how many transactions a listing asks for at once
}

var _ gateway.Gateway = (*Client)(nil)

// New makes a client with its own connection pool. Nothing is sent yet. The error names every problem with c, and no secret.
func New(c Config) (*Client, error) {
	base, err := c.check()
	if err != nil {
		return nil, err
	}
	basic := base64.StdEncoding.EncodeToString([]byte(c.Token + ":"))
	client := &Client{config: c, base: base, basic: basic, header: http.Header{"Authorization": {"Basic " + basic}}, line: c.Line(base)}
	client.page.Store(longestPage)
	return client, nil
}

// Capabilities are as configured.
func (c *Client) Capabilities() gateway.Capabilities {
	able := c.config.Capabilities(c.base, c.config.account())
	able.Live = provider.Liveness(c.config.account())
	return able
}

// Charge sends one POST. A charge that Toss could only refuse, or of a body version that this program does not write, is Rejected and
// Unsent.
func (c *Client) Charge(ctx context.Context, charge payment.Charge) payment.Outcome {
	body, err := encode(charge)
	if err != nil {
		return payment.Outcome{Kind: payment.Rejected, Unsent: true, Reason: err.Error()}
	}
	a := c.send(ctx, request{
		method: http.MethodPost, path: pathCharge, value: charge.Method, id: charge.RequestID, key: charge.Key, body: body,
		known: known(charge), hidden: private(charge), customer: charge.CustomerID,
	})
	return c.outcome(charge, a)
}

// private is what names the payment method of a charge, also as it stands in a path.
func private(charge payment.Charge) []string {
	return []string{charge.Method, url.PathEscape(charge.Method), charge.GatewayCustomer}
}

// known is what may stand in texts about a charge.
func known(charge payment.Charge) []string {
	return []string{charge.Key, charge.Reference, orderID(charge.Key)}
}

// Cancel sends nothing: a charge of a billing key is never pending, and what waits for a customer at Toss ends by itself.
func (c *Client) Cancel(context.Context, payment.Cancel) payment.Reply {
	return payment.Reply{Effect: payment.EffectRejected, Reason: "Toss cannot cancel a payment that is not paid"}
}

// pingOrder is the orderId of a payment that does not exist.
const pingOrder = "duly-ping"

// Ping asks for a payment that does not exist: it takes the right address, secret key and API to be told so. Whether there is a contract
// for billing only a charge can tell.
func (c *Client) Ping(ctx context.Context) error {
	a := c.send(ctx, request{method: http.MethodGet, path: pathOrder, value: pingOrder, id: pingOrder, many: true})
	switch {
	case a.Err != nil:
		return c.problem(a.Why)
	case a.misconfigured():
		return c.problem("it refuses our secret key (" + a.text() + ")")
	case a.absent(), a.Status == http.StatusOK && !a.IsPage():
		return nil
	case a.Status == http.StatusNotFound:
		return c.problem("404 without an error of Toss's: is this the address of its API?")
	}
	return c.problem("unexpected answer " + a.text())
}

func (c *Client) problem(text string) error {
	return errors.New("gateway " + c.config.Name + ": " + text)
}

// Close closes idle connections.
func (c *Client) Close() { c.line.Close() }
