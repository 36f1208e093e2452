package exchange

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/gateway"
	"duly/internal/test/canned"
)

// service is a server with prepared answers for each of its connections.
type service struct {
	url      string
	accepted atomic.Int32
}

// listen answers the requests of connection n with answers[n-1], later ones with the last of answers, and closes each after its last answer.
func listen(t *testing.T, answers ...[]string) *service {
	t.Helper()
	s := &service{}
	s.url = canned.Accept(t, func(n int, conn net.Conn) {
		s.accepted.Add(1)
		r := bufio.NewReader(conn)
		for _, answer := range answers[min(n, len(answers))-1] {
			req, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, req.Body)
			_, _ = io.WriteString(conn, answer)
		}
	})
	return s
}

func said(body string) string {
	return "HTTP/1.1 200 OK\r\nContent-Length: " + string(rune('0'+len(body))) + "\r\n\r\n" + body
}

// clock is a clock that tests advance.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func dial(t *testing.T, url string) (*Client, *clock) {
	t.Helper()
	at := &clock{time.Date(2026, time.January, 31, 3, 0, 0, 0, time.UTC)}
	c := New(Config{Base: url, Timeout: 5 * time.Second, ConnectTimeout: time.Second, MaxConns: 2, Now: at.now})
	t.Cleanup(c.Close)
	return c, at
}

func post(t *testing.T, c *Client) Answer {
	t.Helper()
	return c.Send(t.Context(), Request{Method: http.MethodPost, Target: "/", Template: "/", Moves: true, Body: []byte("{}")})
}

// idle waits until the idle connection has received bytes or was closed.
func idle(t *testing.T, c *Client) {
	t.Helper()
	require.Eventually(t, func() bool {
		c.transport.mu.Lock()
		defer c.transport.mu.Unlock()
		return len(c.transport.idle) == 1 && !c.transport.idle[0].usable()
	}, 5*time.Second, time.Millisecond)
}

// An unexpected answer would be taken for that of the next charge.
func TestWhatComesUnaskedIsNoAnswer(t *testing.T) {
	t.Parallel()
	for name, first := range map[string][]string{
		"at once":             {said("one") + said("two"), said("never")},
		"more than announced": {said("one") + "!", said("never")},
		"the end":             {said("one")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := listen(t, first, []string{said("three")})
			c, _ := dial(t, s.url)
			require.Equal(t, "one", string(post(t, c).Body))
			idle(t, c)
			a := post(t, c)
			require.NoError(t, a.Err)
			require.Equal(t, "three", string(a.Body))
			require.EqualValues(t, 2, s.accepted.Load())
		})
	}
}

// Bytes that arrive later than the answer are found at the socket.
func TestWhatComesLaterIsNoAnswer(t *testing.T) {
	t.Parallel()
	later := make(chan struct{})
	var accepted atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if accepted.Add(1) > 1 {
			_, _ = io.WriteString(w, "three")
			return
		}
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = conn.Close() }()
		_, _ = io.WriteString(conn, said("one"))
		<-later
		_, _ = io.WriteString(conn, said("two"))
	}))
	defer s.Close()
	c, _ := dial(t, s.URL)
	require.Equal(t, "one", string(post(t, c).Body))
	require.True(t, c.transport.idle[0].usable(), "nothing has come yet")
	close(later)
	idle(t, c)
	require.Equal(t, "three", string(post(t, c).Body))
}

func TestWhichConnectionsAreKept(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answer      string
		body        string
		connections int32
	}{
		"a length":            {said("yes"), "yes", 1},
		"no body":             {"HTTP/1.1 204 No Content\r\n\r\n", "", 1},
		"in pieces":           {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nyes\r\n0\r\n\r\n", "yes", 1},
		"informal answers":    {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + said("yes"), "yes", 1},
		"signs of life":       {strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", 60) + said("yes"), "yes", 1},
		"no known status":     {"HTTP/1.1 099 Odd\r\nContent-Length: 3\r\n\r\nyes", "yes", 2},
		"it is to be closed":  {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n\r\nyes", "yes", 2},
		"an old protocol":     {"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nyes", "yes", 2},
		"another protocol":    {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: other\r\nConnection: Upgrade\r\n\r\n", "", 2},
		"longer than allowed": {said("too long"), "", 2},
		"with more to come":   {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n12345", "", 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := listen(t, []string{tc.answer, tc.answer, tc.answer})
			c, _ := dial(t, s.url)
			for range 2 {
				a := c.Send(t.Context(), Request{Method: http.MethodGet, Target: "/", Template: "/", Most: 4})
				if tc.body == "" && tc.connections == 2 && a.Status == http.StatusOK {
					require.ErrorIs(t, a.Err, ErrTooLong)
					continue
				}
				require.NoError(t, a.Err)
				require.Equal(t, tc.body, string(a.Body))
			}
			require.Equal(t, tc.connections, s.accepted.Load())
		})
	}
}

func TestAnswersWithoutEnd(t *testing.T) {
	t.Parallel()
	informal := "HTTP/1.1 102 Processing\r\n\r\n"
	s := listen(t, []string{strings.Repeat(informal, maxHeaders/len(informal)+1) + said("yes")})
	c, _ := dial(t, s.url)
	a := post(t, c)
	require.ErrorIs(t, a.Err, errHeaders)
	require.True(t, a.Left)
}

// A service that refuses a request need not read it.
func TestAnAnswerBeforeTheRequestIsWhole(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answer string
		status int
		why    string
	}{
		"an answer":    {"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n", http.StatusTooManyRequests, ""},
		"no answer":    {"", 0, "connection reset"},
		"a part of it": {"HTTP/1.1 429", 0, "connection reset"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := canned.Accept(t, func(_ int, conn net.Conn) {
				_, _ = conn.Read(make([]byte, 1))
				_, _ = io.WriteString(conn, tc.answer) // closing resets the connection, with so much unread
			})
			c, _ := dial(t, url)
			a := c.Send(t.Context(), Request{Method: http.MethodPost, Target: "/", Template: "/", Moves: true, Body: make([]byte, 16<<20)})
			require.True(t, a.Left)
			require.Equal(t, tc.status, a.Status)
			require.Equal(t, tc.why, a.Why)
			require.Empty(t, c.transport.idle)
		})
	}
}

// An answer that is one byte too long is read to its end: its connection may carry the next request at once, so that it must not be sealed.
func TestAnAnswerThatIsTooLongAndWhole(t *testing.T) {
	t.Parallel()
	s := listen(t, []string{said("yes"), said("yes"), said("no")})
	c, _ := dial(t, s.url)
	for range 2 {
		a := c.Send(t.Context(), Request{Method: http.MethodPost, Target: "/", Template: "/", Moves: true, Body: []byte("{}"), Most: 2})
		require.ErrorIs(t, a.Err, ErrTooLong)
		require.True(t, a.Left)
	}
	require.Equal(t, "no", string(post(t, c).Body))
	require.EqualValues(t, 1, s.accepted.Load())
}

// A connection whose request's context has ended is not used again: its deadline is in the past.
func TestConnectionsOfEndedContextsAreClosed(t *testing.T) {
	t.Parallel()
	s := listen(t, []string{said("one")}, []string{said("two")})
	c, _ := dial(t, s.url)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	require.NoError(t, err)
	resp, err := c.transport.RoundTrip(req)
	require.NoError(t, err)
	cancel()
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body) // it has arrived with the headers
	require.NoError(t, err)
	require.Equal(t, "one", string(answer))
	require.Empty(t, c.transport.idle)
	require.Equal(t, "two", string(post(t, c).Body))
}

// An answer that ends before its announced length is none, however well what there is of it reads, and its connection is not used again.
func TestAnAnswerThatIsCutShort(t *testing.T) {
	t.Parallel()
	s := listen(t, []string{"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{}"}, []string{said("two")})
	c, _ := dial(t, s.url)
	a := post(t, c)
	require.ErrorIs(t, a.Err, io.ErrUnexpectedEOF)
	require.True(t, a.Left)
	require.Equal(t, "two", string(post(t, c).Body))
	require.EqualValues(t, 2, s.accepted.Load())
}

// deadlines records the deadlines that a connection was given.
type deadlines struct {
	net.Conn

	set []time.Time
}

func (d *deadlines) SetDeadline(t time.Time) error {
	d.set = append(d.set, t)
	return d.Conn.SetDeadline(t)
}

// A connection goes back to the pool without the deadline of its last exchange, which would end the next one.
func TestIdleConnectionsHaveNoDeadline(t *testing.T) {
	t.Parallel()
	s := listen(t, []string{said("one"), said("two")})
	c, _ := dial(t, s.url)
	req, err := http.NewRequest(http.MethodGet, s.url, nil)
	require.NoError(t, err)
	fresh, err := c.transport.dial(t.Context(), address(t, s.url))
	require.NoError(t, err)
	recorded := &deadlines{Conn: fresh.Conn}
	fresh.Conn = recorded
	c.transport.slots <- struct{}{}
	until := time.Now().Add(time.Minute)
	resp, err := fresh.exchange(t.Context(), until, nil, req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	require.Equal(t, []time.Time{until}, recorded.set)
	answer, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, "one", string(answer))
	require.Equal(t, []time.Time{until, {}}, recorded.set)
	require.Equal(t, "two", string(post(t, c).Body))
	require.EqualValues(t, 1, s.accepted.Load(), "by the same connection")
}

// A caller's own deadline calls an exchange off: the service has not failed.
func TestTheDeadlineOfTheCaller(t *testing.T) {
	t.Parallel()
	for name, wrapped := range map[string]bool{"alone": false, "wrapped": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, _ := dial(t, canned.Accept(t, func(_ int, conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }))
			if wrapped {
				c.sender = c.transport
			}
			for range 50 {
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
				a := c.Send(ctx, Request{Method: http.MethodPost, Target: "/", Template: "/", Moves: true, Body: []byte("{}")})
				cancel()
				require.True(t, a.CalledOff)
				require.Equal(t, "called off", a.Why)
			}
		})
	}
}

// late is a context whose deadline has passed and whose timer has not fired yet.
type late struct{ context.Context } //nolint:containedctx // it is one

func (late) Deadline() (time.Time, bool) { return time.Now().Add(-time.Microsecond), true }

// A socket that goes by the deadline of a caller may pass it before the caller's context ends: that is no failure of the service either.
func TestADeadlineThatTheSocketPassesFirst(t *testing.T) {
	t.Parallel()
	c, _ := dial(t, canned.Accept(t, func(_ int, conn net.Conn) { _ = conn.Close() }))
	a := c.Send(late{t.Context()}, Request{Method: http.MethodPost, Target: "/", Template: "/", Moves: true, Body: []byte("{}")})
	require.Error(t, a.Err)
	require.True(t, a.CalledOff)
	require.Equal(t, "called off", a.Why)
	require.False(t, c.Send(t.Context(), Request{Method: http.MethodPost, Target: "/", Template: "/", Moves: true, Body: []byte("{}")}).CalledOff)
}

// An exchange that must have ended while it waited for its connection sends nothing.
func TestTimedOutBeforeItIsWritten(t *testing.T) {
	t.Parallel()
	s := listen(t, []string{said("one")})
	c, _ := dial(t, s.url)
	req, err := http.NewRequest(http.MethodGet, s.url, nil)
	require.NoError(t, err)
	fresh, err := c.transport.dial(t.Context(), address(t, s.url))
	require.NoError(t, err)
	c.transport.slots <- struct{}{}
	resp, err := fresh.exchange(t.Context(), time.Now(), nil, req) //nolint:bodyclose // there is none
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Nil(t, resp)
	require.False(t, fresh.socket.wrote)
	require.Empty(t, c.transport.slots)
}

// A connection that was idle for more than a minute is not used again: a firewall may have dropped it.
func TestOldConnectionsAreClosed(t *testing.T) {
	t.Parallel()
	s := listen(t, []string{said("one"), said("two"), said("three")})
	c, at := dial(t, s.url)
	for range 2 {
		require.NoError(t, post(t, c).Err)
		at.at = at.at.Add(idleConnection)
	}
	require.EqualValues(t, 1, s.accepted.Load())
	at.at = at.at.Add(1)
	require.NoError(t, post(t, c).Err)
	require.EqualValues(t, 2, s.accepted.Load())

	old := c.transport.pop()
	require.NotNil(t, old)
	c.transport.put(old)
	at.at = at.at.Add(idleConnection + 1)
	newer, err := c.transport.dial(t.Context(), address(t, s.url))
	require.NoError(t, err)
	c.transport.put(newer)
	require.Equal(t, []*conn{newer}, c.transport.idle, "returning a connection closes the old ones")
	_, err = old.Conn.Read(make([]byte, 1))
	require.ErrorIs(t, err, net.ErrClosed)
}

func TestHeadersThatCannotBeSent(t *testing.T) {
	t.Parallel()
	s := listen(t, nil)
	c, _ := dial(t, s.url)
	for _, h := range []http.Header{{"Key": {"a\r\nOther: b"}}, {"Bad Name": {"a"}}} {
		a := c.Send(t.Context(), Request{Method: http.MethodPost, Target: "/", Template: "/", Header: h, Body: []byte("{}")})
		require.ErrorContains(t, a.Err, "invalid header")
		require.False(t, a.Left)
	}
	require.Zero(t, s.accepted.Load())
}

func TestGuardIsAskedBelowTLS(t *testing.T) {
	t.Parallel()
	var requests atomic.Int32
	s := serveTLS(t, tls.VersionTLS13, func(http.ResponseWriter, *http.Request) { requests.Add(1) })
	c := dialTLS(t, s)
	require.Equal(t, http.StatusOK, post(t, c).Status)
	no := errors.New("no")
	for range 2 {
		a := c.Send(gateway.WithGuard(t.Context(), gateway.Guard{Check: func() error { return no }}), Request{Method: http.MethodPost, Target: "/", Template: "/", Moves: true, Body: []byte("{}")})
		require.ErrorIs(t, a.Refused, no)
		require.False(t, a.Left)
	}
	require.Equal(t, http.StatusOK, post(t, c).Status)
	require.EqualValues(t, 2, requests.Load())
}

// A service that accepts connections and sends nothing times out after ConnectTimeout, and no request has left.
// A guard that panics takes no connection along: the pool would be empty after a few of them.
func TestAGuardThatPanicsKeepsNoConnection(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "one") }))
	t.Cleanup(s.Close)
	c, _ := dial(t, s.URL)
	panics := gateway.WithGuard(t.Context(), gateway.Guard{Check: func() error { panic("guard") }})
	for range 3 {
		require.PanicsWithValue(t, "guard", func() {
			c.Send(panics, Request{Method: http.MethodPost, Target: "/", Template: "/", Moves: true, Body: []byte("{}")})
		})
		require.Empty(t, c.transport.slots)
	}
	require.Equal(t, "one", string(post(t, c).Body))
}

func TestHandshakeTakesTooLong(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	c := New(Config{Base: "https://" + l.Addr().String(), Timeout: 5 * time.Second, ConnectTimeout: 20 * time.Millisecond, MaxConns: 1, Now: time.Now})
	defer c.Close()
	a := post(t, c)
	require.Equal(t, "timed out connecting after 20ms", a.Why)
	require.False(t, a.Left)
}

func address(t *testing.T, base string) *url.URL {
	t.Helper()
	u, err := url.Parse(base)
	require.NoError(t, err)
	return u
}
