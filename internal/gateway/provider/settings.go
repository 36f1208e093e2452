package provider

import (
	"net/http"
	"time"

	"duly/internal/gateway"
	"duly/internal/gateway/exchange"
)

// Settings are what one account at a provider is called with, whichever provider it is.
type Settings struct {
	// Name is what people call the account, for messages.
	Name string
	// URL is the provider's address: http or https, no query.
	URL string
	// Token is the provider's secret. It appears in no error and no outcome.
	Token string
	// Timeout bounds one request from dialling to the last byte of the answer.
	Timeout time.Duration
	// ConnectTimeout bounds dialling, and the TLS handshake. Longer than Timeout is cut to it.
	ConnectTimeout time.Duration
	// KeyLife is how long the provider keeps idempotency keys.
	KeyLife time.Duration
	// LongestRequest is how long after sending a request may still take effect.
	LongestRequest time.Duration
	// MaxConns bounds the connections; further requests wait for one, within their Timeout.
	MaxConns int
	// NoList: the list of payments is not to be used.
	NoList bool
	// ListLag is how long after it was made a payment may be missing from the list.
	ListLag time.Duration
	// Retention is how long the provider shows a payment; 0: for ever.
	Retention time.Duration
	// ChargesOnce: the provider never charges a key again that it charged once, however old the key is.
	ChargesOnce bool
	// Now reads the clock, for dates in Retry-After and to tell an answer's time from that of its request.
	Now func() time.Time
	// Wrap, if not nil, goes around the transport, for tracing and tests. It must send each request once.
	Wrap func(http.RoundTripper) http.RoundTripper
}

// Check returns the address without a slash at its end, or every problem with s and those that more adds. The error holds no secret.
func (s Settings) Check(more ...string) (base string, err error) {
	if s.LongestRequest < s.Timeout {
		more = append(more, "longest_request: must not be shorter than timeout")
	}
	if s.KeyLife <= s.LongestRequest {
		more = append(more, "key_life: must be longer than longest_request")
	}
	return s.exchange(s.URL).Check(s.Name, more...)
}

// Line makes the client that exchanges requests with base.
func (s Settings) Line(base string) *exchange.Client { return exchange.New(s.exchange(base)) }

func (s Settings) exchange(base string) exchange.Config {
	return exchange.Config{
		Base: base, Timeout: s.Timeout, ConnectTimeout: s.ConnectTimeout, MaxConns: s.MaxConns, Secret: s.Token, Now: s.Now, Wrap: s.Wrap,
	}
}

// Capabilities are those of a provider that finds a payment by an id that is made of its key, as long as it shows the payment, and that
// keeps its errors; account is its own id of the account at base.
func (s Settings) Capabilities(base, account string) gateway.Capabilities {
	return gateway.Capabilities{
		KeyLife:           s.KeyLife,
		LongestRequest:    s.LongestRequest,
		Timeout:           s.Timeout,
		KeepsErrors:       true,
		FindByKey:         true,
		LookupOutlivesKey: true,
		List:              !s.NoList,
		ListLag:           s.ListLag,
		Retention:         s.Retention,
		ChargesOnce:       s.ChargesOnce,
		Address:           exchange.Address(base),
		Account:           account,
	}
}
