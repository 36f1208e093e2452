package private

import (
	"context"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestStarterKilled(t *testing.T) {
	t.Parallel()
	t.Run("the next start takes the server over", func(t *testing.T) {
		dir := newDir(t)
		first := startChild(t, dir)
		first.kill(t)
		require.Equal(t, first.server, running(t, dir), "the server went with its starter")

		server := begin(t, Options{Dir: dir})
		require.Equal(t, first.server, server.Pid())
		require.Equal(t, "1", ask(t, server, "SELECT 1"))
		end(t, server)
		require.Zero(t, running(t, dir))
		ends(t, server.Done())
	})
	t.Run("a server that does not answer is ended", func(t *testing.T) {
		dir := newDir(t)
		first := startChild(t, dir)
		first.kill(t)
		signal(t, first.server, syscall.SIGSTOP)

		server := begin(t, Options{Dir: dir, patience: 50 * time.Millisecond})
		require.NotEqual(t, first.server, server.Pid())
		require.Equal(t, "1", ask(t, server, "SELECT 1"))
	})
	t.Run("a tied server is replaced, not taken over", func(t *testing.T) {
		dir := newDir(t)
		first := startChild(t, dir)
		first.kill(t)
		server := begin(t, Options{Dir: dir, Tied: true})
		require.NotEqual(t, first.server, server.Pid())
	})
	t.Run("a tied server goes with its starter", func(t *testing.T) {
		if runtime.GOOS != "linux" {
			return // Options.Tied says that it is ignored elsewhere
		}
		dir := newDir(t)
		first := startChild(t, dir, childTied+"=yes")
		first.kill(t)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		require.NoError(t, gone(ctx, filepath.Join(dir, "data"), first.server, pollEvery))
	})
}

func TestShared(t *testing.T) {
	t.Parallel()
	t.Run("the last to stop ends it", func(t *testing.T) {
		dir := newDir(t)
		starter := startChild(t, dir)
		server := begin(t, Options{Dir: dir})
		require.Equal(t, starter.server, server.Pid())
		starter.finish(t)
		require.Equal(t, "1", ask(t, server, "SELECT 1"))
		end(t, server)
		require.Zero(t, running(t, dir))
	})
	t.Run("others keep it", func(t *testing.T) {
		dir := newDir(t)
		server := begin(t, Options{Dir: dir})
		guest := startChild(t, dir)
		end(t, server)
		require.Equal(t, guest.server, running(t, dir))
		guest.finish(t)
		require.Zero(t, running(t, dir))
		ends(t, server.Done())
	})
	t.Run("a guest that was killed does not count", func(t *testing.T) {
		dir := newDir(t)
		server := begin(t, Options{Dir: dir})
		startChild(t, dir).kill(t)
		end(t, server)
		require.Zero(t, running(t, dir))
	})
	t.Run("not when it is to be tied", func(t *testing.T) {
		dir := newDir(t)
		server := begin(t, Options{Dir: dir})
		_, err := Start(t.Context(), Options{Dir: dir, Tied: true})
		require.ErrorIs(t, err, errInUse)
		require.Equal(t, server.Pid(), running(t, dir))
	})
	t.Run("not when it died under somebody", func(t *testing.T) {
		dir := newDir(t)
		server := begin(t, Options{Dir: dir})
		guest := begin(t, Options{Dir: dir})
		signal(t, server.Pid(), syscall.SIGKILL)
		ends(t, server.Done())
		ends(t, guest.Done())
		_, err := Start(t.Context(), Options{Dir: dir})
		require.ErrorIs(t, err, errInUse)
		end(t, server)
		end(t, guest)
		begin(t, Options{Dir: dir})
	})
	t.Run("left running", func(t *testing.T) {
		dir := newDir(t)
		server := begin(t, Options{Dir: dir})
		server.Leave()
		end(t, server)
		require.Equal(t, server.Pid(), running(t, dir))
		require.Equal(t, server.Pid(), begin(t, Options{Dir: dir}).Pid())
	})
}

// Somebody who is starting or stopping the server is waited for.
func TestStartWaits(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	at, err := prepare(dir)
	require.NoError(t, err)
	busy, err := openLock(at.startLock())
	require.NoError(t, err)
	require.NoError(t, busy.try(true))

	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	_, err = Start(ctx, Options{Dir: dir})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "another process holds")

	started := make(chan *Server)
	go func() {
		server, err := Start(context.Background(), Options{Dir: dir, Fast: true})
		if err != nil {
			t.Error(err)
		}
		started <- server
	}()
	busy.release()
	server := <-started
	require.NotNil(t, server)
	require.NoError(t, server.Stop(context.Background()))
}
