package exchange

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"path"
	"strings"
	"sync"
	"time"

	"duly/internal/crash"
	"duly/internal/gateway"
	"duly/internal/redact"
)

// The longest answers that are read, in bytes.
const (
	MaxPage = 8 << 20 // of a page of payments
	MaxBody = 1 << 20 // of any other
)

// ErrTooLong is the [Answer.Err] of an answer that is longer than its request allows.
var ErrTooLong = errors.New("the answer is too long")

// Config is where a provider is called, and how.
type Config struct {
	// Base is the provider's address without a slash at its end, to which the targets of requests are added.
	Base string
	// Timeout bounds one exchange from dialling to the last byte of the answer.
	Timeout time.Duration
	// ConnectTimeout bounds dialling, and the TLS handshake. Longer than Timeout is cut to it.
	ConnectTimeout time.Duration
	// MaxConns bounds the connections; further requests wait for one, within their Timeout.
	MaxConns int
	// Secret is our own credential, which no text of an answer may hold.
	Secret string
	// Now reads the dates in Retry-After.
	Now func() time.Time
	// Wrap, if not nil, goes around the transport, for tracing and tests. It must send each request once.
	Wrap func(http.RoundTripper) http.RoundTripper
}

// Client makes exchanges. Its methods are safe for concurrent use.
type Client struct {
	config    Config
	secret    *redact.Private // our own credential
	transport *transport
	sender    http.RoundTripper // the transport, wrapped; nil: it is not
	messages  sync.Pool         // of *message

	mu    sync.Mutex
	fixed map[endpoint]*http.Request // see bare
}

// New makes a client with its own connection pool. Nothing is sent yet.
func New(c Config) *Client {
	c.ConnectTimeout = min(c.ConnectTimeout, c.Timeout)
	t := newTransport(c)
	client := &Client{
		config: c, secret: redact.NewPrivate([]string{c.Secret}, nil), transport: t, fixed: map[endpoint]*http.Request{},
	}
	if c.Wrap != nil {
		client.sender = c.Wrap(t)
	}
	return client
}

// Close closes idle connections.
func (c *Client) Close() { c.transport.close() }

// Request is one request of an adapter.
type Request struct {
	Method string
	// Target is the path, escaped, and the query, to be added to the base. Template is its path with {names} for what differs
	// between requests: traces show the template alone.
	Target, Template string
	// Header are headers of the provider's API that many requests have alike, credentials among them, and Own those of this one. Nothing changes Header.
	Header http.Header
	Own    [owned]Header
	// Moves: the request moves money. The guard of the context is asked at the socket before its first byte.
	Moves bool
	// Body is empty for a GET alone.
	Body []byte
	// Known are ids that may stand in texts as they are; Hidden are the payment method and its second identifier, which are kept
	// out of texts, as Customer is, whom the request is about.
	Known, Hidden []string
	Customer      string
	// One: the request is about one customer, known or not. Where nobody knows which, no message of the answer is repeated.
	One bool
	// Most is how many bytes of the answer are read; 0: MaxBody.
	Most int64
}

// owned is how many headers of its own a request may have.
const owned = 3

// Header is a header with one value; one without a name is not sent.
type Header struct{ Name, Value string }

// Answer is what became of one request.
type Answer struct {
	// Left: a byte of the request may have been sent.
	Left bool
	// Refused is the guard's word that kept the request from leaving.
	Refused error
	// Err: there is no whole answer; Why says it to people.
	Err error
	Why string
	// CalledOff: because the caller's context ended.
	CalledOff bool

	Status     int
	Header     http.Header   // nil without an answer
	RetryAfter time.Duration // what the provider asks us to wait; 0: it does not say
	Body       []byte
	Clean      Cleaner
	// Mute: nobody knows whom a message may name, so that none is repeated.
	Mute bool
}

// Send makes one exchange.
func (c *Client) Send(ctx context.Context, r Request) Answer {
	a := Answer{Clean: Cleaner{c.config.Secret, r.Customer, r.Hidden, r.Known, c.secret}, Mute: r.One && r.Customer == ""}
	bare, err := c.bare(r)
	if err != nil {
		a.Err, a.Why = err, "the request cannot be built"
		return a
	}
	until := time.Now().Add(c.config.Timeout) //nolint:forbidigo // sockets and contexts go by the host's clock
	line := &exchange{moves: r.Moves}
	if r.Moves {
		line.allow = func() error { return line.check(ctx) }
	}

	m := c.message(bare, r)

	// Not http.Client: it would follow redirects.
	var resp *http.Response
	if c.sender == nil {
		defer c.done(m)
		resp, err = c.transport.exchange(ctx, until, line.trace(), &m.Request)
	} else {
		bounded, cancel := context.WithDeadline(gateway.WithTemplate(ctx, r.Template), until)
		defer cancel()
		resp, err = c.sender.RoundTrip(m.WithContext(httptrace.WithClientTrace(bounded, line.trace())))
	}
	if err == nil {
		defer func() { _ = resp.Body.Close() }()
		a.Status, a.Header = resp.StatusCode, resp.Header
		if a.Status == http.StatusTooManyRequests {
			gateway.NoteTooMany(ctx)
		}
		a.RetryAfter = retryAfter(resp.Header.Get("Retry-After"), c.config.Now())
		a.Body, err = readAll(resp.Body, resp.ContentLength, cmp.Or(r.Most, MaxBody))
	}
	a.Left, a.Refused = true, line.refusal()
	if err != nil {
		// With an answer the request has left; its connection may already carry the next one, so that the socket must not be sealed.
		a.Left = resp != nil || line.end()
		a.Err, a.Why, a.CalledOff = err, a.Clean.Text(c.reason(ctx, until, err)), calledOff(ctx)
	}
	if line.moves && a.Left {
		crash.At(crash.Answered)
	}
	return a
}

// calledOff reports whether ctx has ended, or is about to, since sockets that go by its deadline may pass it before the timer of ctx does.
func calledOff(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ctx.Err() != nil || ok && time.Until(deadline) <= 0
}

// endpoint is a method and a target that many requests have.
type endpoint struct{ method, target string }

// bare is the request that r describes without headers and body, which nothing may change. One whose target is always the same, as that of a charge
// mostly is, is made once.
func (c *Client) bare(r Request) (*http.Request, error) {
	if r.Target != r.Template {
		return http.NewRequest(r.Method, c.config.Base+r.Target, nil) //nolint:noctx // see Send
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	at := endpoint{r.Method, r.Target}
	if made := c.fixed[at]; made != nil {
		return made, nil
	}
	made, err := http.NewRequest(r.Method, c.config.Base+r.Target, nil) //nolint:noctx // see Send
	if err == nil {
		c.fixed[at] = made
	}
	return made, err
}

// largestAnnounced limits the room that is made for an answer because of the length that it announces, in bytes.
const largestAnnounced = 64 << 10

// readAll reads a body to its end, which returns its connection to the pool. announced is its Content-Length, -1 if unknown. A body of more than
// most bytes is [ErrTooLong].
func readAll(body io.Reader, announced, most int64) ([]byte, error) {
	if announced > 0 && announced <= min(most, largestAnnounced) {
		b := make([]byte, announced)
		n, err := io.ReadFull(body, b) // net/http tells the end with the last byte
		return b[:n], err
	}
	b, err := io.ReadAll(io.LimitReader(body, most+1))
	if err == nil && int64(len(b)) > most {
		err = ErrTooLong
	}
	return b, err
}

// Address is a provider's URL in one spelling: equal addresses are equal texts.
func Address(base string) string {
	u, err := url.Parse(base)
	if err != nil {
		return base
	}
	host, port := strings.ToLower(u.Hostname()), u.Port()
	if port != "" && (u.Scheme != "http" || port != "80") && (u.Scheme != "https" || port != "443") {
		host = net.JoinHostPort(host, port)
	} else if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return u.Scheme + "://" + host + strings.TrimRight(path.Clean("/"+u.Path), "/")
}
