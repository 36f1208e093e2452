package exchange

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptrace"
	"syscall"
	"time"
)

// maxHeaders are the bytes of the headers of an answer, and of all informational answers (1xx) before it.
const maxHeaders = 64 << 10

var errHeaders = fmt.Errorf("the headers of the answer are longer than %d KiB", maxHeaders>>10)

// past is a deadline that ends what a connection waits for.
var past = time.Unix(1, 0) //nolint:gochecknoglobals // a constant instant

// conn is one connection of a pool, of one request at a time.
type conn struct {
	net.Conn // for reading and writing: TLS, or the socket itself

	pool  *transport
	wire  *socket      // below it
	out   bytes.Buffer // the request, so that it is written at once
	r     *bufio.Reader
	room  int64 // how much more may be read
	ended error // what reading has ended with
	since time.Time
}

func newConn(pool *transport, c net.Conn, s *socket) *conn {
	made := &conn{Conn: c, pool: pool, wire: s, room: math.MaxInt64}
	made.r = bufio.NewReader(limited{made})
	return made
}

// limited reads from a connection no more than there is room for.
type limited struct{ *conn }

// Read implements [io.Reader].
func (l limited) Read(b []byte) (int, error) {
	if l.room <= 0 {
		return 0, errHeaders
	}
	n, err := l.Conn.Read(b[:min(int64(len(b)), l.room)])
	l.room -= int64(n)
	l.ended = err
	return n, err
}

// usable reports whether an idle connection can carry a request: it is not old, and nothing has come over it since, neither its end nor an
// answer that nobody asked for. The service may close it in the next moment; a request that meets that is in doubt.
func (c *conn) usable() bool {
	return c.pool.now().Sub(c.since) <= idleConnection && c.ended == nil && c.r.Buffered() == 0 && c.wire.silent(c.Conn)
}

// exchange writes a request and reads the head of its answer, whose body gives the connection back to the pool.
func (c *conn) exchange(ctx context.Context, req *http.Request) (*http.Response, error) {
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(past) })
	resp, err := c.ask(ctx, req)
	b := &body{conn: c, stop: stop, keep: err == nil && !resp.Close && !req.Close && resp.StatusCode >= http.StatusOK}
	if err != nil {
		b.end(false)
		return nil, err
	}
	if b.ReadCloser = resp.Body; resp.Body == http.NoBody {
		b.end(true)
		return resp, nil
	}
	resp.Body = b
	return resp, nil
}

func (c *conn) ask(ctx context.Context, req *http.Request) (*http.Response, error) {
	if err := ctx.Err(); err != nil {
		return nil, err // it ended while a connection was waited for
	}
	c.out.Reset()
	// Without the hooks of the context: they would hear of a request that is not yet written.
	if err := req.WithContext(context.Background()).Write(&c.out); err != nil {
		return nil, err
	}
	n, broken := c.Write(c.out.Bytes())
	if trace := httptrace.ContextClientTrace(ctx); trace != nil && trace.WroteRequest != nil {
		trace.WroteRequest(httptrace.WroteRequestInfo{Err: broken})
	}
	if broken == nil {
		return c.answer(req)
	}
	if n > 0 && (errors.Is(broken, syscall.EPIPE) || errors.Is(broken, syscall.ECONNRESET)) {
		// A service may answer before it has read the request, and hang up. What comes before any of it is not asked for.
		if resp, err := c.answer(req); err == nil {
			resp.Close = true
			return resp, nil
		}
	}
	return nil, broken
}

// answer reads the head of an answer.
func (c *conn) answer(req *http.Request) (*http.Response, error) {
	c.room = maxHeaders
	defer func() { c.room = math.MaxInt64 }()
	for {
		resp, err := http.ReadResponse(c.r, req)
		switch {
		case err != nil && c.room <= 0:
			return nil, errHeaders
		case err != nil:
			return nil, err
		case resp.StatusCode < http.StatusContinue || resp.StatusCode >= http.StatusOK || resp.StatusCode == http.StatusSwitchingProtocols:
			return resp, nil
		}
	}
}

// body is that of an answer. Read to its end, it gives its connection back.
type body struct {
	io.ReadCloser

	conn *conn
	stop func() bool
	keep bool
	done bool
}

// Read implements [io.Reader].
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.end(errors.Is(err, io.EOF))
	}
	return n, err
}

// Close implements [io.Closer]. What was not read to its end is not read any more.
func (b *body) Close() error {
	b.end(false)
	return nil
}

// end gives the connection back, or closes it.
func (b *body) end(whole bool) {
	if b.done {
		return
	}
	b.done = true
	switch {
	case b.stop() && whole && b.keep:
		b.conn.pool.put(b.conn)
	case whole:
		_ = b.conn.Close()
	default:
		_ = b.conn.wire.Close() // without TLS's farewell, which would be written, and waited for
	}
	<-b.conn.pool.slots
}
