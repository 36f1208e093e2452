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
	"time"
)

// Mark is an attempt that the database has confirmed, and the run that claimed it.
type Mark struct {
	Run     uint64 `json:"run_id"`
	Attempt uint64 `json:"attempt_id"`
	Key     string `json:"idempotency_key"`
	// At is when the database had confirmed it, by the database's clock; zero: not known.
	At time.Time `json:"confirmed_at,omitzero"`
}

func (m Mark) whole() bool { return m.Attempt != 0 && m.Key != "" }

func (m Mark) same(other Mark) bool { return m.Attempt == other.Attempt && m.Key == other.Key }

// Kept is what a file holds.
type Kept struct {
	// Mark is the newest that was confirmed, and Lost one that the database did not show any more, until an operator has
	// confirmed the history without it; nil: none.
	Mark, Lost *Mark
}

// document is a file's text. Fields are only ever added.
type document struct {
	Mark

	Lost *Mark `json:"lost,omitempty"`
}

// File holds the marks of one database. Its methods are safe for concurrent use, also by several processes.
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

// Read returns what the file holds.
func (f *File) Read() (Kept, error) {
	text, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return Kept{}, nil
	}
	if err != nil {
		return Kept{}, fmt.Errorf("read the witness: %w", err)
	}
	var d document
	err = json.Unmarshal(text, &d)
	lost := d.Lost != nil && d.Lost.whole()
	if err != nil || !d.whole() && !lost {
		return Kept{}, fmt.Errorf("%s is not a witness of duly's: delete it", f.path)
	}
	var k Kept
	if d.whole() {
		k.Mark = &d.Mark
	}
	if lost {
		k.Lost = d.Lost
	}
	return k, nil
}

// Keep writes the mark unless the file has one of a newer attempt, which another process has kept.
func (f *File) Keep(m Mark) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if m.Attempt < f.last.Attempt || m.same(f.last) {
		return nil
	}
	return f.locked(func() error {
		have, err := f.Read() // one that cannot be read is written anew
		if err == nil && have.Mark != nil && have.Mark.Attempt > m.Attempt {
			f.last = *have.Mark
			return nil
		}
		if err := f.write(document{m, have.Lost}); err != nil {
			return err
		}
		f.last = m
		return nil
	})
}

// Lose notes that the database does not show the mark any more: others are kept from now on, and it beside them.
func (f *File) Lose(m Mark) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.locked(func() error {
		have, err := f.Read()
		if err != nil {
			return err
		}
		d := document{Lost: &m}
		if have.Mark != nil && !have.Mark.same(m) { // another process has kept a newer one
			d.Mark = *have.Mark
		}
		f.last = Mark{}
		return f.write(d)
	})
}

// Replace writes the mark whatever the file has, and nothing of a lost one; nil removes the file.
func (f *File) Replace(m *Mark) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.locked(func() error {
		f.last = Mark{}
		if m != nil {
			return f.write(document{Mark: *m})
		}
		if err := os.Remove(f.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	})
}

// locked calls do while no other process changes the file.
func (f *File) locked(do func() error) error {
	return underLock(f.path, func() error {
		if err := do(); err != nil {
			return fmt.Errorf("write the witness: %w", err)
		}
		return nil
	})
}

// underLock calls do while no other process that uses this function changes the file at path.
func underLock(path string, do func() error) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("make the state folder: %w", err)
	}
	lock, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // G304: a name of ours in a folder of the operator's
	if err != nil {
		return fmt.Errorf("lock %s: %w", path, err)
	}
	defer func() { _ = lock.Close() }() // which gives the lock up
	for {
		err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX)
		if err == nil {
			return do()
		}
		if !errors.Is(err, syscall.EINTR) {
			return fmt.Errorf("lock %s: %w", path, err)
		}
	}
}

// write puts a whole new file in the place of the old one.
func (f *File) write(d document) (err error) {
	text, err := json.Marshal(d)
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
	return syncDir(f.path)
}

// syncDir makes a change of the folder that path is in outlive a crash of the host.
func syncDir(path string) error {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
