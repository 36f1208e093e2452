package logfile_test

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/logfile"
)

// lines reads all lines of the file and of the older ones.
func lines(t *testing.T, dir string) map[string]int {
	t.Helper()
	all := map[string]int{}
	list, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, entry := range list {
		file, err := os.Open(filepath.Join(dir, entry.Name()))
		require.NoError(t, err)
		var from io.Reader = file
		if strings.HasSuffix(entry.Name(), ".gz") {
			from, err = gzip.NewReader(file)
			require.NoError(t, err)
		}
		scan := bufio.NewScanner(from)
		for scan.Scan() {
			all[scan.Text()]++
		}
		require.NoError(t, scan.Err())
		require.NoError(t, file.Close())
	}
	return all
}

// Several that share no more than the file's name, as processes do, lose no line while each of them rotates it.
func TestNoLineIsLost(t *testing.T) {
	t.Parallel()
	const writers, each = 4, 500
	dir := t.TempDir()
	now := time.Date(2026, time.January, 31, 0, 0, 0, 0, time.UTC)
	var group sync.WaitGroup
	for w := range writers {
		f := &logfile.File{Path: filepath.Join(dir, "duly.log"), MaxBytes: 2000, Keep: time.Hour, Now: func() time.Time { return now }}
		require.NoError(t, f.Check())
		group.Go(func() {
			for i := range each {
				if _, err := fmt.Fprintf(f, "writer %d line %d %s\n", w, i, strings.Repeat("x", i%50)); err != nil {
					t.Error(err)
				}
			}
			if err := f.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	all := lines(t, dir)
	require.Len(t, all, writers*each)
	for line, n := range all {
		require.Equal(t, 1, n, line)
	}
	info, err := os.Stat(filepath.Join(dir, "duly.log"))
	require.NoError(t, err)
	require.LessOrEqual(t, info.Size(), int64(2000))
}

func TestOldFilesAreRemoved(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	now := time.Date(2026, time.January, 31, 12, 0, 0, 0, time.UTC)
	f := &logfile.File{Path: filepath.Join(dir, "duly.log"), MaxBytes: 10, Keep: time.Hour, Now: func() time.Time { return now }}
	stranger := filepath.Join(dir, "duly-notes.log")
	require.NoError(t, os.WriteFile(stranger, []byte("mine\n"), 0o600))
	names := func() (names []string) {
		list, err := os.ReadDir(dir)
		require.NoError(t, err)
		for _, entry := range list {
			names = append(names, entry.Name())
		}
		return names
	}
	for _, line := range []string{"the first\n", "the second\n", "the third\n"} {
		_, err := f.Write([]byte(line))
		require.NoError(t, err)
		now = now.Add(50 * time.Minute)
	}
	require.Equal(t, []string{"duly-2026-01-31T12-50-00.000.log.gz", "duly-2026-01-31T13-40-00.000.log.gz", "duly-notes.log", "duly.log"}, names())
	_, err := f.Write([]byte("the fourth\n"))
	require.NoError(t, err)
	require.Equal(t, []string{"duly-2026-01-31T13-40-00.000.log.gz", "duly-2026-01-31T14-30-00.000.log.gz", "duly-notes.log", "duly.log"}, names())

	// Somebody else moved it away, as logrotate does.
	require.NoError(t, os.Rename(f.Path, f.Path+".1"))
	_, err = f.Write([]byte("the fifth\n"))
	require.NoError(t, err)
	text, err := os.ReadFile(f.Path)
	require.NoError(t, err)
	require.Equal(t, "the fifth\n", string(text))
	require.NoError(t, f.Close())
}

func TestAFileThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	f := &logfile.File{Path: filepath.Join(t.TempDir(), "none", "duly.log"), Now: time.Now}
	require.ErrorIs(t, f.Check(), os.ErrNotExist)
	_, err := f.Write([]byte("x"))
	require.ErrorIs(t, err, os.ErrNotExist)
	device := &logfile.File{Path: "/dev/full", MaxBytes: 1, Now: time.Now}
	require.NoError(t, device.Check())
	_, err = device.Write([]byte("x"))
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.NoError(t, device.Close())
}
