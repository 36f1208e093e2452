package notify

import (
	"context"
	"errors"
	"time"
)

// firstPause is how long a receiver is left alone that did not say for how long; the next pause is twice as long.
const firstPause = time.Second

// Persist calls send until it succeeds, fails for good, or ctx does not leave the time for another try: a receiver
// that cannot be reached or wants to be left alone for a while is asked again. It returns what the last try did. now is
// the clock of ctx's deadline.
func Persist(ctx context.Context, now func() time.Time, send func(context.Context) error) error {
	for pause := firstPause; ; pause *= 2 {
		err := send(ctx)
		failure, ok := errors.AsType[*DeliveryError](err)
		if !ok || !failure.Down || !rest(ctx, now, max(failure.After, pause)) {
			return err
		}
	}
}

// rest waits for d. It reports false, at once if that can be, if ctx ends before.
func rest(ctx context.Context, now func() time.Time, d time.Duration) bool {
	if end, bounded := ctx.Deadline(); bounded && end.Sub(now()) <= d {
		return false
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
