package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"syscall"

	"duly/internal/batch"
)

// kept is standard output, which remembers why something could not be written to it: a full disk behind it is told at the end,
// whoever wrote. A reader that has seen enough, as head has, is no reason. It is safe for concurrent use.
type kept struct {
	to io.Writer

	mu  sync.Mutex
	err error
}

// Write implements io.Writer.
func (k *kept) Write(b []byte) (int, error) {
	n, err := k.to.Write(b)
	if err != nil && !errors.Is(err, syscall.EPIPE) {
		k.mu.Lock()
		defer k.mu.Unlock()
		if k.err == nil {
			k.err = err
		}
	}
	return n, err
}

// lost is why something could not be written; nil if all of it was.
func (k *kept) lost() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.err
}

// ended is the exit code of a command that came to code, and err, if its output was lost: 1 instead of 0, or of an error that
// says no more than that. What a run did is worth more than that its words were lost.
func (k *kept) ended(code int, err error) (int, error) {
	lost := k.lost()
	if lost == nil {
		return code, err
	}
	told := fmt.Errorf("standard output: %w", lost)
	if file, ok := errors.AsType[*fs.PathError](lost); ok {
		told = fmt.Errorf("standard output: %w", file.Err)
	}
	switch {
	case err == nil && code == batch.ExitDone, errors.Is(err, lost):
		return batch.ExitFailed, told
	case err == nil:
		return code, told
	}
	return code, errors.Join(err, told)
}
