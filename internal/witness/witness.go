// Package witness keeps a small file beside the worker that names the newest charge which the database has confirmed
// to it. A database that was set back to an earlier state does not show it.
package witness

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

// Mark is an attempt that the database has confirmed, and the run that claimed it.
type Mark struct {
	Run     uint64 `json:"run_id"`
	Attempt uint64 `json:"attempt_id"`
	Key     string `json:"idempotency_key"`
}

// File holds the mark of one database. Its methods are safe for concurrent use, also by several processes.
type File struct {
	path string
	// Sync: a mark is on the disk when Keep returns, so that it outlives a crash of the host.
	Sync bool

	mu   sync.Mutex
	last Mark // the newest that is known to be kept
}

// In is the file of a database in a folder. The database is named by where it is, not by the server that is there: that
// may be another one after a fail-over.
func In(dir, database string) *File {
	sum := sha256.Sum256([]byte(database))
	return &File{path: filepath.Join(dir, "witness-"+hex.EncodeToString(sum[:8])+".json")}
}

// Path is where the file is.
func (f *File) Path() string { return f.path }

// Read returns the mark; nil if there is none.
func (f *File) Read() (*Mark, error) {
	text, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // none
	}
	if err != nil {
		return nil, fmt.Errorf("read the witness: %w", err)
	}
	var m Mark
	if err := json.Unmarshal(text, &m); err != nil || m.Attempt == 0 || m.Key == "" {
		return nil, fmt.Errorf("%s is not a witness of duly's: delete it", f.path)
	}
	return &m, nil
}

// Keep writes the mark unless the file has one of a newer attempt, which another process has kept.
func (f *File) Keep(m Mark) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if m.Attempt < f.last.Attempt || m == f.last {
		return nil
	}
	return f.locked(func() error {
		if have, err := f.Read(); err == nil && have != nil && have.Attempt > m.Attempt {
			f.last = *have
			return nil
		}
		if err := f.write(m); err != nil {
			return err
		}
		f.last = m
		return nil
	})
}

// Replace writes the mark whatever the file has; nil removes it.
func (f *File) Replace(m *Mark) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.locked(func() error {
		f.last = Mark{}
		if m != nil {
			return f.write(*m)
		}
		if err := os.Remove(f.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	})
}

// locked calls do while no other process changes the file.
func (f *File) locked(do func() error) (err error) {
	if err := os.MkdirAll(filepath.Dir(f.path), 0o700); err != nil {
		return fmt.Errorf("make the witness's folder: %w", err)
	}
	lock, err := os.OpenFile(f.path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("lock the witness: %w", err)
	}
	defer func() { _ = lock.Close() }() // which gives the lock up
	for {
		err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX)
		if err == nil {
			break
		}
		if !errors.Is(err, syscall.EINTR) {
			return fmt.Errorf("lock the witness: %w", err)
		}
	}
	if err := do(); err != nil {
		return fmt.Errorf("write the witness: %w", err)
	}
	return nil
}

// write puts a whole new file in the place of the old one.
func (f *File) write(m Mark) (err error) {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	unfinished := f.path + ".new"
	file, err := os.OpenFile(unfinished, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600) //nolint:gosec // G304: a name of ours in a folder of the operator's
	if err != nil {
		return err
	}
	_, err = file.Write(append(text, '\n'))
	if err == nil && f.Sync {
		err = file.Sync()
	}
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	if err := os.Rename(unfinished, f.path); err != nil || !f.Sync {
		return err
	}
	dir, err := os.Open(filepath.Dir(f.path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
