package private

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFoldersOfOthers(t *testing.T) {
	t.Parallel()
	me, other := self(), self()
	other.uid += 4321
	dir := func(mode os.FileMode) string {
		d := filepath.Join(t.TempDir(), "run")
		require.NoError(t, os.Mkdir(d, 0o700))
		require.NoError(t, os.Chmod(d, mode))
		return d
	}
	require.NoError(t, me.closed(dir(0o700)))
	require.ErrorContains(t, me.closed(dir(0o701)), "chmod 700")
	require.ErrorContains(t, other.closed(dir(0o700)), "use a folder of your own")
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(dir(0o700), link))
	require.ErrorContains(t, me.closed(link), "is no folder")

	require.NoError(t, me.holds(dir(0o755)))
	require.NoError(t, me.holds(dir(0o775)), "a group of one's own")
	require.NoError(t, me.holds(dir(0o777|os.ModeSticky)), "as /tmp is")
	require.ErrorContains(t, me.holds(dir(0o777)), "chmod go-w")
	foreign := me
	foreign.gid += 4321
	require.ErrorContains(t, foreign.holds(dir(0o775)), "chmod go-w")
	if me.uid != 0 {
		require.ErrorContains(t, other.holds(dir(0o755)), "use a folder of your own")
	}
}

// A socket's folder that somebody else has made anew, or opened, is not used again.
func TestASocketsFolderOfOthers(t *testing.T) {
	t.Parallel()
	run := filepath.Join(t.TempDir(), "a-name-that-is-far-too-long-for-a-socket-of-unix-domain-as-every-system-has-them-since-the-eighties-of-the-last-century")
	require.NoError(t, os.Mkdir(run, 0o700))
	first, err := socketPath(run)
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(filepath.Dir(first)) })
	again, err := socketPath(run)
	require.NoError(t, err)
	require.Equal(t, first, again)

	require.NoError(t, os.Chmod(filepath.Dir(first), 0o777))
	other, err := socketPath(run)
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(filepath.Dir(other)) })
	require.NotEqual(t, first, other)
}
