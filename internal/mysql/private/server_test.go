package private

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestStartAndStop(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "run"), 0o755)) // by hand, open to all
	server := begin(t, Options{Dir: dir})
	require.Equal(t, "utf8mb4", ask(t, server, "SELECT @@character_set_server"))
	tell(t, server, "CREATE DATABASE shop", "CREATE TABLE shop.kept (n INT)", "INSERT INTO shop.kept VALUES (7)")
	for _, folder := range []string{"data", "run", "tmp"} {
		info, err := os.Stat(filepath.Join(dir, folder))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o700), info.Mode().Perm(), "%s is open to other users", folder)
	}
	group, err := syscall.Getpgid(server.Pid())
	require.NoError(t, err)
	require.Equal(t, server.Pid(), group, "an interrupt from the terminal would end the server first")

	end(t, server)
	require.Zero(t, running(t, dir))
	require.ErrorIs(t, syscall.Kill(server.Pid(), 0), syscall.ESRCH)
	ends(t, server.Done())
	end(t, server)

	again := begin(t, Options{Dir: dir})
	require.Equal(t, "7", ask(t, again, "SELECT n FROM shop.kept"))
}

func TestDurability(t *testing.T) {
	t.Parallel()
	server, err := Start(t.Context(), Options{Dir: newDir(t)})
	require.NoError(t, err)
	require.Equal(t, "1", ask(t, server, "SELECT @@innodb_flush_log_at_trx_commit"))
	require.Equal(t, "1", ask(t, server, "SELECT @@innodb_doublewrite"))
	end(t, server)
}

// What was committed outlives a killed server, even a fast one.
func TestKilledServerKeepsItsRows(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	server := begin(t, Options{Dir: dir})
	tell(t, server, "CREATE DATABASE shop", "CREATE TABLE shop.kept (n INT)", "INSERT INTO shop.kept VALUES (7)")
	signal(t, server.Pid(), syscall.SIGKILL)
	ends(t, server.Done())
	end(t, server)
	again := begin(t, Options{Dir: dir})
	require.Equal(t, "7", ask(t, again, "SELECT n FROM shop.kept"))
}

func TestFolders(t *testing.T) {
	t.Parallel()
	t.Run("relative", func(t *testing.T) {
		_, err := Start(t.Context(), Options{Dir: "data"})
		require.ErrorContains(t, err, "absolute")
		require.NoDirExists(t, "data")
	})
	t.Run("long, with spaces", func(t *testing.T) {
		parent := newDir(t)
		dir := filepath.Join(parent, strings.Repeat("long name ", 10), "and longer")
		server := begin(t, Options{Dir: dir})
		socket := server.folder.socket
		require.LessOrEqual(t, len(socket), longestSocket)
		info, err := os.Stat(filepath.Dir(socket))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
		require.Equal(t, dir+"/data/", ask(t, server, "SELECT @@datadir"))

		second := begin(t, Options{Dir: dir})
		require.Equal(t, server.Pid(), second.Pid())
		end(t, server)
		end(t, second)
		require.NoDirExists(t, filepath.Dir(socket))
		require.Zero(t, running(t, dir))
	})
	t.Run("two at once", func(t *testing.T) {
		one, two := begin(t, Options{Dir: newDir(t)}), begin(t, Options{Dir: newDir(t)})
		require.NotEqual(t, one.Pid(), two.Pid())
		for _, own := range []string{"@@datadir", "@@tmpdir", "@@socket"} {
			require.NotEqual(t, ask(t, one, "SELECT "+own), ask(t, two, "SELECT "+own), own)
		}
	})
	t.Run("left half made", func(t *testing.T) {
		dir := newDir(t)
		require.NoError(t, os.MkdirAll(filepath.Join(dir, "data.unfinished", "mysql"), 0o700))
		begin(t, Options{Dir: dir})
		require.NoDirExists(t, filepath.Join(dir, "data.unfinished"))
	})
}

func TestStartFails(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	t.Run("with the server's own words", func(t *testing.T) {
		_, err := Start(t.Context(), Options{Dir: dir, Args: []string{"--no-such-option"}})
		require.ErrorContains(t, err, "it ended at once")
		require.ErrorContains(t, err, "no-such-option")
		require.Zero(t, running(t, dir))
	})
	t.Run("and leaves no folder for the socket", func(t *testing.T) {
		long := filepath.Join(dir, strings.Repeat("long", 30))
		_, err := Start(t.Context(), Options{Dir: long, Args: []string{"--no-such-option"}})
		require.Error(t, err)
		require.NoFileExists(t, filepath.Join(long, "run", "socket"))
	})
	t.Run("when the caller gives up", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := Start(ctx, Options{Dir: dir})
		require.ErrorIs(t, err, context.Canceled)
		require.Zero(t, running(t, dir))
	})
	t.Run("without its program", func(t *testing.T) {
		_, err := MySQL(dir)
		require.ErrorIs(t, err, errNoProgram)
	})
	begin(t, Options{Dir: dir})
}

func TestArgsWin(t *testing.T) {
	t.Parallel()
	server := begin(t, Options{Dir: newDir(t), Args: []string{"--max-allowed-packet=1M"}})
	require.Equal(t, "1048576", ask(t, server, "SELECT @@max_allowed_packet"))
}
