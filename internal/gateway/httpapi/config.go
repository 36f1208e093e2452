package httpapi

import (
	"net/http"
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
	var more []string
	if c.KeyLife < 0 {
		more = append(more, "key_life: must not be negative")
	}
	if c.LongestRequest < c.Timeout {
		more = append(more, "longest_request: must not be shorter than timeout")
	}
	return c.exchange(c.URL).Check(c.Name, more...)
}

func (c Config) exchange(base string) exchange.Config {
	return exchange.Config{
		Base: base, Timeout: c.Timeout, ConnectTimeout: c.ConnectTimeout, MaxConns: c.MaxConns, Secret: c.Token, Now: c.Now, Wrap: c.Wrap,
	}
}
