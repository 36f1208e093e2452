package canned

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
)

// Broken is a server that keeps its connections, and closes one that brings it a request of a kind, without an answer.
type Broken struct {
	// URL is its address.
	URL string
	// Dropped counts the requests that were not answered, and Connections the connections.
	Dropped, Connections atomic.Int32
}

// Break starts a server that does not answer what drop says, and any other request with a status and a body. It ends with t, after the
// clients that are closed by then.
func Break(t *testing.T, drop func(*http.Request) bool, status int, body string) *Broken {
	t.Helper()
	b := &Broken{}
	b.URL = Accept(t, func(_ int, conn net.Conn) {
		b.Connections.Add(1)
		b.serve(conn, drop, status, body)
	})
	return b
}

func (b *Broken) serve(conn net.Conn, drop func(*http.Request) bool, status int, body string) {
	for in := bufio.NewReader(conn); ; {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		if drop(r) {
			b.Dropped.Add(1)
			return
		}
		_, _ = fmt.Fprintf(conn, "HTTP/1.1 %d %s\r\nContent-Length: %d\r\n\r\n%s", status, http.StatusText(status), len(body), body)
	}
}
