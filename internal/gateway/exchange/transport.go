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
	resp, err := t.send(ctx, req)
	if err != nil {
		if req.Body != nil {
			_ = req.Body.Close() // as RoundTripper requires
		}
		if ctx.Err() != nil {
			err = ctx.Err()
		}
	}
	return resp, err
}

func (t *transport) send(ctx context.Context, req *http.Request) (*http.Response, error) {
	if err := checkHeaders(req.Header); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case t.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	c := t.pop()
	reused := c != nil
	if !reused {
		var err error
		if c, err = t.dial(ctx, req.URL); err != nil {
			<-t.slots
			return nil, err
		}
	}
	if trace := httptrace.ContextClientTrace(ctx); trace != nil && trace.GotConn != nil {
		trace.GotConn(httptrace.GotConnInfo{Conn: c.Conn, Reused: reused})
	}
	return c.exchange(ctx, req)
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
