package exit

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"duly/internal/batch"
	"duly/internal/mysql"
)

// Error is an error with the exit code that it ends the program with.
type Error struct {
	Code int
	Err  error
}

// Error implements error.
func (e Error) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("exit code %d", e.Code)
	}
	return e.Err.Error()
}

// Unwrap gives the error itself.
func (e Error) Unwrap() error { return e.Err }

// Usage marks err as something that the operator must fix first; nothing was touched.
func Usage(err error) error {
	if err == nil {
		return nil
	}
	return With(batch.ExitUsage, err)
}

// Usagef is [Usage] of a formatted error.
func Usagef(format string, args ...any) error { return Usage(fmt.Errorf(format, args...)) }

// Failed marks err as an error of ours, or, if it comes from the database and may pass, as unfinished.
func Failed(err error) error {
	if err == nil {
		return nil
	}
	err = mysql.Classify(context.Background(), err)
	code := batch.ExitFailed
	if errors.Is(err, batch.ErrUnavailable) || passes(err) {
		code = batch.ExitUnfinished
	}
	return With(code, err)
}

// passes reports whether a later try may get past an error of the database.
func passes(err error) bool {
	return (errors.Is(err, batch.ErrDatabase) || errors.Is(err, batch.ErrLocked)) && !mysql.IsMisconfigured(err)
}

// Start distinguishes what an operator must fix (exit 2) from a database that is down or in trouble (exit 4).
func Start(err error) error {
	err = mysql.Classify(context.Background(), err)
	if !mysql.IsMisconfigured(err) && (errors.Is(err, batch.ErrUnavailable) || passes(err)) {
		return Failed(err)
	}
	return Usage(err)
}

// SignalError is the cause of a context that a signal has ended.
type SignalError struct{ Signal syscall.Signal }

// Error implements error.
func (s SignalError) Error() string { return "stopped by " + s.Signal.String() }

// AlreadyRunningError is the cause of a context of a run that wants to be alone and is not.
type AlreadyRunningError struct{ Other uint64 }

// Error implements error.
func (n AlreadyRunningError) Error() string { return fmt.Sprintf("not run: run %d is live", n.Other) }

// StopCode is the exit code of a run whose context was cancelled: 128 and the signal's number, 5 where it was
// not to run at all, 0 for another cause.
func StopCode(ctx context.Context) int {
	cause := context.Cause(ctx)
	if s, ok := errors.AsType[SignalError](cause); ok {
		return 128 + int(s.Signal)
	}
	if _, ok := errors.AsType[AlreadyRunningError](cause); ok {
		return batch.ExitNotRun
	}
	return 0
}

// With is an error that ends the program with an exit code; err may be nil.
func With(code int, err error) error { return Error{code, err} }
