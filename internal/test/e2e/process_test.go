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

// programs are duly with its crash points, each built once. The one with the race detector takes three times as long for everything,
// so chaos alone starts it: there its workers meet each other at every point.
var programs struct {
	mu          sync.Mutex
	dir         string
	plain, race build
}

// build is one of them; its path is empty until it was asked for.
type build struct {
	path string
	err  error
}

// built is the path of the program.
func built(t *testing.T, race bool) string {
	t.Helper()
	programs.mu.Lock()
	defer programs.mu.Unlock()
	if programs.dir == "" {
		dir, err := os.MkdirTemp("", "duly-e2e-") //nolint:usetesting // it outlives the test
		require.NoError(t, err)
		programs.dir = dir
	}
	program, name, flags := &programs.plain, "duly", []string{"build", "-tags", "crashpoints"}
	if race {
		program, name, flags = &programs.race, "duly-race", append(flags, "-race")
	}
	if program.path == "" {
		program.path = filepath.Join(programs.dir, name)
		command := exec.Command("go", append(flags, "-o", program.path, "duly/cmd/duly")...)
		command.Env = append(os.Environ(), "CGO_ENABLED="+map[bool]string{false: "0", true: "1"}[race])
		if out, err := command.CombinedOutput(); err != nil {
			program.err = fmt.Errorf("build duly: %w\n%s", err, out)
		}
	}
	require.NoError(t, program.err)
	return program.path
}

func removePrograms() error {
	if programs.dir == "" {
		return nil
	}
	return os.RemoveAll(programs.dir)
}

// where says at which point a process meets its signal.
type where struct {
	point crash.Point
	nth   int
	stop  bool     // SIGSTOP instead of SIGKILL
	steps []string // that it is told to run; none: all
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
	return launch(t, built(t, false), env, args...)
}

// launch is start with a program of the caller's.
func launch(t *testing.T, program string, env []string, args ...string) *process {
	t.Helper()
	file, err := os.CreateTemp(t.TempDir(), "output")
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	cmd := exec.Command(program, args...)
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
