package witness

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Answers is a file of lines that the database did not accept: definite answers of gateways, which the next run on this host adds
// to the tables. Its methods are safe for concurrent use, also by several processes.
type Answers struct{ path string }

// AnswersIn is the file of a database in a folder, see [In].
func AnswersIn(dir, database string) *Answers {
	sum := sha256.Sum256([]byte(database))
	return &Answers{filepath.Join(dir, "answers-"+hex.EncodeToString(sum[:8])+".jsonl")}
}

// Path is where the file is.
func (a *Answers) Path() string { return a.path }

// Pending reports whether there are lines.
func (a *Answers) Pending() bool {
	info, err := os.Stat(a.path)
	return err == nil && info.Size() > 0
}

// Add appends lines. When it returns they are on the disk, and outlive a crash of the host.
func (a *Answers) Add(lines [][]byte) error {
	return underLock(a.path, func() error {
		file, err := os.OpenFile(a.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			return fmt.Errorf("save answers: %w", err)
		}
		// A write that was cut off leaves half a line: the first new one begins a line of its own.
		_, err = file.Write(append([]byte{'\n'}, append(bytes.Join(lines, []byte{'\n'}), '\n')...))
		if err == nil {
			err = file.Sync()
		}
		if err := errors.Join(err, file.Close()); err != nil {
			return fmt.Errorf("save answers: %w", err)
		}
		return syncDir(a.path)
	})
}

// Drain hands the lines to do, and removes the file once do has returned no error. do returns the lines that it could not use;
// they are moved to a file beside it, whose path is returned.
func (a *Answers) Drain(do func(lines [][]byte) (unusable [][]byte, err error)) (aside string, err error) {
	if !a.Pending() {
		return "", nil
	}
	err = underLock(a.path, func() error {
		text, err := os.ReadFile(a.path)
		if errors.Is(err, fs.ErrNotExist) { // another process was faster
			return nil
		}
		if err != nil {
			return fmt.Errorf("read saved answers: %w", err)
		}
		var lines [][]byte
		for line := range bytes.Lines(text) {
			if line = bytes.TrimSpace(line); len(line) > 0 {
				lines = append(lines, line)
			}
		}
		unusable, err := do(lines)
		if err != nil {
			return err
		}
		if len(unusable) > 0 {
			aside = a.path + ".unreadable"
			if err := appendLines(aside, unusable); err != nil {
				return err
			}
		}
		if err := os.Remove(a.path); err != nil {
			return fmt.Errorf("remove saved answers: %w", err)
		}
		return syncDir(a.path)
	})
	return aside, err
}

func appendLines(path string, lines [][]byte) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600) //nolint:gosec // G304: a name of ours in a folder of the operator's
	if err != nil {
		return fmt.Errorf("set saved answers aside: %w", err)
	}
	_, err = file.Write(append(bytes.Join(lines, []byte{'\n'}), '\n'))
	return errors.Join(err, file.Sync(), file.Close())
}
