package e2e_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/crash"
)

// program is duly with its crash points and the race detector, built once.
var program struct {
	once sync.Once
	dir  string
	path string
	err  error
}

func built(t *testing.T) string {
	t.Helper()
	program.once.Do(func() {
		if program.dir, program.err = os.MkdirTemp("", "duly-e2e-"); program.err != nil { //nolint:usetesting // it outlives the test
			return
		}
		program.path = filepath.Join(program.dir, "duly")
		build := exec.Command("go", "build", "-race", "-tags", "crashpoints", "-o", program.path, "duly/cmd/duly")
		build.Env = append(os.Environ(), "CGO_ENABLED=1")
		if out, err := build.CombinedOutput(); err != nil {
			program.err = fmt.Errorf("build duly: %w\n%s", err, out)
		}
	})
	require.NoError(t, program.err)
	return program.path
}

func removeProgram() error {
	if program.dir == "" {
		return nil
	}
	return os.RemoveAll(program.dir)
}

// where says at which point a process meets its signal.
type where struct {
	point crash.Point
	nth   int
	stop  bool // SIGSTOP instead of SIGKILL
}

func (w where) env() []string {
	if w.point == "" {
		return nil
	}
	by := "kill"
	if w.stop {
		by = "stop"
	}
	return []string{fmt.Sprintf("DULY_TEST_CRASH_AT=%s:%d", w.point, max(w.nth, 1)), "DULY_TEST_CRASH_BY=" + by}
}

// process is one `duly` under way.
type process struct {
	t       *testing.T
	pid     int
	output  string             // the file with all that it printed
	stopped chan struct{}      // it was stopped by a signal, for the first time
	ended   chan struct{}      // closed when it is gone
	status  syscall.WaitStatus // once ended
}

// start runs `duly` with nothing in its environment but env. What is still running when the test ends is killed.
func start(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	file, err := os.CreateTemp(t.TempDir(), "output")
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	cmd := exec.Command(built(t), args...)
	cmd.Dir = t.TempDir()
	// The race detector would otherwise wait a second before the process ends.
	cmd.Env = append([]string{"GORACE=atexit_sleep_ms=0", "PATH=" + os.Getenv("PATH")}, env...)
	cmd.Stdout, cmd.Stderr = file, file
	require.NoError(t, cmd.Start())
	p := &process{t: t, pid: cmd.Process.Pid, output: file.Name(), stopped: make(chan struct{}), ended: make(chan struct{})}
	go p.watch()
	t.Cleanup(func() {
		p.signal(syscall.SIGKILL)
		<-p.ended
		if t.Failed() {
			t.Logf("process %d %q printed:\n%s", p.pid, env[len(env)-min(len(env), 2):], p.printed())
		}
	})
	return p
}

// watch follows the process to its end. os/exec cannot tell of a process that was stopped.
func (p *process) watch() {
	defer close(p.ended)
	var once sync.Once
	for {
		var status syscall.WaitStatus
		_, err := syscall.Wait4(p.pid, &status, syscall.WUNTRACED, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return
		case status.Stopped():
			once.Do(func() { close(p.stopped) })
		default:
			p.status = status
			return
		}
	}
}

// signal does nothing to a process that has ended.
func (p *process) signal(s syscall.Signal) {
	select {
	case <-p.ended:
	default:
		_ = syscall.Kill(p.pid, s) // it may end at this moment
	}
}

// printed is all that the process has printed so far.
func (p *process) printed() []byte {
	text, err := os.ReadFile(p.output)
	if err != nil {
		return []byte(err.Error())
	}
	return bytes.TrimSpace(text)
}

// exit waits for the end and returns the exit code. Being killed fails the test.
func (p *process) exit() int {
	p.t.Helper()
	<-p.ended
	require.True(p.t, p.status.Exited(), "killed by %v", p.status.Signal())
	return p.status.ExitStatus()
}

// killed waits for the end and reports whether it was SIGKILL.
func (p *process) killed() bool {
	<-p.ended
	return p.status.Signaled() && p.status.Signal() == syscall.SIGKILL
}

// awaitStop waits until the process is stopped. One that ends instead fails the test.
func (p *process) awaitStop() {
	p.t.Helper()
	select {
	case <-p.stopped:
	case <-p.ended:
		require.Fail(p.t, "the point was not reached", "%s", p.printed())
	}
}
