package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"duly/bench/provider"
)

// build builds the programs as the Makefile does, once.
func (l *lab) build(ctx context.Context) error {
	if l.programs != "" {
		return nil
	}
	dir := filepath.Join(l.dir, "bin")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", dir+"/", "duly/cmd/...") //nolint:gosec // G204: a folder of our own
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the programs: %w: %s", err, output)
	}
	l.programs = dir
	return nil
}

// gatewayToken is what the simulator wants to be shown.
const gatewayToken = "bench"

// simulation is a gatewaysim process.
type simulation struct {
	url     string
	process *exec.Cmd
}

// simulate starts a simulator without latency.
func (l *lab) simulate(ctx context.Context) (*simulation, error) {
	sim := exec.CommandContext(ctx, filepath.Join(l.programs, "gatewaysim"), "--listen", "127.0.0.1:0", "--token", gatewayToken, "--dialect", l.gateway) //nolint:gosec // G204: built by us
	stdout, err := sim.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := sim.Start(); err != nil {
		return nil, fmt.Errorf("start the simulator: %w", err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	s := &simulation{process: sim}
	_, url, found := strings.Cut(strings.TrimSpace(line), "listening on ")
	if err != nil || !found {
		s.stop()
		return nil, fmt.Errorf("the simulator said %q: %w", line, err)
	}
	s.url = url
	return s, nil
}

func (s *simulation) stop() {
	_ = s.process.Process.Signal(syscall.SIGTERM) // it may have ended
	_ = s.process.Wait()                          // how it ended does not matter any more
}

// how often the worker's memory is read; the peak is kept by the kernel, so only the last moments can be missed.
const sampleEvery = 20 * time.Millisecond

// duly is the command that runs a job on s, with the default configuration but for what env says.
func (l *lab) duly(ctx context.Context, s *schema, url, job string, env ...string) *exec.Cmd {
	duly := exec.CommandContext(ctx, filepath.Join(l.programs, "duly"), "run", job, "--no-progress") //nolint:gosec // G204: built by us
	duly.Dir = l.dir
	duly.Env = append(os.Environ(), "DULY_DATABASE_DSN="+s.dsn(), "DULY_BUSINESS_TIMEZONE=UTC")
	duly.Env = append(duly.Env, provider.Environment(l.gateway, url, gatewayToken)...)
	duly.Env = append(duly.Env, env...)
	return duly
}

// spent is what a process took, from before it was started until it had ended.
type spent struct {
	wall, processor time.Duration
}

// timed runs a command to its end.
func (l *lab) timed(command *exec.Cmd) (spent, error) {
	begun := l.now()
	output, err := command.CombinedOutput()
	took := l.now().Sub(begun)
	if err != nil {
		return spent{}, fmt.Errorf("%s: %w: %s", filepath.Base(command.Path), err, output)
	}
	return spent{took, command.ProcessState.UserTime() + command.ProcessState.SystemTime()}, nil
}

// peak runs a job of `duly run` on s to its end and returns the largest resident size that it had, in bytes.
func (l *lab) peak(ctx context.Context, s *schema, url, job string) (peak int64, err error) {
	var output bytes.Buffer
	duly := l.duly(ctx, s, url, job)
	duly.Stdout, duly.Stderr = &output, &output
	if err := duly.Start(); err != nil {
		return 0, fmt.Errorf("start duly: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- duly.Wait() }()
	ticker := time.NewTicker(sampleEvery)
	defer ticker.Stop()
	for {
		select {
		case err := <-ended:
			if err != nil {
				return 0, fmt.Errorf("duly run %s: %w: %s", job, err, output.String())
			}
			return peak, nil
		case <-ticker.C:
			if now, ok := highWater(duly.Process.Pid); ok {
				peak = max(peak, now)
			}
		}
	}
}

// highWater reads the peak resident size of a process. What the kernel reports when a process has ended is of
// no use: it counts the parent's pages between fork and exec.
func highWater(pid int) (int64, bool) { return residentSize(pid, "VmHWM:") }

// residentSize reads a size of a process by its name in /proc/PID/status.
func residentSize(pid int, name string) (int64, bool) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, false
	}
	_, rest, found := strings.Cut(string(status), name)
	text, _, _ := strings.Cut(rest, "kB")
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	return n << 10, found && err == nil
}
