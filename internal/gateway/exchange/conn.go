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

// maxHeaders limits the headers of an answer, together with all informational answers (1xx) before it, in bytes.
const maxHeaders = 64 << 10

var errHeaders = fmt.Errorf("the headers of the answer are longer than %d KiB", maxHeaders>>10)

// past is a deadline that ends pending reads and writes.
var past = time.Unix(1, 0) //nolint:gochecknoglobals // a constant instant

// conn is a connection of a [transport]. It carries one request at a time, and one goroutine at a time uses it.
type conn struct {
	net.Conn // the TLS connection, or the socket itself

	pool    *transport
	socket  *socket      // below TLS
	request bytes.Buffer // encoded, so that one write sends it
	r       *bufio.Reader
	limit   int64     // how many more bytes may be read
	readErr error     // of the last read
	idleAt  time.Time // when the last request ended
}

func newConn(pool *transport, c net.Conn, s *socket) *conn {
	made := &conn{Conn: c, pool: pool, socket: s, limit: math.MaxInt64}
	made.r = bufio.NewReader(limited{made})
	return made
}

// limited reads from a connection, up to its limit.
type limited struct{ *conn }

// Read implements [io.Reader].
func (l limited) Read(b []byte) (int, error) {
	if l.limit <= 0 {
		return 0, errHeaders
	}
	n, err := l.Conn.Read(b[:min(int64(len(b)), l.limit)])
	l.limit -= int64(n)
	l.readErr = err
	return n, err
}

// usable reports whether an idle connection can carry a request: it was idle for at most [idleConnection], the service has not closed it, and no
// unexpected bytes have arrived. The service may still close it before the request arrives; the charge is in doubt then.
func (c *conn) usable() bool {
	return c.pool.now().Sub(c.idleAt) <= idleConnection && c.readErr == nil && c.r.Buffered() == 0 && c.socket.quiet(c.Conn)
}

// exchange writes a request and reads the status line and headers of its answer. Reading the body to its end returns the connection to the pool.
func (c *conn) exchange(ctx context.Context, until time.Time, trace *httptrace.ClientTrace, req *http.Request) (*http.Response, error) {
	_ = c.SetDeadline(until) // a connection that takes none is broken
	b := &body{conn: c, stop: context.AfterFunc(ctx, func() { _ = c.SetDeadline(past) })}
	answered := false
	defer func() {
		if !answered { // also when the guard panics: the slot must not be kept for ever
			b.end(false)
		}
	}()
	resp, err := c.ask(ctx, until, trace, req)
	if err != nil {
		return nil, err
	}
	answered, b.keep = true, !resp.Close && !req.Close && resp.StatusCode >= http.StatusOK
	if b.ReadCloser = resp.Body; resp.Body == http.NoBody {
		b.end(true)
		return resp, nil
	}
	resp.Body = b
	return resp, nil
}

// ask writes a request once and reads the status line and headers of its answer.
func (c *conn) ask(ctx context.Context, until time.Time, trace *httptrace.ClientTrace, req *http.Request) (*http.Response, error) {
	if err := ended(ctx, until); err != nil {
		return nil, err // it ended during the wait for a connection
	}
	c.request.Reset()
	// Request.Write would call the hooks of the context before anything is sent.
	if err := req.WithContext(context.Background()).Write(&c.request); err != nil {
		return nil, err
	}
	n, writeErr := c.Write(c.request.Bytes())
	if trace != nil && trace.WroteRequest != nil {
		trace.WroteRequest(httptrace.WroteRequestInfo{Err: writeErr})
	}
	if writeErr == nil {
		return c.answer(req)
	}
	if n > 0 && (errors.Is(writeErr, syscall.EPIPE) || errors.Is(writeErr, syscall.ECONNRESET)) {
		// A service may answer before it has read the whole request, and close the connection. Without a byte sent there is no answer to read.
		if resp, err := c.answer(req); err == nil {
			resp.Close = true
			return resp, nil
		}
	}
	return nil, writeErr
}

// answer reads the status line and headers of an answer.
func (c *conn) answer(req *http.Request) (*http.Response, error) {
	c.limit = maxHeaders
	defer func() { c.limit = math.MaxInt64 }()
	for {
		resp, err := http.ReadResponse(c.r, req)
		switch {
		case err != nil && c.limit <= 0:
			return nil, errHeaders
		case err != nil:
			return nil, err
		case resp.StatusCode < http.StatusContinue || resp.StatusCode >= http.StatusOK || resp.StatusCode == http.StatusSwitchingProtocols:
			return resp, nil
		}
	}
}

// body is the body of an answer. Reading it to its end returns the connection to the pool.
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

// Close implements [io.Closer]. It closes the connection, unless the body was read to its end.
func (b *body) Close() error {
	b.end(false)
	return nil
}

// end returns the connection to the pool, or closes it, and frees its slot. whole: the body was read to its end.
func (b *body) end(whole bool) {
	if b.done {
		return
	}
	b.done = true
	switch {
	case b.stop() && whole && b.keep:
		_ = b.conn.SetDeadline(time.Time{})
		b.conn.pool.put(b.conn)
	case whole:
		_ = b.conn.Close()
	default:
		_ = b.conn.socket.Close() // not TLS's Close, which would write an alert, and wait
	}
	<-b.conn.pool.slots
}
