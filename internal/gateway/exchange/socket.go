package exchange

import (
	"crypto/tls"
	"errors"
	"net"
	"sync"
)

var errSealed = errors.New("no more may be written to this connection")

// socket is a network connection that asks before the first byte of a request is written, and knows whether
// one was.
type socket struct {
	net.Conn

	mu     sync.Mutex
	allow  func() error // asked before the next write; nil: asked already, or nobody to ask
	wrote  bool         // since the last begin
	sealed bool
}

// begin starts a request on s; allow may be nil.
func (s *socket) begin(allow func() error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.allow, s.wrote = allow, false
}

// seal lets nothing more be written and reports whether anything was since the request began. The answer is
// final: a write that comes later fails.
func (s *socket) seal() (wrote bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sealed = true
	return s.wrote
}

// Write implements net.Conn. It is the last function of ours before the kernel's.
func (s *socket) Write(b []byte) (int, error) {
	if err := s.mayWrite(); err != nil {
		return 0, err
	}
	return s.Conn.Write(b)
}

func (s *socket) mayWrite() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sealed {
		return errSealed
	}
	if s.allow != nil {
		if err := s.allow(); err != nil {
			s.sealed = true
			return err
		}
		s.allow = nil
	}
	s.wrote = true
	return nil
}

// socketOf finds our socket below what the transport calls its connection.
func socketOf(conn net.Conn) *socket {
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	s, _ := conn.(*socket)
	return s
}
