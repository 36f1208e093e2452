// Command duly bills subscriptions and settles orders: a worker that runs to completion.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
	_ "time/tzdata" // business time zones, on machines that have none

	"duly/config"
	"duly/internal/batch"
)

// version is stamped by the build.
var version = "dev" //nolint:gochecknoglobals // set by the linker

func main() { os.Exit(run(os.Args[1:], os.Environ(), os.Stdout, os.Stderr)) }

// run is the whole program; it returns the exit code.
func run(args, env []string, stdout, stderr io.Writer) int {
	ctx, end := interruptible(context.Background())
	defer end()
	a := &app{env: env, out: stdout, err: stderr, now: time.Now}
	root := a.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return a.code
	}
	var exit exitError
	switch {
	case errors.As(err, &exit):
		if exit.err != nil {
			fmt.Fprintln(stderr, "duly: "+exit.err.Error())
		}
		return exit.code
	default:
		// cobra's own errors are mistakes in the command line.
		fmt.Fprintln(stderr, "duly: "+err.Error())
		return batch.ExitUsage
	}
}

// app is what the commands share.
type app struct {
	env      []string
	out, err io.Writer
	now      func() time.Time
	file     string         // --config
	flags    map[string]any // configuration keys set on the command line
	json     bool
	code     int
	// only for the demo: its own configuration and clock
	config *config.Config
	shift  time.Duration
}

// exitError is an error with the exit code that it ends the program with.
type exitError struct {
	code int
	err  error
}

func (e exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e exitError) Unwrap() error { return e.err }

func usage(err error) error { return exitError{batch.ExitUsage, err} }

func usagef(format string, args ...any) error { return usage(fmt.Errorf(format, args...)) }

// failed is an error of ours or of what we depend on.
func failed(err error) error {
	if err == nil {
		return nil
	}
	code := batch.ExitFailed
	if errors.Is(err, batch.ErrUnavailable) {
		code = batch.ExitUnfinished
	}
	return exitError{code, err}
}

// signalled is the cause of a context that a signal has ended.
type signalled struct{ signal syscall.Signal }

func (s signalled) Error() string { return "stopped by " + s.signal.String() }

// stopCode is the exit code of a run whose context was cancelled: 128 and the signal's number, 0 if it was
// no signal.
func stopCode(ctx context.Context) int {
	var s signalled
	if errors.As(context.Cause(ctx), &s) {
		return 128 + int(s.signal)
	}
	return 0
}

// interruptible returns a context that SIGINT or SIGTERM cancels. A second signal ends the process at once.
func interruptible(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		for n := 0; ; n++ {
			select {
			case <-done:
				return
			case got := <-signals:
				s, _ := got.(syscall.Signal)
				if n > 0 {
					os.Exit(128 + int(s)) //nolint:forbidigo // the second signal is meant to end it at once
				}
				cancel(signalled{s})
			}
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		cancel(nil)
	}
}
