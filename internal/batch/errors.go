package batch

import "errors"

// What a step, a reader or a writer may answer beside its own errors. Readers and writers wrap them.
var (
	// ErrUnavailable: the database could not be reached, or nobody knows what became of the last statement.
	// The same call is made again.
	ErrUnavailable = errors.New("database unavailable")
	// ErrData: the values of a row cannot be written or read. The row is set aside.
	ErrData = errors.New("invalid data")
	// ErrDatabase: the database answered with an error that is neither about a row's values nor about its own availability.
	ErrDatabase = errors.New("database error")
	// ErrLocked: a row stayed locked by somebody else. The others go on without it.
	ErrLocked = errors.New("row locked by another transaction")
	// ErrLeave, from [Writer.Reject]: the row must not be set aside; it is left for a later run.
	ErrLeave = errors.New("left for a later run")
	// ErrLeaseLost: the run no longer owns its lease; it must send and settle nothing more.
	ErrLeaseLost = errors.New("lease lost")
	// ErrStopped: the run was asked to stop.
	ErrStopped = errors.New("stopped")
	// ErrHistoryLost: the database does not show what it had acknowledged to this run. Nothing more is sent.
	ErrHistoryLost = errors.New("the database has lost commits")
	// ErrOtherServer: another database server answers than the one that the run began on. It may lack commits of this run
	// and of others, so that errors.Is takes it for an ErrHistoryLost.
	ErrOtherServer error = otherServerError{}
	// ErrHalt ends the run: the steps after the one that returned it are not begun.
	ErrHalt = errors.New("run halted")
)

type otherServerError struct{}

// Error implements error.
func (otherServerError) Error() string {
	return "another database server answers than the one that this run began on; it may have lost commits. " +
		`Find out which server is the primary and what it has lost (docs/runbook.md, "A fail-over"), then run again`
}

// Is reports whether target is what the error may come to.
func (otherServerError) Is(target error) bool { return target == ErrHistoryLost }
