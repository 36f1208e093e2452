package httpapi

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/gateway"
	"duly/internal/payment"
	"duly/internal/test/canned"
)

// wire is a server that does to its connections what no http.Handler can.
type wire struct {
	url      string
	accepted atomic.Int32
	first    chan struct{} // closed when the first connection is there
	requests atomic.Int32  // whose header arrived
	bytes    atomic.Int64  // that arrived at all
}

// listen hands each connection to do and closes it afterwards.
func listen(t *testing.T, do func(w *wire, conn net.Conn, r *bufio.Reader)) *wire {
	t.Helper()
	w := &wire{first: make(chan struct{})}
	w.url = canned.Accept(t, func(_ int, conn net.Conn) {
		if w.accepted.Add(1) == 1 {
			close(w.first)
		}
		do(w, conn, bufio.NewReader(io.TeeReader(conn, counter{&w.bytes})))
	})
	return w
}

type counter struct{ n *atomic.Int64 }

func (c counter) Write(b []byte) (int, error) {
	c.n.Add(int64(len(b)))
	return len(b), nil
}

// read takes one whole request off the connection.
func (w *wire) read(r *bufio.Reader) bool {
	req, err := http.ReadRequest(r)
	if err != nil {
		return false
	}
	w.requests.Add(1)
	_, err = io.Copy(io.Discard, req.Body)
	return err == nil
}

func answerPaid(conn net.Conn) {
	body := paymentJSON(payment.Succeeded, nil)
	_, _ = fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

func reset(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
}

// serveTLS is serve with a certificate that nobody trusts unasked.
func serveTLS(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // it reports what the tests provoke
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func TestBrokenExchanges(t *testing.T) {
	for _, tc := range []struct {
		name string
		do   func(w *wire, conn net.Conn, r *bufio.Reader)
		want payment.Outcome
	}{
		{
			"closed after the request",
			func(w *wire, _ net.Conn, r *bufio.Reader) { w.read(r) },
			payment.Outcome{Failure: true, Reason: "connection closed before the answer was whole"},
		},
		{
			"reset after the request",
			func(w *wire, conn net.Conn, r *bufio.Reader) { w.read(r); reset(conn) },
			payment.Outcome{Failure: true, Reason: "connection reset"},
		},
		{
			"closed in the header",
			func(w *wire, conn net.Conn, r *bufio.Reader) {
				w.read(r)
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n")
			},
			payment.Outcome{Failure: true, Reason: "connection closed before the answer was whole"},
		},
		{
			"closed in the body",
			func(w *wire, conn net.Conn, r *bufio.Reader) {
				w.read(r)
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"id\":\"pay")
			},
			payment.Outcome{Failure: true, Reason: "connection closed before the answer was whole"},
		},
		{
			"an endless header",
			func(w *wire, conn net.Conn, r *bufio.Reader) {
				w.read(r)
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n"+strings.Repeat("X: y\r\n", 20000))
			},
			payment.Outcome{Failure: true},
		},
		{
			"not HTTP",
			func(w *wire, conn net.Conn, r *bufio.Reader) {
				w.read(r)
				_, _ = io.WriteString(conn, "SSH-2.0-OpenSSH\r\n\r\n")
			},
			payment.Outcome{Failure: true},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := listen(t, tc.do)
			o := open(t, configFor(w.url)).Charge(t.Context(), charge())
			if tc.want.Reason == "" {
				require.Contains(t, o.Reason, "broken exchange: ")
				o.Reason = ""
			}
			require.Equal(t, tc.want, o)
			require.EqualValues(t, 1, w.requests.Load(), "requests")
			require.EqualValues(t, 1, w.accepted.Load(), "connections")
		})
	}
}

// Most HTTP clients send a request again by themselves if a kept connection breaks and they deem the request replayable, which an
// Idempotency-Key makes it. A charge must not be: its guard was asked for one request.
func TestADyingKeptConnectionCarriesTheChargeOnce(t *testing.T) {
	for name, dies := range map[string]func(conn net.Conn){
		"closed": func(net.Conn) {},
		"reset":  reset,
	} {
		t.Run(name, func(t *testing.T) {
			w := listen(t, func(w *wire, conn net.Conn, r *bufio.Reader) {
				if w.read(r) {
					answerPaid(conn)
					w.read(r)
					dies(conn)
				}
			})
			client := open(t, configFor(w.url))
			require.Equal(t, payment.Paid, client.Charge(t.Context(), charge()).Kind)
			o := client.Charge(t.Context(), charge())
			require.Equal(t, payment.InDoubt, o.Kind)
			require.True(t, o.Failure)
			require.EqualValues(t, 2, w.requests.Load(), "requests")
			require.EqualValues(t, 1, w.accepted.Load(), "connections")
		})
	}
}

func TestNothingLeftIsNotExecuted(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	refusing := "http://" + closed.Addr().String()
	require.NoError(t, closed.Close())

	untrusted := serveTLS(t, canned.Reply(200, paymentJSON(payment.Succeeded, nil)))

	plain := canned.Serve(t, canned.Reply(200, ""))

	for name, tc := range map[string]struct{ url, reason string }{
		"refused":         {refusing, "connection refused"},
		"not trusted":     {untrusted.URL, `certificate not trusted: no authority "Acme Co" on this host`},
		"no TLS there":    {strings.Replace(plain.URL, "http:", "https:", 1), "TLS handshake failed"},
		"no such name":    {"http://gateway.invalid", "host not found"},
		"an unknown port": {"http://127.0.0.1:99999", ""},
	} {
		t.Run(name, func(t *testing.T) {
			o := open(t, configFor(tc.url)).Charge(t.Context(), charge())
			require.Equal(t, payment.NotExecuted, o.Kind, o.Reason)
			require.True(t, o.Failure)
			if tc.reason != "" {
				require.Equal(t, tc.reason, o.Reason)
			}
		})
	}
}

func TestTimeOuts(t *testing.T) {
	t.Parallel()
	silent := listen(t, func(w *wire, conn net.Conn, r *bufio.Reader) {
		w.read(r)
		_, _ = r.ReadByte() // until the client closes
	})
	t.Run("waiting for the answer: in doubt", func(t *testing.T) {
		t.Parallel()
		c := configFor(silent.url)
		c.Timeout = 2 * time.Second
		o := open(t, c).Charge(t.Context(), charge())
		require.Equal(t, payment.Outcome{Failure: true, Reason: "timed out after 2s"}, o)
	})
	t.Run("a body without end: in doubt", func(t *testing.T) {
		t.Parallel()
		w := listen(t, func(w *wire, conn net.Conn, r *bufio.Reader) {
			w.read(r)
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{")
			_, _ = r.ReadByte()
		})
		c := configFor(w.url)
		c.Timeout = 2 * time.Second
		o := open(t, c).Charge(t.Context(), charge())
		require.Equal(t, payment.Outcome{Failure: true, Reason: "timed out after 2s"}, o)
	})
	t.Run("waiting for a connection of the pool: not executed", func(t *testing.T) {
		entered, release := make(chan struct{}), make(chan struct{})
		s := canned.Serve(t, func(http.ResponseWriter, *http.Request) {
			close(entered)
			<-release
		})
		c := configFor(s.URL)
		c.MaxConns, c.Timeout = 1, 2*time.Minute
		client := open(t, c)
		var first sync.WaitGroup
		first.Go(func() { client.Charge(t.Context(), charge()) })
		<-entered
		asked := false
		ctx := gateway.WithGuard(t.Context(), gateway.Guard{Check: func() error { asked = true; return nil }})
		ctx, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
		defer cancel()
		o := client.Charge(ctx, charge())
		close(release)
		first.Wait()
		require.Equal(t, payment.Outcome{Kind: payment.NotExecuted, Reason: "called off"}, o)
		require.False(t, asked, "nothing was about to be written")
	})
	t.Run("called off by the caller: no fault of the gateway", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		reached := listen(t, func(w *wire, _ net.Conn, r *bufio.Reader) {
			w.read(r)
			cancel()
			_, _ = r.ReadByte() // until the client closes
		})
		o := open(t, configFor(reached.url)).Charge(ctx, charge())
		require.Equal(t, payment.Outcome{Reason: "called off"}, o)
	})
}

func TestGuardIsAskedAtTheSocket(t *testing.T) {
	newWire := func(t *testing.T) *wire {
		t.Helper()
		return listen(t, func(w *wire, conn net.Conn, r *bufio.Reader) {
			for w.read(r) {
				answerPaid(conn)
			}
		})
	}
	guard := func(ctx context.Context, check func() error) context.Context {
		return gateway.WithGuard(ctx, gateway.Guard{Check: check})
	}

	t.Run("a refusal sends not one byte", func(t *testing.T) {
		w := newWire(t)
		client := open(t, configFor(w.url))
		refuse := guard(t.Context(), func() error { return fmt.Errorf("%w: the lease is too short", gateway.ErrGuard) })
		want := payment.Outcome{Kind: payment.NotExecuted, Reason: "not sent: the lease is too short"}
		require.Equal(t, want, client.Charge(refuse, charge()))
		require.Zero(t, w.bytes.Load(), "on a new connection")

		require.Equal(t, payment.Paid, client.Charge(t.Context(), charge()).Kind)
		before := w.bytes.Load()
		require.Equal(t, want, client.Charge(refuse, charge()))
		require.Equal(t, before, w.bytes.Load(), "on a kept connection")
		require.EqualValues(t, 1, w.requests.Load())
	})
	t.Run("once for each request, after dialling", func(t *testing.T) {
		w := newWire(t)
		client := open(t, configFor(w.url))
		asked := 0
		ctx := guard(t.Context(), func() error {
			asked++
			select {
			case <-w.first:
			case <-time.After(2 * time.Minute):
				return errors.New("asked before there was a connection")
			}
			if int(w.requests.Load()) != asked-1 {
				return errors.New("asked after the request was sent")
			}
			return nil
		})
		for range 3 {
			require.Equal(t, payment.Paid, client.Charge(ctx, charge()).Kind)
		}
		require.Equal(t, 3, asked)
		require.EqualValues(t, 3, w.requests.Load())
	})
	t.Run("not again in the middle of a long request", func(t *testing.T) {
		w := newWire(t)
		asked := 0
		ctx := guard(t.Context(), func() error {
			if asked++; asked > 1 {
				return errors.New("no")
			}
			return nil
		})
		long := charge()
		long.Description = strings.Repeat("long ", 100_000)
		require.Equal(t, payment.Paid, open(t, configFor(w.url)).Charge(ctx, long).Kind)
		require.Equal(t, 1, asked)
	})
	t.Run("a look-up needs no leave", func(t *testing.T) {
		w := newWire(t)
		ctx := guard(t.Context(), func() error { return errors.New("no") })
		require.Equal(t, payment.Paid, open(t, configFor(w.url)).Find(ctx, charge(), "").Outcome.Kind)
	})
}

func TestRedirectIsNotFollowed(t *testing.T) {
	followed := atomic.Int32{}
	s := canned.Serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/elsewhere" {
			followed.Add(1)
		}
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	})
	client := open(t, configFor(s.URL))
	require.Equal(t, payment.InDoubt, client.Charge(t.Context(), charge()).Kind)
	require.Equal(t, payment.InDoubt, client.Find(t.Context(), charge(), "").Outcome.Kind)
	require.Zero(t, followed.Load())
}

func TestConnectionsAreKeptAndBounded(t *testing.T) {
	w := listen(t, func(w *wire, conn net.Conn, r *bufio.Reader) {
		for w.read(r) {
			answerPaid(conn)
		}
	})
	client := open(t, configFor(w.url))
	for range 10 { // between two waves all connections are idle, and none may be given up
		var wave sync.WaitGroup
		for range 20 {
			wave.Go(func() {
				if o := client.Charge(t.Context(), charge()); o.Kind != payment.Paid {
					t.Error(o.Reason)
				}
			})
		}
		wave.Wait()
	}
	require.EqualValues(t, 200, w.requests.Load())
	require.LessOrEqual(t, w.accepted.Load(), int32(4))
}

func TestWrapSeesEveryRequest(t *testing.T) {
	s := canned.Serve(t, canned.Reply(200, paymentJSON(payment.Succeeded, nil)))
	c := configFor(s.URL)
	var seen []string
	c.Wrap = func(next http.RoundTripper) http.RoundTripper {
		return canned.RoundTrip(func(r *http.Request) (*http.Response, error) {
			seen = append(seen, r.Method)
			return next.RoundTrip(r)
		})
	}
	client := open(t, c)
	require.Equal(t, payment.Paid, client.Charge(t.Context(), charge()).Kind)
	require.Equal(t, payment.Paid, client.Find(t.Context(), charge(), "").Outcome.Kind)
	require.Equal(t, []string{"POST", "GET"}, seen)
}
