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

// socket is a network connection that checks the guard before the first byte of a request, records whether any byte was written, and can
// tell whether unread bytes have arrived.
type socket struct {
	net.Conn

	// Used by the reading goroutine alone.
	raw         syscall.RawConn // nil: it cannot be read without blocking
	arrived     arrived         // read from raw
	records     *records        // nil: the connection carries no TLS
	nonBlocking bool            // reads do not block
	drained     bool            // the last non-blocking read found nothing
	one         [1]byte

	mu     sync.Mutex
	allow  func() error // asked before the next write; nil: asked already, or nobody to ask
	wrote  bool         // since the last begin
	sealed bool
}

func newSocket(c net.Conn, secure bool) *socket {
	s := &socket{Conn: c}
	if raw, ok := c.(syscall.Conn); ok {
		s.raw, _ = raw.SyscallConn()
		s.arrived.read = s.arrived.now
	}
	if secure {
		s.records = &records{}
	}
	return s
}

// quiet reports whether the peer has neither closed the connection nor sent bytes that are still unread. from is s, or the TLS connection
// over it: TLS reads ahead and may already hold an answer, and it consumes session tickets, which are not answers.
func (s *socket) quiet(from io.Reader) bool {
	if s.raw == nil {
		return true
	}
	s.nonBlocking, s.drained = true, false
	n, _ := from.Read(s.one[:])
	s.nonBlocking = false
	return n == 0 && s.drained && (s.records == nil || s.records.atBoundary())
}

// Read implements net.Conn.
func (s *socket) Read(b []byte) (n int, err error) {
	if s.nonBlocking {
		n, err = s.readNonBlocking(b)
	} else {
		n, err = s.Conn.Read(b)
	}
	if s.records != nil {
		s.records.advance(b[:n])
	}
	return n, err
}

// readNonBlocking reads the bytes that have arrived. Without any it returns [os.ErrDeadlineExceeded], a temporary error, after which TLS can go on reading.
func (s *socket) readNonBlocking(b []byte) (n int, err error) {
	s.arrived.into = b
	closed := s.raw.Read(s.arrived.read)
	n, err = s.arrived.n, s.arrived.err
	switch {
	case closed != nil:
		return 0, closed
	case errors.Is(err, syscall.EAGAIN):
		s.drained = true
		return 0, os.ErrDeadlineExceeded
	case err != nil:
		return 0, err
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

// arrived is a read of the bytes that have arrived. It is made once for a socket, which is read so before each request.
type arrived struct {
	read func(fd uintptr) bool // now
	into []byte
	n    int
	err  error
}

// now reads, and does not wait.
func (a *arrived) now(fd uintptr) bool {
	a.n, a.err = syscall.Read(int(fd), a.into)
	return true
}

// records tracks the boundaries of TLS records in the bytes that were read. The zero value is at the start of a record.
type records struct {
	header    []byte // of the current record, as far as it was read
	remaining int    // unread bytes of the current record's content
}

const (
	recordHeader = 5 // bytes
	recordLength = 3 // offset of the content's length in the header
)

// advance moves on by b, the next bytes that were read.
func (r *records) advance(b []byte) {
	for len(b) > 0 {
		if r.remaining > 0 {
			n := min(r.remaining, len(b))
			r.remaining, b = r.remaining-n, b[n:]
			continue
		}
		n := min(recordHeader-len(r.header), len(b))
		r.header, b = append(r.header, b[:n]...), b[n:]
		if len(r.header) == recordHeader {
			r.remaining, r.header = int(binary.BigEndian.Uint16(r.header[recordLength:])), r.header[:0]
		}
	}
}

// atBoundary reports whether no record was read in part.
func (r *records) atBoundary() bool { return len(r.header) == 0 && r.remaining == 0 }

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
