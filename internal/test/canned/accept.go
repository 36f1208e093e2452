package canned

import (
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Accept starts a server of raw connections and returns its URL. It calls serve for each connection, with its number from 1, in a goroutine of
// its own, and closes the connection afterwards. It ends with t, after all of them.
func Accept(t *testing.T, serve func(n int, conn net.Conn)) (url string) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var all sync.WaitGroup
	all.Go(func() {
		for n := 1; ; n++ {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer func() { _ = conn.Close() }()
				serve(n, conn)
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		all.Wait()
	})
	return "http://" + l.Addr().String()
}
