package private

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// pollEvery is how often what cannot be waited for is looked at again.
const pollEvery = 10 * time.Millisecond

// errLocked says that somebody else holds the lock.
var errLocked = errors.New("locked")

// fileLock is an advisory lock on a file, held until release or until the
// process ends, however it ends.
type fileLock struct{ file *os.File }

// openLock opens the lock's file without locking it.
func openLock(path string) (*fileLock, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // G304: a name of ours in a folder of ours
	if err != nil {
		return nil, fmt.Errorf("open the lock: %w", err)
	}
	return &fileLock{file: file}, nil
}

// try takes the lock, shared or exclusive, or returns errLocked. A lock that
// is held already is changed to the new kind; if that fails it is gone.
func (l *fileLock) try(exclusive bool) error {
	how := syscall.LOCK_SH
	if exclusive {
		how = syscall.LOCK_EX
	}
	for {
		err := syscall.Flock(int(l.file.Fd()), how|syscall.LOCK_NB)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EWOULDBLOCK):
			return errLocked
		default:
			return fmt.Errorf("lock %s: %w", l.file.Name(), err)
		}
	}
}

// wait takes the lock exclusively, as soon as it is free.
func (l *fileLock) wait(ctx context.Context) error {
	for {
		err := l.try(true)
		if !errors.Is(err, errLocked) {
			return err
		}
		if err := pause(ctx, pollEvery); err != nil {
			return fmt.Errorf("wait for %s, which another process holds: %w", l.file.Name(), err)
		}
	}
}

// release gives the lock up. Unlocking by hand matters: a child that is just
// being forked may hold a copy of the descriptor a moment longer.
func (l *fileLock) release() {
	_ = syscall.Flock(int(l.file.Fd()), syscall.LOCK_UN) // the kernel drops it anyway when the file is closed
	_ = l.file.Close()
}

// holding runs what under the exclusive lock on the file path.
func holding(ctx context.Context, path string, what func() error) error {
	lock, err := openLock(path)
	if err != nil {
		return err
	}
	defer lock.release()
	if err := lock.wait(ctx); err != nil {
		return err
	}
	return what()
}

// pause waits for d, or returns why ctx ended.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
