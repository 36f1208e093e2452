package private

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// process is one of this user's running processes.
type process struct {
	pid     int
	command string // program and arguments, joined by spaces
}

// isServerOf says whether the process is the server of the data folder.
func (p process) isServerOf(data string) bool {
	program, _, found := strings.Cut(p.command+" ", " --datadir="+data+" ")
	if !found {
		return false
	}
	for word := range strings.FieldsSeq(program) {
		if name := filepath.Base(word); name == "mariadbd" || name == "mysqld" {
			return true
		}
	}
	return false
}

// serverOf is the process id of the server that runs on the data folder, 0 if
// none does.
func serverOf(ctx context.Context, data string) (int, error) {
	list, err := processes(ctx)
	if err != nil {
		return 0, fmt.Errorf("list processes: %w", err)
	}
	for _, p := range list {
		if p.isServerOf(data) {
			return p.pid, nil
		}
	}
	return 0, nil
}

// signalServer sends the signal to the server of the data folder, if pid still
// is that. The process is held before it is looked at: an id that is given to
// another process in between is never signalled.
func signalServer(ctx context.Context, data string, pid int, signal os.Signal) error {
	held, err := os.FindProcess(pid)
	if err != nil {
		return fmt.Errorf("find process %d: %w", pid, err)
	}
	defer func() { _ = held.Release() }()
	now, err := serverOf(ctx, data)
	if err != nil {
		return err
	}
	if now != pid {
		return nil
	}
	if err := held.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signal the server, process %d: %w", pid, err)
	}
	return nil
}

// endServer asks the server to shut down, waits as long as ctx and patience
// allow, then kills it. It returns when the process is gone.
func endServer(ctx context.Context, data string, pid int, patience time.Duration) error {
	// The caller's end must not leave a server behind.
	background := context.WithoutCancel(ctx)
	if err := signalServer(background, data, pid, syscall.SIGTERM); err != nil {
		return err
	}
	polite, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if gone(polite, data, pid, pollEvery) == nil {
		return nil
	}
	if err := signalServer(background, data, pid, syscall.SIGKILL); err != nil {
		return err
	}
	last, cancel := context.WithTimeout(background, endPatience)
	defer cancel()
	if err := gone(last, data, pid, pollEvery); err != nil {
		return fmt.Errorf("the server, process %d, does not end: %w", pid, err)
	}
	return nil
}

// endPatience is how long a server may take to write its pages and end.
const endPatience = 20 * time.Second

// gone waits until the process is no more the server of the data folder, and
// looks again every so often.
func gone(ctx context.Context, data string, pid int, every time.Duration) error {
	for {
		now, err := serverOf(context.WithoutCancel(ctx), data)
		if err != nil {
			return err
		}
		if now != pid {
			return nil
		}
		if err := pause(ctx, every); err != nil {
			return err
		}
	}
}
