package portone

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
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
	header http.Header // of every request
	line   *exchange.Client
	page   atomic.Int64 // how many payments a listing asks for at once
}

var _ gateway.Gateway = (*Client)(nil)

// New makes a client with its own connection pool. Nothing is sent yet. The error names every problem with c, and no secret.
func New(c Config) (*Client, error) {
	var more []string
	if !isID(c.StoreID) {
		more = append(more, "store_id: want the id of a store such as store-…")
	}
	if !isID(c.ChannelKey) {
		more = append(more, "channel_key: want the key of a channel such as channel-key-…")
	}
	if slices.ContainsFunc(c.TestChannels, func(key string) bool { return key == "" || !isID(key) }) {
		more = append(more, "test_channels: want keys of channels such as channel-key-…")
	}
	if c.Skew < 0 {
		more = append(more, "skew: must not be negative")
	}
	if c.Skew == 0 {
		c.Skew = defaultSkew
	}
	base, err := c.Check(more...)
	if err != nil {
		return nil, err
	}
	client := &Client{config: c, base: base, header: http.Header{"Authorization": {"PortOne " + c.Token}}, line: c.Line(base)}
	client.page.Store(longestPage)
	return client, nil
}

// isID reports whether s can be an id of PortOne's, or is left out.
func isID(s string) bool { return exchange.Visible(s) == s }

// Capabilities are as configured.
func (c *Client) Capabilities() gateway.Capabilities {
	return c.config.Settings.Capabilities(c.base, c.config.StoreID)
}

// Charge sends one POST. A charge that PortOne could only refuse, or of a body version that this program does not write, is Rejected
// and Unsent.
func (c *Client) Charge(ctx context.Context, charge payment.Charge) payment.Outcome {
	body, err := c.encode(charge)
	if err != nil {
		return payment.Outcome{Kind: payment.Rejected, Unsent: true, Reason: err.Error()}
	}
	id, sent := provider.ID(charge.Key), c.config.Now()
	a := c.send(ctx, request{
		method: http.MethodPost, path: pathCharge, id: id, request: charge.RequestID, key: id, body: body,
		known: []string{charge.Key, charge.Reference, id}, hidden: private(charge), customer: charge.CustomerID,
	})
	return c.outcome(a, id, sent)
}

// private is what names the payment method of a charge.
func private(charge payment.Charge) []string { return []string{charge.Method, charge.GatewayCustomer} }

// Cancel sends nothing: PortOne has no way to cancel a payment that is not paid.
func (c *Client) Cancel(context.Context, payment.Cancel) payment.Reply {
	return payment.Reply{Effect: payment.EffectRejected, Reason: "PortOne cannot cancel a payment that is not paid"}
}

// pingID is the id of a payment that does not exist.
const pingID = "duly-ping"

// Ping asks for a payment that does not exist: it takes the right address, secret and API to be told so. Whether store_id and channel_key
// are right only a charge can tell.
func (c *Client) Ping(ctx context.Context) error {
	a := c.send(ctx, request{method: http.MethodGet, path: pathPayment, id: pingID, request: pingID, many: true})
	said, typed := readError(a.Body)
	switch {
	case a.Err != nil:
		return c.problem(a.Why)
	case typed && refusesUs(said.Type):
		return fmt.Errorf("gateway %s: it refuses our secret (%s)", c.config.Name, a.text())
	case typed && said.Type == paymentNotFound, a.Status == http.StatusOK && !a.IsPage():
		return nil
	case a.Status == http.StatusNotFound:
		return c.problem("404 without an error of PortOne's: is this the address of its API?")
	}
	return c.problem("unexpected answer " + a.text())
}

func (c *Client) problem(text string) error {
	return errors.New("gateway " + c.config.Name + ": " + text)
}

// Close closes idle connections.
func (c *Client) Close() { c.line.Close() }
