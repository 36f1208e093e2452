package exchange

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/gateway"
)

// gathering is a listener whose connections write when they are told to.
type gathering struct{ net.Listener }

func (l gathering) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	return &gathered{Conn: conn}, err
}

type gathered struct {
	net.Conn

	hold bool
	held []byte
}

func (g *gathered) Write(b []byte) (int, error) {
	if g.hold {
		g.held = append(g.held, b...)
		return len(b), nil
	}
	return g.Conn.Write(b)
}

// serveTLS is a service that trusts call with a version of TLS.
func serveTLS(t *testing.T, version uint16, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Listener = gathering{s.Listener}
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // it reports what the tests provoke
	s.TLS = &tls.Config{MinVersion: version, MaxVersion: version, DynamicRecordSizingDisabled: true}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func dialTLS(t *testing.T, s *httptest.Server) *Client {
	t.Helper()
	c, _ := dial(t, s.URL)
	c.transport.roots = x509.NewCertPool()
	c.transport.roots.AddCert(s.Certificate())
	return c
}

// TLS reads ahead: an answer that nobody asked for may have left the socket already.
func TestWhatComesUnaskedOverTLSIsNoAnswer(t *testing.T) {
	t.Parallel()
	refusal := "HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n"
	long := strings.Repeat("x", 9000)
	for name, tc := range map[string]struct {
		records []string
		more    string // bytes that are no whole record
		later   int    // how many of the last bytes come with the next request
	}{
		"in a record of its own":      {records: []string{said("one"), refusal}},
		"in the record of the answer": {records: []string{fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s%s", len(long), long, refusal)}},
		"the beginning of a record":   {records: []string{said("one"), refusal}, later: 30},
		"the beginning of a head":     {records: []string{said("one")}, more: "\x17\x03"},
	} {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			t.Run(name+" "+tls.VersionName(version), func(t *testing.T) {
				t.Parallel()
				var accepted atomic.Int32
				s := serveTLS(t, version, func(w http.ResponseWriter, req *http.Request) {
					_, _ = io.Copy(io.Discard, req.Body)
					if accepted.Add(1) > 1 {
						_, _ = io.WriteString(w, "three")
						return
					}
					conn, next, err := http.NewResponseController(w).Hijack()
					if err != nil {
						t.Error(err)
						return
					}
					defer func() { _ = conn.Close() }()
					secure, _ := conn.(*tls.Conn)
					g, _ := secure.NetConn().(*gathered)
					g.hold = true
					for _, record := range tc.records {
						_, _ = io.WriteString(secure, record)
					}
					g.hold = false
					now := len(g.held) - tc.later
					_, _ = g.Write(append(g.held[:now:now], tc.more...))
					_, _ = next.ReadByte() // or the end
					_, _ = g.Write(g.held[now:])
				})
				c := dialTLS(t, s)
				require.Equal(t, http.StatusOK, post(t, c).Status)
				a := post(t, c)
				require.NoError(t, a.Err)
				require.Equal(t, "three", string(a.Body))
			})
		}
	}
}

// Nothing is written for a request that was called off while it waited for its connection, not even TLS's farewell.
func TestCalledOffBeforeItIsWritten(t *testing.T) {
	t.Parallel()
	s := serveTLS(t, tls.VersionTLS13, func(http.ResponseWriter, *http.Request) { t.Error("sent") })
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c := dialTLS(t, s)
	c.sender = roundTripper(func(r *http.Request) (*http.Response, error) {
		return c.transport.RoundTrip(r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{
			GotConn: func(httptrace.GotConnInfo) { cancel() },
		})))
	})
	guarded := gateway.WithGuard(ctx, gateway.Guard{Check: func() error {
		t.Error("the guard was asked")
		return nil
	}})
	a := c.Send(guarded, Request{Method: http.MethodPost, Target: "/", Template: "/", Moves: true, Body: []byte("{}")})
	require.Equal(t, "called off", a.Why)
	require.False(t, a.Left)
}
