package httpapi

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync"
	"time"

	"duly/internal/crash"
	"duly/internal/gateway"
)

// The longest answers that are read, in bytes: of a page of payments, and any other.
const (
	maxPage = 8 << 20
	maxBody = 1 << 20
)

var errTooLong = errors.New("the answer is too long")

// request is what the methods of Client differ in.
type request struct {
	method string
	path   string   // one of the contract's
	value  string   // of the {name} in path
	query  string   // encoded; empty: none
	id     string   // X-Request-ID
	key    string   // Idempotency-Key, on every POST
	body   []byte   // of a POST, never empty
	known  []string // ids that may stand in texts as they are
	hidden []string // the payment method and its second identifier, to be kept out of texts
	// customer is whom it is about, to be kept out of texts too; one: it is about one, known or not.
	customer string
	one      bool
	most     int64 // bytes of the answer; 0: maxBody
}

// target is what the request asks for, below the service's address.
func (r request) target() string {
	target := fill(r.path, r.value)
	if r.query != "" {
		target += "?" + r.query
	}
	return target
}

// answer is what became of one request.
type answer struct {
	// left: a byte of the request may have been sent.
	left bool
	// refused is the guard's word that kept the request from leaving.
	refused error
	// err: there is no whole answer; why says it to people.
	err error
	why string
	// calledOff: because the caller's context ended.
	calledOff bool

	status      int
	notExecuted bool          // the header Not-Executed: true
	retryAfter  time.Duration // 0: none
	mediaType   string        // as the answer names it; empty: it does not
	body        []byte
	clean       cleaner
	// mute: it is not known whom a message may name, so that none is told.
	mute bool
}

// send makes one exchange. A POST moves money: the guard of ctx is asked at the socket before its first
// byte, and it is written once at most.
func (c *Client) send(ctx context.Context, r request) answer {
	parent := ctx
	ctx, cancel := context.WithTimeout(gateway.WithTemplate(ctx, r.path), c.config.Timeout)
	defer cancel()

	a := answer{clean: cleaner{c.config.Token, c.secret, append([]string{r.customer}, r.hidden...), r.known}, mute: r.one && r.customer == ""}
	line := &exchange{moves: r.method == http.MethodPost, guard: func() error { return gateway.CheckGuard(parent) }}
	req, err := c.request(httptrace.WithClientTrace(ctx, line.trace()), r, line.moves)
	if err != nil {
		a.err, a.why = err, "the request cannot be built"
		return a
	}

	// Not http.Client: it would follow redirects.
	resp, err := c.sender.RoundTrip(req)
	if err == nil {
		defer func() { _ = resp.Body.Close() }()
		a.status = resp.StatusCode
		a.mediaType = resp.Header.Get("Content-Type")
		a.notExecuted = resp.Header.Get("Not-Executed") == "true"
		a.retryAfter = retryAfter(resp.Header.Get("Retry-After"), c.config.Now())
		a.body, err = readAll(resp.Body, resp.ContentLength, cmp.Or(r.most, maxBody))
	}
	a.left, a.refused = true, line.refusal()
	if err != nil {
		a.left = line.end()
		a.err, a.why, a.calledOff = err, a.clean.text(c.reason(parent, ctx, err)), parent.Err() != nil
	}
	if line.moves && a.left {
		crash.At(crash.Answered)
	}
	return a
}

// largestGuess is how many bytes of room are made at most for an answer by what it says of its length.
const largestGuess = 64 << 10

// readAll reads a body of at most so many bytes to its end, for a connection is used again only then. said is how long it says that it is;
// whatever it says, it is read to its end.
func readAll(body io.Reader, said, most int64) ([]byte, error) {
	b := bytes.NewBuffer(make([]byte, 0, min(max(said, 0), largestGuess)+bytes.MinRead))
	_, err := b.ReadFrom(io.LimitReader(body, most+1))
	if err == nil && int64(b.Len()) > most {
		err = errTooLong
	}
	return b.Bytes(), err
}

// exchange follows one request to the socket. The hooks run in goroutines of the transport.
type exchange struct {
	moves bool
	guard func() error

	mu      sync.Mutex
	begun   bool
	socket  *socket // nil, once begun: a connection that is not ours to ask
	refused error
}

func (e *exchange) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) { e.begin(socketOf(info.Conn)) },
		WroteRequest: func(info httptrace.WroteRequestInfo) {
			if e.moves && info.Err == nil {
				crash.At(crash.AfterSend)
			}
		},
	}
}

// begin is called when the request was given its connection, and has written nothing yet.
func (e *exchange) begin(s *socket) {
	e.mu.Lock()
	e.begun, e.socket = true, s
	e.mu.Unlock()
	switch {
	case s == nil:
	case e.moves:
		s.begin(e.allow)
	default:
		s.begin(nil)
	}
}

// allow is asked by the socket.
func (e *exchange) allow() error {
	crash.At(crash.BeforeCheck)
	if err := e.guard(); err != nil {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.refused = err
		return err
	}
	crash.At(crash.BeforeSend)
	return nil
}

// end makes sure that nothing of the request is written any more, and reports whether anything was.
func (e *exchange) end() (left bool) {
	e.mu.Lock()
	begun, s := e.begun, e.socket
	e.mu.Unlock()
	return begun && (s == nil || s.seal())
}

func (e *exchange) refusal() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.refused
}
