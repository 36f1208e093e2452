package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"

	"duly/internal/gateway"
	"duly/internal/gateway/exchange"
	"duly/internal/payment"
)

// Client is a gateway.Gateway.
type Client struct {
	config  Config
	address string      // the service's, in one spelling
	header  http.Header // of every request
	line    *exchange.Client
	page    atomic.Int64 // how many payments a listing asks for at once
}

var _ gateway.Gateway = (*Client)(nil)

// New makes a client with its own connection pool. Nothing is sent yet. The error names every problem
// with c, and no secret.
func New(c Config) (*Client, error) {
	base, err := c.check()
	if err != nil {
		return nil, err
	}
	client := &Client{
		config: c, address: exchange.Address(base), header: http.Header{"Authorization": {"Bearer " + c.Token}}, line: exchange.New(c.exchange(base)),
	}
	client.page.Store(longestPage)
	return client, nil
}

// Capabilities are as configured.
func (c *Client) Capabilities() gateway.Capabilities {
	return gateway.Capabilities{
		KeyLife:           c.config.KeyLife,
		LongestRequest:    c.config.LongestRequest,
		Timeout:           c.config.Timeout,
		FindByKey:         !c.config.NoFind,
		LookupOutlivesKey: !c.config.NoFind,
		List:              !c.config.NoList,
		ListLag:           c.config.ListLag,
		Retention:         c.config.Retention,
		ChargesOnce:       c.config.ChargesOnce,
		Address:           c.address,
	}
}

// Charge sends one POST /v1/payments. A charge that the service could only refuse, or of a body version that
// this program does not write, is Rejected and Unsent.
func (c *Client) Charge(ctx context.Context, charge payment.Charge) payment.Outcome {
	body, err := encode(charge)
	if err != nil {
		return payment.Outcome{Kind: payment.Rejected, Unsent: true, Reason: err.Error()}
	}
	a := c.send(ctx, request{
		method: http.MethodPost,
		path:   pathPayments,
		id:     charge.RequestID,
		key:    charge.Key,
		body:   body,
		known:  []string{charge.Key, charge.Reference},
		hidden: private(charge), customer: charge.CustomerID, one: true,
	})
	return outcome(charge, a)
}

// private is what names the payment method of a charge.
func private(charge payment.Charge) []string { return []string{charge.Method, charge.GatewayCustomer} }

// Find sends one GET, by key if the service offers that and else by the payment's id.
func (c *Client) Find(ctx context.Context, charge payment.Charge, paymentID string) gateway.Finding {
	r := request{method: http.MethodGet, id: charge.RequestID, known: []string{charge.Key, charge.Reference, paymentID}, hidden: private(charge), customer: charge.CustomerID, one: true}
	switch {
	case !c.config.NoFind:
		r.path, r.value = pathByKey, charge.Key
		return finding(charge, c.send(ctx, r), true)
	case paymentID != "":
		r.path, r.value = pathPayment, paymentID
		return finding(charge, c.send(ctx, r), false)
	}
	return gateway.Finding{Outcome: payment.Outcome{Reason: "the gateway cannot be asked by key"}}
}

// Ping asks for a payment that cannot exist. That the service says so in an Error body shows that it speaks the API. It shows neither
// that the account is ours nor, before the service has looked at the token, that the path is right: an error of another path may be
// written the same way.
func (c *Client) Ping(ctx context.Context) error {
	path := pathByKey
	if c.config.NoFind {
		path = pathPayment
	}
	a := c.send(ctx, request{method: http.MethodGet, path: path, value: "duly-ping", id: "duly-ping"})
	_, isError := readError(a.Body)
	switch {
	case a.Err != nil:
		return fmt.Errorf("gateway %s: %s", c.config.Name, a.Why)
	case a.Status == http.StatusUnauthorized || a.Status == http.StatusForbidden:
		return fmt.Errorf("gateway %s: it refuses our token (%s)", c.config.Name, a.text())
	case a.Status == http.StatusNotFound && isError:
		return nil
	case a.Status == http.StatusOK:
		return fmt.Errorf("gateway %s: 200 for a payment that cannot exist: is this the address of a payments API?", c.config.Name)
	case a.Status == http.StatusNotFound:
		return fmt.Errorf("gateway %s: 404 without an error body: is this the address of a payments API?", c.config.Name)
	}
	return fmt.Errorf("gateway %s: unexpected answer %s", c.config.Name, a.text())
}

// Close closes idle connections.
func (c *Client) Close() { c.line.Close() }
