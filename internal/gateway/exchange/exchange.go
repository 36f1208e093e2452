package exchange

import (
	"context"
	"net/http/httptrace"
	"sync"

	"duly/internal/crash"
	"duly/internal/gateway"
)

// exchange follows one request to the socket.
type exchange struct {
	moves bool
	allow func() error // asked by the socket; nil: nobody is asked

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
	if s != nil {
		s.begin(e.allow)
	}
}

// check asks the guard of ctx.
func (e *exchange) check(ctx context.Context) error {
	crash.At(crash.BeforeCheck)
	if err := gateway.CheckGuard(ctx); err != nil {
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
