package stripe

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"duly/internal/gateway/exchange"
)

// DefaultURL is where Stripe's API is.
const DefaultURL = "https://api.stripe.com"

// Config is one account at Stripe.
type Config struct {
	// Name is what people call it, for messages.
	Name string
	// URL is the address to which /v1/… is added; empty: DefaultURL.
	URL string
	// Token is the secret key, sk_… or rk_…. It appears in no error and no outcome.
	Token string
	// Timeout bounds one request from dialling to the last byte of the answer.
	Timeout time.Duration
	// ConnectTimeout bounds dialling, and the TLS handshake. Longer than Timeout is cut to it.
	ConnectTimeout time.Duration
	// KeyLife is how long Stripe keeps idempotency keys: 24 hours at least.
	KeyLife time.Duration
	// LongestRequest is how long after sending a request may still take effect.
	LongestRequest time.Duration
	// MaxConns bounds the connections; further requests wait for one, within their Timeout.
	MaxConns int
	// NoList: the list of payments is not to be used.
	NoList bool
	// ListLag is how long after it was made a payment may be missing from the list.
	ListLag time.Duration
	// Now reads the dates in Retry-After.
	Now func() time.Time
	// Wrap, if not nil, goes around the transport, for tracing and tests. It must send each request once.
	Wrap func(http.RoundTripper) http.RoundTripper
}

// check returns every problem with c, and the address without a slash at its end.
func (c Config) check() (base string, err error) {
	var problems []error
	add := func(broken bool, problem string) {
		if broken {
			problems = append(problems, errors.New(problem))
		}
	}
	if base, err = exchange.Base(c.URL); err != nil {
		problems = append(problems, err)
	}
	add(c.Token == "" || exchange.Visible(c.Token) != c.Token, "token: missing, or not plain printable text")
	add(c.Timeout <= 0 || c.ConnectTimeout <= 0, "timeout and connect_timeout: must be above 0")
	add(c.LongestRequest < c.Timeout, "longest_request: must not be shorter than timeout")
	add(c.KeyLife <= c.LongestRequest, "key_life: must be longer than longest_request")
	add(c.MaxConns < 1, "parallelism: must be at least 1")
	add(c.Now == nil, "clock: missing")
	if len(problems) > 0 {
		return "", fmt.Errorf("gateway %s: %w", c.Name, errors.Join(problems...))
	}
	return base, nil
}
