package steps_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/notify"
	"duly/internal/outbox"
	"duly/internal/worktest"
	"duly/steps"
)

// sink answers as it is told, and notes what it was sent when.
type sink struct {
	answer func(m notify.Message, n int) error

	mu   sync.Mutex
	sent []uint64
	at   []time.Time
}

func (*sink) Types() []string { return nil }

func (*sink) Parallelism() int { return 1 }

func (s *sink) Notify(_ context.Context, m notify.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent, s.at = append(s.sent, m.Event), append(s.at, time.Now())
	if s.answer == nil {
		return nil
	}
	return s.answer(m, len(s.sent))
}

func deliver(to notify.Notifier) *steps.Deliver {
	return &steps.Deliver{To: to, Tries: 3, Now: time.Now, Clock: time.Now}
}

// subject has events of one subject, numbered from first.
func subject(first, n uint64) outbox.Claimed {
	item := outbox.Claimed{Subject: "order:1"}
	for id := first; id < first+n; id++ {
		item.Events = append(item.Events, outbox.Event{ID: id, Subject: "order:1"})
	}
	return item
}

// statuses are the ends of a result, in words.
func statuses(r outbox.Result) []outbox.Status {
	var out []outbox.Status
	for _, end := range r.Ends {
		out = append(out, end.Status)
	}
	return out
}

func inRun(t *testing.T, do func(ctx context.Context, x *batch.StepExecution)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		worktest.InMemory(t.Context(), t, func(ctx context.Context, x *batch.StepExecution) error {
			do(ctx, x)
			return nil
		})
	})
}

func refusing(id uint64, f notify.DeliveryError) func(notify.Message, int) error {
	return func(m notify.Message, _ int) error {
		if m.Event == id {
			return &f
		}
		return nil
	}
}

func TestASubjectStopsAtWhatHasToBeTriedAgain(t *testing.T) {
	inRun(t, func(ctx context.Context, _ *batch.StepExecution) {
		to := &sink{answer: refusing(2, notify.DeliveryError{Reason: "no"})}
		result, err := deliver(to).Process(ctx, subject(1, 4))
		require.NoError(t, err)
		require.Equal(t, []outbox.Status{outbox.Delivered, outbox.Pending}, statuses(result))
		require.Equal(t, []uint64{1, 2}, to.sent)
		require.Equal(t, "no", result.Ends[1].Reason)
	})
}

func TestASubjectGoesOnAfterWhatIsGivenUp(t *testing.T) {
	inRun(t, func(ctx context.Context, _ *batch.StepExecution) {
		to := &sink{answer: refusing(2, notify.DeliveryError{Reason: "no"})}
		item := subject(1, 4)
		item.Events[1].Tries = 2
		item.Events[2].Gone = true
		result, err := deliver(to).Process(ctx, item)
		require.NoError(t, err)
		require.Equal(t, []outbox.Status{outbox.Delivered, outbox.Dead, outbox.Dead, outbox.Delivered}, statuses(result))
		require.Equal(t, []uint64{1, 2, 4}, to.sent)
	})
}

// A short wish to be left alone is waited for, by all; a long one ends the work.
func TestAWishToBeLeftAlone(t *testing.T) {
	inRun(t, func(ctx context.Context, _ *batch.StepExecution) {
		to := &sink{answer: func(_ notify.Message, n int) error {
			if n == 1 {
				return &notify.DeliveryError{Reason: "429", Down: true, After: 7 * time.Second}
			}
			return nil
		}}
		began := time.Now()
		d := deliver(to)
		var both sync.WaitGroup
		both.Go(func() { _, _ = d.Process(ctx, subject(1, 1)) })
		synctest.Wait()
		require.Equal(t, batch.LaneHeld, d.State(""))
		both.Go(func() { _, _ = d.Process(ctx, subject(2, 1)) })
		both.Wait()
		require.Len(t, to.sent, 3)
		require.Equal(t, []time.Duration{0, 7 * time.Second, 7 * time.Second}, []time.Duration{to.at[0].Sub(began), to.at[1].Sub(began), to.at[2].Sub(began)})
		require.Equal(t, batch.LaneOpen, d.State(""))

		to.answer = func(notify.Message, int) error {
			return &notify.DeliveryError{Reason: "429", Down: true, After: time.Second}
		}
		result, _ := d.Process(ctx, subject(3, 1))
		require.Equal(t, []outbox.Status{outbox.Pending}, statuses(result))
		require.Len(t, to.sent, 6, "three times in a run")

		to.answer = func(notify.Message, int) error {
			return &notify.DeliveryError{Reason: "h answered 429", Down: true, After: time.Hour}
		}
		result, _ = d.Process(ctx, subject(4, 2))
		require.Equal(t, []outbox.Status{outbox.Pending}, statuses(result))
		require.Equal(t, time.Hour, time.Until(result.Ends[0].At))
		require.Equal(t, batch.LaneClosed, d.State(""))
		reason, gone := d.Closed()
		require.Equal(t, "h answered 429, and wants to be left alone for 1h0m0s", reason)
		require.False(t, gone)
		result, _ = d.Process(ctx, subject(6, 2))
		require.Empty(t, result.Ends)
	})
}

// A receiver that is down is left alone after a while, so that a run ends; one that refuses single events is not.
func TestAReceiverThatIsDownIsLeftAlone(t *testing.T) {
	inRun(t, func(ctx context.Context, _ *batch.StepExecution) {
		to := &sink{answer: func(notify.Message, int) error {
			return &notify.DeliveryError{Reason: "h: connection refused", Down: true}
		}}
		d := deliver(to)
		began := time.Now()
		for id := range uint64(1000) {
			_, _ = d.Process(ctx, subject(id, 1))
		}
		require.Equal(t, batch.LaneClosed, d.State(""))
		require.Less(t, len(to.sent), 200)
		require.GreaterOrEqual(t, time.Since(began), 30*time.Second)
		require.Less(t, time.Since(began), 40*time.Second)

		picky := &sink{answer: func(notify.Message, int) error { return &notify.DeliveryError{Reason: "h answered 400"} }}
		d = deliver(picky)
		for id := range uint64(1000) {
			_, _ = d.Process(ctx, subject(id, 1))
		}
		require.Len(t, picky.sent, 1000)
		require.Equal(t, 1000, d.Ended())
		require.Equal(t, batch.LaneOpen, d.State(""))
	})
}

func TestAReceiverThatIsGone(t *testing.T) {
	inRun(t, func(ctx context.Context, _ *batch.StepExecution) {
		d := deliver(&sink{answer: func(notify.Message, int) error { return &notify.DeliveryError{Reason: "410", Gone: true} }})
		result, err := d.Process(ctx, subject(1, 3))
		require.NoError(t, err)
		require.Empty(t, result.Ends)
		_, gone := d.Closed()
		require.True(t, gone)
		require.Zero(t, d.Ended())
	})
}

// What was not processed is given back; what failed otherwise counts as a try of the first event.
func TestFailDelivery(t *testing.T) {
	d := deliver(&sink{})
	require.Empty(t, d.FailDelivery(subject(1, 3), batch.ErrStopped).Ends)
	result := d.FailDelivery(subject(1, 3), errors.New("panic: x"))
	require.Equal(t, []outbox.Status{outbox.Pending}, statuses(result))
	require.Equal(t, "panic: x", result.Ends[0].Reason)
	require.Equal(t, 1, d.Ended())
}

// Without its lease a run sends nothing, and an error of another kind is a failure like any.
func TestNothingIsSentWithoutALease(t *testing.T) {
	inRun(t, func(ctx context.Context, x *batch.StepExecution) {
		to := &sink{answer: func(notify.Message, int) error { return errors.New("odd") }}
		d := deliver(to)
		result, _ := d.Process(ctx, subject(1, 1))
		require.Equal(t, "odd", result.Ends[0].Reason)
		x.Lease.Lose()
		result, _ = d.Process(ctx, subject(2, 1))
		require.Empty(t, result.Ends)
		require.Equal(t, []uint64{1}, to.sent)
	})
}
