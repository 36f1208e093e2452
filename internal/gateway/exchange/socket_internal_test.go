package exchange

import (
	"errors"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSocket(t *testing.T) {
	newSocket := func(t *testing.T) *socket {
		t.Helper()
		here, there := net.Pipe()
		var drained sync.WaitGroup
		drained.Go(func() { _, _ = io.Copy(io.Discard, there) })
		s := &socket{Conn: here}
		t.Cleanup(func() {
			_ = s.Close()
			drained.Wait()
			_ = there.Close()
		})
		return s
	}
	write := func(s *socket) error {
		_, err := s.Write([]byte("x"))
		return err
	}
	t.Run("sealed, it writes no more", func(t *testing.T) {
		s := newSocket(t)
		s.begin(nil)
		require.False(t, s.seal(), "nothing written yet")
		require.ErrorIs(t, write(s), errSealed)
		require.False(t, s.seal())
	})
	t.Run("a refusal stands", func(t *testing.T) {
		s := newSocket(t)
		no := errors.New("no")
		s.begin(func() error { return no })
		require.ErrorIs(t, write(s), no)
		no = nil
		require.ErrorIs(t, write(s), errSealed)
		require.False(t, s.seal())
	})
	t.Run("each request counts its own bytes", func(t *testing.T) {
		s := newSocket(t)
		s.begin(nil)
		require.NoError(t, write(s))
		s.begin(nil)
		require.False(t, s.seal())
	})
	t.Run("what was written is remembered", func(t *testing.T) {
		s := newSocket(t)
		s.begin(func() error { return nil })
		require.NoError(t, write(s))
		require.True(t, s.seal())
	})
}
