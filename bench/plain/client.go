// Package plain holds what duly is compared with where nobody tuned anything: a bare client of the payments API, and the
// loops that shops begin with.
package plain

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"duly/internal/payment"
)

// Client posts charges, and no more: no guard, no retries, no circuit, no pacing. It is safe for concurrent use.
type Client struct {
	url, token string
	http       http.Client
}

// NewClient returns one of a service, with so many connections at most. It waits so long for each answer; 0: for ever.
func NewClient(url, token string, conns int, timeout time.Duration) *Client {
	return &Client{url: url + "/v1/payments", token: token, http: http.Client{Timeout: timeout, Transport: &http.Transport{
		MaxConnsPerHost: conns, MaxIdleConns: conns, MaxIdleConnsPerHost: conns, DisableCompression: true,
	}}}
}

// body has the bytes that duly sends.
type body struct {
	Reference   string `json:"reference"`
	CustomerID  string `json:"customer_id"`
	Method      string `json:"payment_method"`
	MethodType  string `json:"method_type,omitempty"`
	Amount      int64  `json:"amount"`
	Currency    string `json:"currency"`
	Description string `json:"description,omitempty"`
}

// Charge posts c and returns the id of the payment; an error unless it succeeded.
func (c *Client) Charge(ctx context.Context, charge payment.Charge) (string, error) {
	text, err := json.Marshal(body{
		charge.Reference, charge.CustomerID, charge.Method, charge.MethodType, charge.Money.Amount, charge.Money.Currency, charge.Description,
	})
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(text))
	if err != nil {
		return "", err
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", charge.Key)
	resp, err := c.http.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", err
	}
	var made struct{ ID, Status string }
	if err := json.Unmarshal(answer, &made); err != nil || made.Status != "succeeded" {
		return "", fmt.Errorf("the gateway answered %s: %s", resp.Status, answer)
	}
	return made.ID, nil
}
