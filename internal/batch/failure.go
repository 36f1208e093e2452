package batch

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// FailureKind says what a failed read or write is about, and so what its caller does next.
type FailureKind uint8

// The kinds of failure.
const (
	// FailureUnavailable: the database is away. The caller retries while the lease lasts.
	FailureUnavailable FailureKind = iota
	// FailureLocked: somebody else holds a lock.
	FailureLocked
	// FailureData: the values of a row. A chunk is split, the row is set aside.
	FailureData
	// FailureUnknown: anything else, while the database accepts writes. A chunk is split, the row is left for a later run.
	FailureUnknown
	// FailureEnded: the run has lost its lease or its history, or was cancelled.
	FailureEnded
)

const (
	// lostPatience is how often in a row an operation may lose its connection while the database accepts writes.
	lostPatience = 5
	// leftPatience is how many rows in a row may be left before the step stops claiming.
	leftPatience = 10
)

// Failures classifies the failures of one sequence of database operations. It is not safe for concurrent use.
type Failures struct {
	// Probe reports whether the database accepts writes; nil: it does.
	Probe func(ctx context.Context) error
	// Limit bounds how long failures in a row count as an outage although the run keeps its lease; 0: no bound. Now is the
	// process's clock.
	Limit time.Duration
	Now   func() time.Time

	lost  int       // operations in a row that lost their connection while Probe succeeded
	since time.Time // of the first of the failures in a row that counted as an outage
	left  int       // rows in a row that were left
}

// Succeeded forgets earlier failures.
func (f *Failures) Succeeded() { f.lost, f.since, f.left = 0, time.Time{}, 0 }

// Leave counts a row that is left for a later run. It reports whether so many were left in a row that more work would only add
// to them.
func (f *Failures) Leave() bool {
	f.left++
	return f.left >= leftPatience
}

// Classify returns the kind of err, and err wrapped for its kind. An error whose kind is not known counts as an outage if Probe
// fails too. A lost connection counts as unknown once it was lost a few times in a row while Probe succeeded: something cuts this
// operation off, and would do so for ever.
func (f *Failures) Classify(ctx context.Context, err error) (FailureKind, error) {
	switch {
	case errors.Is(err, ErrLeaseLost), errors.Is(err, ErrHistoryLost), ctx.Err() != nil, errors.Is(err, context.Canceled),
		errors.Is(err, context.DeadlineExceeded):
		return FailureEnded, err
	case errors.Is(err, ErrLocked):
		return FailureLocked, err
	case errors.Is(err, ErrData):
		return FailureData, err
	}
	if f.away(ctx) && !f.tooLong() {
		f.lost = 0
		return FailureUnavailable, unavailable(err)
	}
	if errors.Is(err, ErrUnavailable) {
		if f.lost++; f.lost < lostPatience || f.Probe == nil {
			return FailureUnavailable, err
		}
	}
	f.lost, f.since = 0, time.Time{}
	return FailureUnknown, err
}

// FromDatabase reports whether err is an error of the database, and not one of this program.
func FromDatabase(err error) bool {
	return errors.Is(err, ErrDatabase) || errors.Is(err, ErrUnavailable) || errors.Is(err, ErrData) || errors.Is(err, ErrLocked)
}

// away reports whether the database does not accept writes.
func (f *Failures) away(ctx context.Context) bool {
	if f.Probe == nil {
		return false
	}
	err := f.Probe(ctx)
	return err != nil && !errors.Is(err, ErrLocked)
}

// tooLong reports whether the outage has lasted longer than the run could have kept its lease through one.
func (f *Failures) tooLong() bool {
	if f.Limit == 0 || f.Now == nil {
		return false
	}
	if f.since.IsZero() {
		f.since = f.Now()
	}
	return f.Now().Sub(f.since) > f.Limit
}

func unavailable(err error) error {
	if errors.Is(err, ErrUnavailable) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}
