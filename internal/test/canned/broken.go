package canned

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
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
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	b := &Broken{URL: "http://" + l.Addr().String()}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			b.Connections.Add(1)
			all.Go(func() { b.serve(conn, drop, status, body) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		all.Wait()
	})
	return b
}

func (b *Broken) serve(conn net.Conn, drop func(*http.Request) bool, status int, body string) {
	defer func() { _ = conn.Close() }()
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
