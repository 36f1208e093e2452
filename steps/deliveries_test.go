package steps_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/notify"
	"duly/internal/outbox"
	"duly/internal/test/worktest"
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

func deliver(to notify.Notifier) *steps.Deliveries {
	return &steps.Deliveries{To: to, Tries: 3, Held: &outbox.Held{}, Now: time.Now, Clock: time.Now}
}

// subject has events of one subject, numbered from first.
func subject(first, n uint64) outbox.Claimed {
	item := outbox.Claimed{Subject: "order:1"}
	for id := first; id < first+n; id++ {
		item.Events = append(item.Events, outbox.Event{ID: id, Subject: "order:1", Payload: []byte(`{}`)})
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

// What was not processed is refunded; what failed otherwise counts as a try of the first event.
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

// What nobody can read is given up at once, without a request, and its subject goes on.
func TestWhatCannotBeReadIsGivenUpAtOnce(t *testing.T) {
	inRun(t, func(ctx context.Context, _ *batch.StepExecution) {
		to := &sink{answer: refusing(4, notify.DeliveryError{Reason: "cannot be signed", Never: true})}
		item := subject(1, 5)
		item.Events[1].Payload = []byte(`{"n": `)
		item.Events[2].Payload, item.Events[2].Null = nil, "payload"
		result, err := deliver(to).Process(ctx, item)
		require.NoError(t, err)
		require.Equal(t, []outbox.Status{outbox.Delivered, outbox.Dead, outbox.Dead, outbox.Dead, outbox.Delivered}, statuses(result))
		require.Equal(t, []uint64{1, 4, 5}, to.sent)
		require.Equal(t, "its payload is NULL", result.Ends[2].Reason)
		require.Contains(t, result.Ends[1].Reason, "its payload is not JSON")
	})
}

// joining is a sink that takes what is of a type at once.
type joining struct {
	sink

	together [][]uint64
	refuses  error // together
}

func (*joining) Joins(kind string) bool { return kind == "review" }

func (j *joining) NotifyTogether(_ context.Context, list []notify.Message) error {
	ids := make([]uint64, len(list))
	for i, m := range list {
		ids[i] = m.Event
	}
	j.together = append(j.together, ids)
	return j.refuses
}

// reviews are of four subjects; the second event is of another type, and the subject of the fourth has a second review behind one.
func reviews() outbox.Claimed {
	item := outbox.Claimed{}
	for i, at := range []string{"a review", "b other", "c review", "d review", "d other", "d review"} {
		subject, kind, _ := strings.Cut(at, " ")
		item.Events = append(item.Events, outbox.Event{ID: uint64(i) + 1, Subject: subject, Type: kind, Payload: []byte(`{}`)})
	}
	return item
}

func TestABurstIsOneMessage(t *testing.T) {
	inRun(t, func(ctx context.Context, _ *batch.StepExecution) {
		to := &joining{}
		d := deliver(to)
		result, err := d.Process(ctx, reviews())
		require.NoError(t, err)
		require.Equal(t, [][]uint64{{1, 3, 4}}, to.together)
		require.Equal(t, []uint64{2, 5, 6}, to.sent)
		require.Len(t, result.Ends, 6)
		for _, end := range result.Ends {
			require.Equal(t, outbox.Delivered, end.Status)
		}
		require.Equal(t, 6, d.Ended())
		for _, e := range result.Events {
			require.Nil(t, e.Payload, "payloads are dropped")
		}
	})
}

// A burst that the receiver refuses is sent one by one; one that it does not get waits, with what is behind it.
func TestABurstThatFails(t *testing.T) {
	inRun(t, func(ctx context.Context, _ *batch.StepExecution) {
		to := &joining{sink: sink{answer: refusing(4, notify.DeliveryError{Reason: "no"})}, refuses: &notify.DeliveryError{Reason: "too long"}}
		result, err := deliver(to).Process(ctx, reviews())
		require.NoError(t, err)
		require.Equal(t, []uint64{1, 3, 4, 2}, to.sent)
		ends := map[uint64]outbox.Status{}
		for _, end := range result.Ends {
			ends[end.ID] = end.Status
		}
		require.Equal(t, map[uint64]outbox.Status{1: outbox.Delivered, 2: outbox.Delivered, 3: outbox.Delivered, 4: outbox.Pending}, ends)

		to = &joining{refuses: &notify.DeliveryError{Reason: "503", Down: true}}
		result, err = deliver(to).Process(ctx, reviews())
		require.NoError(t, err)
		require.Equal(t, []uint64{2}, to.sent)
		require.Equal(t, []outbox.Status{outbox.Pending, outbox.Pending, outbox.Pending, outbox.Delivered}, statuses(result))
	})
}
