// Package logfile writes a log file that several processes share, and rotates it without losing a line of any of them.
package logfile

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// stamp names the older files by when they were closed, in UTC.
const stamp = "2006-01-02T15-04-05.000"

// File appends lines to a log file. Each line is written under a lock that is shared by all processes which write to the file,
// and into the file that has its name then: another process may have rotated it. It is safe for concurrent use. Its fields do
// not change after the first Write.
type File struct {
	Path     string
	MaxBytes int64            // a file that would grow beyond is rotated, and compressed
	Keep     time.Duration    // how long older files are kept
	Now      func() time.Time // the process's clock

	mu   sync.Mutex
	lock *os.File
	open *os.File
}

// Check returns an error if the file cannot be written.
func (f *File) Check() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hold()
	defer f.letGo()
	return f.current()
}

// Write implements io.Writer. A line is in one file, whole.
func (f *File) Write(line []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hold()
	defer f.letGo()
	if err := f.current(); err != nil {
		return 0, err
	}
	if err := f.rotate(int64(len(line))); err != nil {
		return 0, err
	}
	return f.open.Write(line)
}

// Close implements io.Closer. A Write after it opens the file again.
func (f *File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var err error
	for _, file := range []**os.File{&f.open, &f.lock} {
		if *file != nil {
			err = errors.Join(err, (*file).Close())
			*file = nil
		}
	}
	return err
}

// hold locks the file against other writers. The lock is on the folder, so that no further file is needed; where a folder cannot be
// locked, as on some network file systems, the file is written without.
func (f *File) hold() {
	if f.lock == nil {
		folder, err := os.Open(filepath.Dir(f.Path))
		if err != nil {
			return
		}
		f.lock = folder
	}
	for errors.Is(syscall.Flock(int(f.lock.Fd()), syscall.LOCK_EX), syscall.EINTR) {
	}
}

func (f *File) letGo() {
	if f.lock != nil {
		_ = syscall.Flock(int(f.lock.Fd()), syscall.LOCK_UN)
	}
}

// current opens the file that has the name now.
func (f *File) current() error {
	if f.open != nil {
		named, err := os.Stat(f.Path)
		mine, errMine := f.open.Stat()
		if err == nil && errMine == nil && os.SameFile(named, mine) {
			return nil
		}
		_ = f.open.Close() // its lines were written one by one
		f.open = nil
	}
	open, err := os.OpenFile(f.Path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	f.open = open
	if err != nil {
		f.open = nil
	}
	return err
}

// rotate makes room for so many bytes. An older file that cannot be compressed or removed stays.
func (f *File) rotate(more int64) error {
	info, err := f.open.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 || info.Size()+more <= f.MaxBytes {
		return err
	}
	now := f.Now().UTC()
	head, tail := f.older()
	old := head + now.Format(stamp) + tail
	for i := 1; exists(old) || exists(old+".gz"); i++ {
		old = head + now.Format(stamp) + fmt.Sprintf("-%d", i) + tail
	}
	if err := os.Rename(f.Path, old); err != nil {
		return err
	}
	if err := f.current(); err != nil {
		return err
	}
	if compress(old) == nil {
		_ = os.Remove(old)
	}
	f.prune(now)
	return nil
}

// older is how the names of older files begin and end, but for .gz.
func (f *File) older() (head, tail string) {
	tail = filepath.Ext(f.Path)
	return strings.TrimSuffix(f.Path, tail) + "-", tail
}

// prune removes what is older than it is kept for.
func (f *File) prune(now time.Time) {
	head, tail := f.older()
	list, _ := os.ReadDir(filepath.Dir(f.Path)) // what cannot be read stays
	for _, entry := range list {
		name := filepath.Join(filepath.Dir(f.Path), entry.Name())
		rest, ours := strings.CutPrefix(name, head)
		rest, plain := strings.CutSuffix(strings.TrimSuffix(rest, ".gz"), tail)
		if !ours || !plain || len(rest) < len(stamp) {
			continue
		}
		if closed, err := time.Parse(stamp, rest[:len(stamp)]); err == nil && now.Sub(closed) > f.Keep {
			_ = os.Remove(name)
		}
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// compress writes path.gz, whole or not at all.
func compress(path string) (err error) {
	from, err := os.Open(path) //nolint:gosec // G304: a file of ours
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }()
	part := path + ".gz.part"
	to, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600) //nolint:gosec // G304: a file of ours
	if err != nil {
		return err
	}
	zip := gzip.NewWriter(to)
	_, err = io.Copy(zip, from)
	if err = errors.Join(err, zip.Close(), to.Close()); err == nil {
		err = os.Rename(part, path+".gz")
	}
	if err != nil {
		_ = os.Remove(part)
	}
	return err
}
