package batch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// retryAfter is how long Retry waits before it tries again.
const retryAfter = 200 * time.Millisecond

// Wait waits for d. Its error is that of ctx, if that ended first.
func Wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// Retry does something with the database, again and again while it cannot be reached and the run's lease holds. The error of what the
// end of ctx has interrupted wraps [ErrStopped].
func (x *StepExecution) Retry(ctx context.Context, do func(ctx context.Context) error) error {
	for {
		err := do(x.Work)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("%w: %w", ErrStopped, err)
		case !errors.Is(err, ErrUnavailable):
			return err
		case x.Lease.Left() <= 0:
			return fmt.Errorf("%w: %w", ErrLeaseLost, err)
		}
		x.Log.WarnContext(ctx, "the database cannot be reached, trying again", slog.Any("error", err))
		_ = Wait(ctx, retryAfter) // what ended ctx may have ended the outage too: it is tried once more
	}
}
