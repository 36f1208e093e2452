package session

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"

	"duly/internal/batch"
)

// logFailure records that lines of a log file could not be written, as on a full disk. It is safe for concurrent use.
type logFailure struct {
	once sync.Once
	mu   sync.Mutex
	err  error
}

// note says the first failure on screen.
func (l *logFailure) note(screen io.Writer, err error) {
	l.once.Do(func() {
		if file, ok := errors.AsType[*fs.PathError](err); ok {
			err = file.Err
		}
		l.mu.Lock()
		l.err = err
		l.mu.Unlock()
		fmt.Fprintf(screen, "duly: log.file: %s: lines are missing in it; the exit code is not 0\n", err)
	})
}

// Result is the exit code of a command of which lines of the log are missing: 1 if it was 0, since monitoring that reads the file alone must
// learn of it. Any other exit code stays.
func (l *logFailure) Result(code int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil && code == batch.ExitDone {
		return batch.ExitFailed
	}
	return code
}

// watchedFile writes to a log file, and notes that it cannot.
type watchedFile struct {
	io.WriteCloser

	failure *logFailure
	screen  io.Writer
}

// Write implements io.Writer.
func (w watchedFile) Write(line []byte) (int, error) {
	n, err := w.WriteCloser.Write(line)
	if err != nil {
		w.failure.note(w.screen, err)
	}
	return n, err
}
