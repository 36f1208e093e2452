package core

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"duly/internal/gateway/simulator/plan"
)

// Control asks and orders a simulator in another process. It is safe for concurrent use.
type Control struct {
	base   string
	client http.Client
}

// NewControl returns a Control for the simulator at a base URL such as http://127.0.0.1:8090.
func NewControl(baseURL string) *Control {
	return &Control{base: strings.TrimRight(baseURL, "/"), client: http.Client{Transport: &http.Transport{}}}
}

// Close frees idle connections.
func (c *Control) Close() { c.client.CloseIdleConnections() }

// Health returns nil when the simulator answers.
func (c *Control) Health(ctx context.Context) error {
	return c.ask(ctx, http.MethodGet, pathHealth, nil, nil)
}

// Ledger returns the selected payments in order of execution.
func (c *Control) Ledger(ctx context.Context, f Filter) ([]Entry, error) {
	q := url.Values{}
	for name, value := range map[string]string{"reference": f.Reference, "key": f.Key, "status": string(f.Status)} {
		if value != "" {
			q.Set(name, value)
		}
	}
	var entries []Entry
	err := c.exchange(ctx, http.MethodGet, pathLedger+"?"+q.Encode(), nil, func(body io.Reader) error {
		for d := json.NewDecoder(body); ; {
			var e Entry
			if err := d.Decode(&e); errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return err
			}
			entries = append(entries, e)
		}
	})
	return entries, err
}

// Stats returns the counts.
func (c *Control) Stats(ctx context.Context) (Stats, error) {
	var s Stats
	err := c.ask(ctx, http.MethodGet, pathStats, nil, &s)
	return s, err
}

// Requests returns how many charge requests carried each key.
func (c *Control) Requests(ctx context.Context) (map[string]int, error) {
	var counts map[string]int
	err := c.ask(ctx, http.MethodGet, pathRequests, nil, &counts)
	return counts, err
}

// ChangeRequests returns how many cancellations and refunds carried each key.
func (c *Control) ChangeRequests(ctx context.Context) (map[string]int, error) {
	var counts map[string]int
	err := c.ask(ctx, http.MethodGet, pathChanges, nil, &counts)
	return counts, err
}

// Inject puts a payment into the books, as Simulator.Inject does, and returns its id.
func (c *Control) Inject(ctx context.Context, e Entry) (id string, err error) {
	var made injected
	err = c.ask(ctx, http.MethodPost, pathPayments, e, &made)
	return made.ID, err
}

// Amend changes the named parts of a payment by hand, as Simulator.Amend does, by their JSON names:
// {"status": "succeeded", "refunded": 900}.
func (c *Control) Amend(ctx context.Context, id string, change map[string]any) error {
	return c.ask(ctx, http.MethodPatch, pathPayments+"/"+url.PathEscape(id), change, nil)
}

// BodyViolations returns what Simulator.BodyViolations does.
func (c *Control) BodyViolations(ctx context.Context) ([]string, error) {
	var keys []string
	err := c.ask(ctx, http.MethodGet, pathViolations, nil, &keys)
	return keys, err
}

// ForgetKeys makes the gateway forget every idempotency key.
func (c *Control) ForgetKeys(ctx context.Context) error {
	return c.ask(ctx, http.MethodPost, pathForget, nil, nil)
}

// Advance moves the simulator's clock on.
func (c *Control) Advance(ctx context.Context, d time.Duration) error {
	return c.ask(ctx, http.MethodPost, pathAdvance+"?d="+url.QueryEscape(d.String()), nil, nil)
}

// Configure replaces the configuration.
func (c *Control) Configure(ctx context.Context, cfg plan.Config) error {
	return c.ask(ctx, http.MethodPut, pathConfig, cfg, nil)
}

// Patch changes the named parts of the configuration, by their JSON names:
// {"faults": {"drop_after": 0.1}, "key_life": "24h"}.
func (c *Control) Patch(ctx context.Context, change map[string]any) error {
	return c.ask(ctx, http.MethodPatch, pathConfig, change, nil)
}

// ask sends in as JSON, if there is one, and reads the answer into out, if there is one.
func (c *Control) ask(ctx context.Context, method, path string, in, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return err
		}
	}
	return c.exchange(ctx, method, path, body, func(answer io.Reader) error {
		if out == nil {
			return nil
		}
		return json.NewDecoder(answer).Decode(out)
	})
}

func (c *Control) exchange(ctx context.Context, method, path string, body []byte, read func(io.Reader) error) error {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 4096))
		return fmt.Errorf("simulator: %s %s: %s: %s", method, path, resp.Status, bytes.TrimSpace(text))
	}
	return read(resp.Body)
}
