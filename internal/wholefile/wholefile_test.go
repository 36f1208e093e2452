package wholefile_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/wholefile"
)

func mode(t *testing.T, file string) fs.FileMode {
	t.Helper()
	info, err := os.Lstat(file)
	require.NoError(t, err)
	return info.Mode()
}

// The umask belongs to the process, so that this test runs alone.
func TestANewFileObeysTheUmask(t *testing.T) {
	dir := t.TempDir()
	for umask, want := range map[int]fs.FileMode{0o022: 0o644, 0o077: 0o600, 0o002: 0o664} {
		old := syscall.Umask(umask)
		file := filepath.Join(dir, want.String())
		err := wholefile.Write(file, []byte("whole"))
		syscall.Umask(old)
		require.NoError(t, err)
		require.Equal(t, want, mode(t, file))
	}
	file := filepath.Join(dir, "kept")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	require.NoError(t, os.Chmod(file, 0o640))
	require.NoError(t, wholefile.Write(file, []byte("new")))
	require.Equal(t, fs.FileMode(0o640), mode(t, file), "one that is there keeps its rights")
}

// The umask belongs to the process, so that this test runs alone.
func TestAFixedModeIgnoresTheUmask(t *testing.T) {
	dir := t.TempDir()
	unreadable := filepath.Join(dir, "old")
	require.NoError(t, os.WriteFile(unreadable, nil, 0o600))
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	for _, file := range []string{filepath.Join(dir, "new"), unreadable} {
		require.NoError(t, wholefile.WriteMode(file, []byte("whole"), 0o644))
		require.Equal(t, fs.FileMode(0o644), mode(t, file))
	}
	require.NoError(t, wholefile.WriteMode("/dev/null", []byte("x"), 0o644))
}

func TestALinkStays(t *testing.T) {
	t.Parallel()
	dir, elsewhere := t.TempDir(), t.TempDir()
	for name, old := range map[string]bool{"to a file": true, "to none": false} {
		target := filepath.Join(elsewhere, name)
		if old {
			require.NoError(t, os.WriteFile(target, []byte("old"), 0o600))
		}
		first, second := filepath.Join(dir, name), filepath.Join(dir, name+" 2")
		require.NoError(t, os.Symlink(target, first))
		require.NoError(t, os.Symlink(filepath.Base(first), second))
		require.NoError(t, wholefile.Write(second, []byte("new")))
		for _, link := range []string{first, second} {
			require.NotZero(t, mode(t, link)&fs.ModeSymlink, link)
		}
		text, err := os.ReadFile(target)
		require.NoError(t, err)
		require.Equal(t, "new", string(text))
	}
	loop := filepath.Join(dir, "loop")
	require.NoError(t, os.Symlink(loop, loop))
	require.ErrorContains(t, wholefile.Write(loop, nil), "lead nowhere")
}

func TestWhatCannotBeWritten(t *testing.T) {
	t.Parallel()
	err := wholefile.Write("/dev/full", []byte("x"))
	require.EqualError(t, err, "write /dev/full: no space left on device")
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.NoError(t, wholefile.Write("/dev/null", []byte("x")))
	missing := filepath.Join(t.TempDir(), "none", "file")
	require.EqualError(t, wholefile.Write(missing, nil), "write "+missing+": no such file or directory")

	require.EqualError(t, wholefile.Check(missing), "write "+missing+": no such file or directory")
	require.ErrorContains(t, wholefile.Check("/proc/self/page.html"), "write /proc/self/page.html: ")
	require.NoError(t, wholefile.Check("/dev/null"))
	tried := filepath.Join(t.TempDir(), "page.html")
	require.NoError(t, wholefile.Check(tried))
	require.NoFileExists(t, tried, "it only tries")
	pipe := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	require.NoError(t, wholefile.Check(pipe))

	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "folder"), 0o700))
	require.Error(t, wholefile.Write(filepath.Join(dir, "folder"), nil))
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 1, "nothing unfinished is left behind")
}
