package exchange

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
)

var errSealed = errors.New("no more may be written to this connection")

// socket is a network connection that asks before the first byte of a request is written, and knows whether
// one was, and whether anything has come that nobody has read.
type socket struct {
	net.Conn

	// Of the goroutine that reads.
	wire    syscall.RawConn // nil: it cannot be read without waiting
	records *records        // nil: it carries no TLS
	atOnce  bool            // reading does not wait
	empty   bool            // since the last look, nothing more has come
	one     [1]byte

	mu     sync.Mutex
	allow  func() error // asked before the next write; nil: asked already, or nobody to ask
	wrote  bool         // since the last begin
	sealed bool
}

func newSocket(c net.Conn, secure bool) *socket {
	s := &socket{Conn: c}
	if raw, ok := c.(syscall.Conn); ok {
		s.wire, _ = raw.SyscallConn()
	}
	if secure {
		s.records = &records{}
	}
	return s
}

// silent reports whether nothing has come that nobody has read, neither the end of the connection nor an answer. from is s, or the TLS
// connection over it: TLS reads ahead, so that an answer may be with it already, and what it keeps to itself, as session tickets, is no
// answer.
func (s *socket) silent(from io.Reader) bool {
	if s.wire == nil {
		return true
	}
	s.atOnce, s.empty = true, false
	n, _ := from.Read(s.one[:])
	s.atOnce = false
	return n == 0 && s.empty && (s.records == nil || s.records.whole())
}

// Read implements net.Conn.
func (s *socket) Read(b []byte) (n int, err error) {
	if s.atOnce {
		n, err = s.readAtOnce(b)
	} else {
		n, err = s.Conn.Read(b)
	}
	if s.records != nil {
		s.records.follow(b[:n])
	}
	return n, err
}

// readAtOnce reads what has come. Its error is os.ErrDeadlineExceeded if nothing has: TLS can be read on after that.
func (s *socket) readAtOnce(b []byte) (n int, err error) {
	closed := s.wire.Read(func(fd uintptr) bool {
		n, err = syscall.Read(int(fd), b)
		return true // whatever has come: it does not wait
	})
	switch {
	case closed != nil:
		return 0, closed
	case errors.Is(err, syscall.EAGAIN):
		s.empty = true
		return 0, os.ErrDeadlineExceeded
	case err != nil:
		return 0, err
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

// records follows the records of TLS over a connection. Its zero value stands before the first.
type records struct {
	head []byte // of a record, as far as it has come
	left int    // bytes of the record's content that are still to come
}

const (
	recordHead   = 5 // the length of a record's head
	recordLength = 3 // where the length of its content begins
)

// follow goes on by what was read.
func (r *records) follow(b []byte) {
	for len(b) > 0 {
		if r.left > 0 {
			n := min(r.left, len(b))
			r.left, b = r.left-n, b[n:]
			continue
		}
		n := min(recordHead-len(r.head), len(b))
		r.head, b = append(r.head, b[:n]...), b[n:]
		if len(r.head) == recordHead {
			r.left, r.head = int(binary.BigEndian.Uint16(r.head[recordLength:])), r.head[:0]
		}
	}
}

// whole reports whether no record has come in part.
func (r *records) whole() bool { return len(r.head) == 0 && r.left == 0 }

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
