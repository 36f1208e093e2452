package exchange

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"sync"
	"time"

	"golang.org/x/net/http/httpguts"
	"golang.org/x/net/idna"
)

const (
	idleConnection = 60 * time.Second
	keepAlive      = 15 * time.Second
)

// errConnecting is the error of a TLS handshake that exceeds the connect timeout.
var errConnecting = &net.OpError{Op: "dial", Net: "tcp", Err: context.DeadlineExceeded}

// transport is the connection pool of one client, an [http.RoundTripper] for requests to one host. It speaks only HTTP/1.1: a connection carries
// one request at a time, so that the bytes on the socket belong to that request. It sends each request once and never retries. The calling
// goroutine writes the request and reads the answer. It uses no proxy, whose answers would be taken for the gateway's. It is safe for concurrent use.
type transport struct {
	dialer  *net.Dialer
	connect time.Duration  // timeout of the TLS handshake
	roots   *x509.CertPool // nil: the system's
	slots   chan struct{}  // one element per connection in use; its capacity is the limit
	now     func() time.Time

	mu   sync.Mutex
	idle []*conn // the most recently used one last
}

func newTransport(c Config) *transport {
	return &transport{
		dialer:  &net.Dialer{Timeout: c.ConnectTimeout, KeepAlive: keepAlive},
		connect: c.ConnectTimeout,
		slots:   make(chan struct{}, max(c.MaxConns, 1)),
		now:     c.Now,
	}
}

// RoundTrip implements [http.RoundTripper]. The hooks GotConn and WroteRequest of [httptrace] are called.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	// Not until the deadline of ctx: a socket may pass it before ctx ends, and what ends ctx says whether the exchange was called off.
	return t.exchange(ctx, time.Time{}, httptrace.ContextClientTrace(ctx), req)
}

// exchange sends req and returns the head of its answer. The exchange ends with ctx, and at an instant; the zero instant is none. Of the context of req
// itself nothing is used.
func (t *transport) exchange(ctx context.Context, until time.Time, trace *httptrace.ClientTrace, req *http.Request) (*http.Response, error) {
	resp, err := t.send(ctx, until, trace, req)
	if err != nil {
		if req.Body != nil {
			_ = req.Body.Close() // as RoundTripper requires
		}
		if over := ended(ctx, until); over != nil {
			err = over
		}
	}
	return resp, err
}

// ended is why an exchange under ctx and until an instant must not go on; nil: it may.
func ended(ctx context.Context, until time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !until.IsZero() && time.Until(until) <= 0 {
		return context.DeadlineExceeded
	}
	return nil
}

func (t *transport) send(ctx context.Context, until time.Time, trace *httptrace.ClientTrace, req *http.Request) (*http.Response, error) {
	if err := checkHeaders(req.Header); err != nil {
		return nil, err
	}
	if err := ended(ctx, until); err != nil {
		return nil, err
	}
	c, reused, err := t.take(ctx, until, req.URL)
	if err != nil {
		return nil, err
	}
	if trace != nil && trace.GotConn != nil {
		trace.GotConn(httptrace.GotConnInfo{Conn: c.Conn, Reused: reused})
	}
	return c.exchange(ctx, until, trace, req)
}

// take returns a connection to the host of u, and whether it was used before.
func (t *transport) take(ctx context.Context, until time.Time, u *url.URL) (c *conn, reused bool, err error) {
	select {
	case t.slots <- struct{}{}: // nearly always, and then there is an idle connection too, so that nothing is waited for
		if c := t.pop(); c != nil {
			return c, true, nil
		}
		<-t.slots
	default:
	}
	if !until.IsZero() {
		bounded, cancel := context.WithDeadline(ctx, until)
		defer cancel()
		ctx = bounded
	}
	select {
	case t.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, false, ctx.Err()
	}
	if c := t.pop(); c != nil {
		return c, true, nil
	}
	if c, err = t.dial(ctx, u); err != nil {
		<-t.slots
	}
	return c, false, err
}

// checkHeaders rejects names and values that HTTP does not allow, such as line breaks, which would start another header.
func checkHeaders(h http.Header) error {
	for name, values := range h {
		if !httpguts.ValidHeaderFieldName(name) || slices.ContainsFunc(values, func(v string) bool { return !httpguts.ValidHeaderFieldValue(v) }) {
			return errors.New("invalid header: " + name)
		}
	}
	return nil
}

// pop returns the most recently used idle connection that is usable; nil if there is none.
func (t *transport) pop() *conn {
	for {
		t.mu.Lock()
		last := len(t.idle) - 1
		if last < 0 {
			t.mu.Unlock()
			return nil
		}
		c := t.idle[last]
		t.idle[last], t.idle = nil, t.idle[:last]
		t.mu.Unlock()
		if c.usable() {
			return c
		}
		_ = c.Close()
	}
}

// put returns a connection to the pool, and closes those that were idle for longer than [idleConnection].
func (t *transport) put(c *conn) {
	c.idleAt = t.now()
	t.mu.Lock()
	old := 0
	for old < len(t.idle) && c.idleAt.Sub(t.idle[old].idleAt) > idleConnection {
		old++
	}
	aged := slices.Clone(t.idle[:old])
	t.idle = append(slices.Delete(t.idle, 0, old), c)
	t.mu.Unlock()
	for _, c := range aged {
		_ = c.Close()
	}
}

// close closes the idle connections.
func (t *transport) close() {
	t.mu.Lock()
	idle := t.idle
	t.idle = nil
	t.mu.Unlock()
	for _, c := range idle {
		_ = c.Close()
	}
}

// dial connects to the host of u.
func (t *transport) dial(ctx context.Context, u *url.URL) (*conn, error) {
	host, port := u.Hostname(), u.Port()
	ascii, err := idna.Lookup.ToASCII(host)
	if err != nil || net.ParseIP(host) != nil {
		ascii = host // the resolver rejects what is no name
	}
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	network, err := t.dialer.DialContext(ctx, "tcp", net.JoinHostPort(ascii, port))
	if err != nil {
		return nil, err
	}
	s := newSocket(network, u.Scheme == "https")
	if s.records == nil {
		return newConn(t, s, s), nil
	}
	secure := tls.Client(s, &tls.Config{ServerName: ascii, RootCAs: t.roots, MinVersion: tls.VersionTLS12})
	shaking, cancel := context.WithTimeoutCause(ctx, t.connect, errConnecting)
	defer cancel()
	if err := secure.HandshakeContext(shaking); err != nil {
		_ = s.Close()
		if cause := context.Cause(shaking); ctx.Err() == nil && cause != nil {
			err = cause
		}
		return nil, err
	}
	return newConn(t, secure, s), nil
}
