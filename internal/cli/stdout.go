package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"syscall"

	"duly/internal/batch"
)

// stdoutRecorder writes to standard output and records the first error, so that a full disk is reported once, at the end of the
// command. A reader that closes the pipe early, as head does, is no error. It is safe for concurrent use.
type stdoutRecorder struct {
	to io.Writer

	mu  sync.Mutex
	err error
}

// Write implements io.Writer.
func (s *stdoutRecorder) Write(b []byte) (int, error) {
	n, err := s.to.Write(b)
	if err != nil && !errors.Is(err, syscall.EPIPE) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.err == nil {
			s.err = err
		}
	}
	return n, err
}

// firstError returns the error that was recorded; nil: everything was written.
func (s *stdoutRecorder) firstError() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Result adds a failed write to the result of a command. The exit code becomes 1 if it was 0, or if the failed write is all that
// went wrong; any other exit code stays, because it says what a run did.
func (s *stdoutRecorder) Result(code int, err error) (int, error) {
	failure := s.firstError()
	if failure == nil {
		return code, err
	}
	reason := failure
	if file, ok := errors.AsType[*fs.PathError](failure); ok {
		reason = file.Err
	}
	reported := fmt.Errorf("standard output: %w", reason)
	switch {
	case err == nil && code == batch.ExitDone, errors.Is(err, failure):
		return batch.ExitFailed, reported
	case err == nil:
		return code, reported
	}
	return code, errors.Join(err, reported)
}
