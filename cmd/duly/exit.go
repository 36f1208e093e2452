package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"duly/internal/batch"
	"duly/internal/mysql"
)

// exitError is an error with the exit code that it ends the program with.
type exitError struct {
	code int
	err  error
}

// Error implements error.
func (e exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

// Unwrap gives the error itself.
func (e exitError) Unwrap() error { return e.err }

// usage marks err as something that the operator must put right first; nothing was touched.
func usage(err error) error {
	if err == nil {
		return nil
	}
	return exitWith(batch.ExitUsage, err)
}

func usagef(format string, args ...any) error { return usage(fmt.Errorf(format, args...)) }

// failed marks err as an error of ours, or, if it comes from the database and may pass, as unfinished.
func failed(err error) error {
	if err == nil {
		return nil
	}
	err = mysql.Classify(context.Background(), err)
	code := batch.ExitFailed
	if errors.Is(err, batch.ErrUnavailable) || passes(err) {
		code = batch.ExitUnfinished
	}
	return exitWith(code, err)
}

// passes reports whether a later try may get past an error of the database.
func passes(err error) bool {
	return (errors.Is(err, batch.ErrDatabase) || errors.Is(err, batch.ErrLocked)) && !mysql.IsMisconfigured(err)
}

// startError distinguishes what an operator must fix (exit 2) from a database that is down or in trouble (exit 4).
func startError(err error) error {
	err = mysql.Classify(context.Background(), err)
	if !mysql.IsMisconfigured(err) && (errors.Is(err, batch.ErrUnavailable) || passes(err)) {
		return failed(err)
	}
	return usage(err)
}

// signalled is the cause of a context that a signal has ended.
type signalled struct{ signal syscall.Signal }

// Error implements error.
func (s signalled) Error() string { return "stopped by " + s.signal.String() }

// notAloneError is the cause of a context of a run that wants to be alone and is not.
type alreadyRunningError struct{ other uint64 }

// Error implements error.
func (n alreadyRunningError) Error() string { return fmt.Sprintf("not run: run %d is live", n.other) }

// stopCode is the exit code of a run whose context was cancelled: 128 and the signal's number, 5 where it was
// not to run at all, 0 for another cause.
func stopCode(ctx context.Context) int {
	cause := context.Cause(ctx)
	if s, ok := errors.AsType[signalled](cause); ok {
		return 128 + int(s.signal)
	}
	if _, ok := errors.AsType[alreadyRunningError](cause); ok {
		return batch.ExitNotRun
	}
	return 0
}

// interruptible returns a context that SIGINT, SIGTERM or SIGHUP cancels: a terminal that is closed stops a run as an
// operator does. A second signal ends the process at once. A reader of its output that goes away ends nothing.
func interruptible(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	signal.Ignore(syscall.SIGPIPE)
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for n := 0; ; n++ {
			select {
			case <-done:
				return
			case got := <-signals:
				s, _ := got.(syscall.Signal)
				if n > 0 {
					os.Exit(128 + int(s)) // the second signal is meant to end it at once
				}
				cancel(signalled{s})
			}
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		<-ended
		cancel(nil)
	}
}

// exitWith is an error that ends the program with an exit code; err may be nil.
func exitWith(code int, err error) error { return exitError{code, err} }
