package httpapi

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"duly/internal/gateway/exchange"
)

// Config is one account at one payment service.
type Config struct {
	// Name is what people call it, for messages.
	Name string
	// URL is the service's address, to which /v1/… is added: http or https, no query.
	URL string
	// Token is the bearer token. It appears in no error and no outcome.
	Token string
	// Timeout bounds one request from dialling to the last byte of the answer.
	Timeout time.Duration
	// ConnectTimeout bounds dialling, and the TLS handshake. Longer than Timeout is cut to it.
	ConnectTimeout time.Duration
	// KeyLife is how long the service keeps idempotency keys; 0: it keeps none.
	KeyLife time.Duration
	// LongestRequest is how long after sending a request may still take effect.
	LongestRequest time.Duration
	// MaxConns bounds the connections; further requests wait for one, within their Timeout.
	MaxConns int
	// NoFind: the service has no look-up by key.
	NoFind bool
	// NoList: the service lists no payments.
	NoList bool
	// ListLag is how long after it was made a payment may be missing from the list.
	ListLag time.Duration
	// Retention is how long the service shows a payment; 0: for ever.
	Retention time.Duration
	// ChargesOnce: the service never charges a key again that it charged once, however old the key is.
	ChargesOnce bool
	// Now reads the dates in Retry-After.
	Now func() time.Time
	// Wrap, if not nil, goes around the transport, for tracing and tests. It must send each request once.
	Wrap func(http.RoundTripper) http.RoundTripper
}

// check returns every problem with c, and the address without a slash at its end.
func (c Config) check() (base string, err error) {
	var problems []error
	add := func(problem string) { problems = append(problems, errors.New(problem)) }

	u, err := url.Parse(c.URL)
	switch {
	case err != nil:
		add("url: cannot be read") // the error would repeat a password in it
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		add("url: want http://… or https://…")
	case u.User != nil:
		add("url: must not carry a user name or password")
	case u.RawQuery != "" || u.Fragment != "":
		add("url: must not have a query or a fragment")
	default:
		base = strings.TrimRight(u.String(), "/")
	}
	if c.Token == "" || exchange.Visible(c.Token) != c.Token {
		add("token: missing, or not plain printable text")
	}
	if c.Timeout <= 0 || c.ConnectTimeout <= 0 {
		add("timeout and connect_timeout: must be above 0")
	}
	if c.KeyLife < 0 {
		add("key_life: must not be negative")
	}
	if c.LongestRequest < c.Timeout {
		add("longest_request: must not be shorter than timeout")
	}
	if c.MaxConns < 1 {
		add("parallelism: must be at least 1")
	}
	if c.Now == nil {
		add("clock: missing")
	}
	if len(problems) > 0 {
		return "", fmt.Errorf("gateway %s: %w", c.Name, errors.Join(problems...))
	}
	return base, nil
}
