package claims

import (
	"context"
	"fmt"

	"duly/internal/batch"
	"duly/internal/mysql"
)

// LeftFunc is called for a row that is left for a later run, because its claim failed with an error that is not about the row.
type LeftFunc func(ctx context.Context, id uint64, cause error)

// Failures classifies the failed claims of a reader.
type Failures struct{ batch.Failures }

// KindOf returns the kind of a failed claim, see [batch.Failures.Classify].
func (f *Failures) KindOf(ctx context.Context, db *mysql.DB, err error) (batch.FailureKind, error) {
	if f.Probe == nil {
		x := batch.Execution(ctx)
		f.Failures = NewFailures(x, db)
	}
	return f.Classify(ctx, err)
}

// NewFailures classifies failures of a step's work with the database.
func NewFailures(x *batch.StepExecution, db *mysql.DB) batch.Failures {
	return batch.Failures{
		Probe: func(ctx context.Context) error { return mysql.WriteProbe(ctx, db) },
		Limit: 2 * x.Run.Lease, Now: x.Now,
	}
}

// Retried reports whether the claim is made again as it was, or the run has ended.
func Retried(kind batch.FailureKind) bool {
	return kind != batch.FailureData && kind != batch.FailureUnknown
}

// Pass leaves a row whose claim fails alone. It returns an error if so many rows in a row fail that the step must end. A row
// that is at fault itself, and a bug of ours, fail the step in the end.
func (f *Failures) Pass(ctx context.Context, kind batch.FailureKind, left LeftFunc, id uint64, what string, cause error) error {
	x := batch.Execution(ctx)
	switch {
	case kind == batch.FailureData, !batch.FromDatabase(cause):
		x.Fail(fmt.Errorf("%s: %w", what, cause))
		return nil
	case left != nil:
		left(ctx, id, cause)
	default:
		x.Leave(what + ": " + mysql.Reason(cause))
	}
	if f.Leave() {
		return cause
	}
	return nil
}
