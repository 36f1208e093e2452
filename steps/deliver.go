package steps

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"duly/internal/batch"
	"duly/internal/crash"
	"duly/internal/notify"
	"duly/internal/outbox"
)

// Deliver sends claimed events to one sink, those of a subject one after the other, and leaves a sink alone that
// does not answer. It implements batch.Processor. Its methods are safe for concurrent use.
type Deliver struct {
	To    notify.Notifier
	Tries int // failures after which an event is given up
	// Now is the business clock, Clock the process's own.
	Now   func() time.Time
	Clock func() time.Time

	mu     sync.Mutex
	ended  int       // events that came to an end, of whatever kind
	down   int       // failures in a row that were the receiver's
	since  time.Time // the first of them
	until  time.Time // the receiver is left alone until then
	closed string    // why it is left alone for the rest of the run
	gone   bool
}

const (
	// downAfter failures in a row let the receiver rest for pauseDown, and leave it alone for the rest of the run
	// once they have lasted for patience.
	downAfter = 10
	pauseDown = 2 * time.Second
	patience  = 30 * time.Second
	// longestPause is the longest wish to be left alone that a run waits for, and perRun how often it does so for
	// one event.
	longestPause = 30 * time.Second
	perRun       = 3
)

// Process implements batch.Processor. It stops at the first event that has to be tried again: those behind it wait
// for it. Those behind one that was given up do not.
func (d *Deliver) Process(ctx context.Context, item outbox.Claimed) (outbox.Result, error) {
	result := outbox.Result{Claimed: item}
	for _, e := range item.Events {
		end, ok := d.deliver(ctx, e)
		if !ok {
			break
		}
		d.count()
		result.Ends = append(result.Ends, end)
		if end.Status == outbox.Pending {
			break
		}
	}
	return result, nil
}

// FailDelivery is the result of claimed events that were not processed, or whose processing failed: the first of
// them fails with err, unless nothing was begun.
func (d *Deliver) FailDelivery(item outbox.Claimed, err error) outbox.Result {
	result := outbox.Result{Claimed: item}
	if !errors.Is(err, batch.ErrStopped) {
		result.Ends = []outbox.End{outbox.Settle(item.Events[0], outbox.Answer{Reason: err.Error()}, d.Tries, d.Now())}
		d.count()
	}
	return result
}

// deliver brings an event to its end; false: it is given back, since the run stops or the receiver is left alone.
func (d *Deliver) deliver(ctx context.Context, e outbox.Event) (outbox.End, bool) {
	if e.Gone {
		return outbox.Lost(e, d.Now()), true
	}
	m := notify.Message{ID: e.MessageID(), Event: e.ID, Type: e.Type, Subject: e.Subject, At: e.CreatedAt, Data: e.Payload}
	for try := 1; ; try++ {
		if !d.await(ctx) {
			return outbox.End{}, false
		}
		failure := d.send(ctx, m)
		if failure != nil && ctx.Err() != nil {
			return outbox.End{}, false
		}
		d.note(failure)
		switch {
		case failure == nil:
			return outbox.Settle(e, outbox.Answer{Delivered: true}, d.Tries, d.Now()), true
		case failure.Gone:
			return outbox.End{}, false
		case failure.After == 0, failure.After > longestPause, try == perRun:
			return outbox.Settle(e, outbox.Answer{Reason: failure.Reason, After: failure.After}, d.Tries, d.Now()), true
		}
	}
}

// send sends m once. A request ends with the lease: after that it might overtake what another worker sends.
func (d *Deliver) send(ctx context.Context, m notify.Message) *notify.DeliveryError {
	ctx, cancel := context.WithTimeout(ctx, batch.Execution(ctx).Lease.Left())
	defer cancel()
	crash.At(crash.DeliverBeforeSend)
	err := d.To.Notify(ctx, m)
	crash.At(crash.DeliverAnswered)
	if err == nil {
		return nil
	}
	if failure, ok := errors.AsType[*notify.DeliveryError](err); ok {
		return failure
	}
	return &notify.DeliveryError{Reason: err.Error()}
}

// await returns once something may be sent; false if nothing may be any more.
func (d *Deliver) await(ctx context.Context) bool {
	x := batch.Execution(ctx)
	stop := x.Stopping()
	for {
		select {
		case <-stop:
			return false
		default:
		}
		left, closed := d.pause()
		if closed || ctx.Err() != nil || x.Halted() != nil || x.Lease.Left() <= 0 {
			return false
		}
		if left <= 0 {
			return true
		}
		timer := time.NewTimer(left)
		select {
		case <-ctx.Done():
		case <-stop:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// pause is how long the receiver is left alone from now on.
func (d *Deliver) pause() (left time.Duration, closed bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.until.Sub(d.Clock()), d.closed != ""
}

// note draws the conclusion from a try.
func (d *Deliver) note(f *notify.DeliveryError) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if f == nil || !f.Down && !f.Gone {
		d.down = 0
		return
	}
	now := d.Clock()
	if d.down++; d.down == 1 {
		d.since = now
	}
	switch {
	case f.Gone:
		d.gone, d.closed = true, f.Reason
	case f.After > longestPause:
		d.closed = fmt.Sprintf("%s, and wants to be left alone for %s", f.Reason, f.After.Round(time.Second))
	case d.down >= downAfter && now.Sub(d.since) >= patience:
		d.closed = f.Reason
	case d.down%downAfter == 0:
		d.rest(now, max(f.After, pauseDown))
	case f.After > 0:
		d.rest(now, f.After)
	}
}

func (d *Deliver) rest(now time.Time, pause time.Duration) {
	if until := now.Add(pause); until.After(d.until) {
		d.until = until
	}
}

func (d *Deliver) count() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ended++
}

// Ended counts the events that were tried or given up.
func (d *Deliver) Ended() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ended
}

// State is whether the receiver can be sent to.
func (d *Deliver) State(string) batch.LaneState {
	switch left, closed := d.pause(); {
	case closed:
		return batch.LaneClosed
	case left > 0:
		return batch.LaneHeld
	}
	return batch.LaneOpen
}

// Closed is why the receiver is left alone for the rest of the run, empty if it is not; gone says that it wants no
// event any more.
func (d *Deliver) Closed() (reason string, gone bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.closed, d.gone
}
