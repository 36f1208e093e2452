package steps

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"duly/internal/batch"
	"duly/internal/crash"
	"duly/internal/notify"
	"duly/internal/outbox"
)

// Deliveries sends claimed events to one sink, those of a subject one after the other or as one message, and leaves a sink alone that
// does not answer. It implements batch.Processor. Its methods are safe for concurrent use.
type Deliveries struct {
	To    notify.Notifier
	Tries int // failures after which an event is given up
	// Held counts the payloads that are claimed and not delivered.
	Held *outbox.Held
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

// Process implements batch.Processor. Of a subject it stops at the first event that has to be tried again: those behind it wait
// for it. Those behind one that was given up do not.
func (d *Deliveries) Process(ctx context.Context, item outbox.Claimed) (outbox.Result, error) {
	result := outbox.Result{Claimed: item}
	waits := map[string]bool{} // subjects with an event that has to be tried again
	for _, message := range outbox.Together(item.Events, d.joins) {
		message = slices.DeleteFunc(message, func(e outbox.Event) bool { return waits[e.Subject] })
		if len(message) == 0 {
			continue
		}
		ends, ok := d.deliver(ctx, message)
		for _, end := range ends {
			if end.Status == outbox.Pending {
				waits[subjectOf(message, end.ID)] = true
			}
		}
		result.Ends = append(result.Ends, ends...)
		d.count(len(ends))
		if !ok {
			break
		}
	}
	d.free(item)
	return result, nil
}

func subjectOf(events []outbox.Event, id uint64) string {
	return events[slices.IndexFunc(events, func(e outbox.Event) bool { return e.ID == id })].Subject
}

// FailDelivery is the result of claimed events that were not processed, or whose processing failed: the first of
// them fails with err, unless nothing was begun.
func (d *Deliveries) FailDelivery(item outbox.Claimed, err error) outbox.Result {
	result := outbox.Result{Claimed: item}
	if !errors.Is(err, batch.ErrStopped) {
		result.Ends = []outbox.End{outbox.Settle(item.Events[0], outbox.Answer{Reason: err.Error()}, d.Tries, d.Now())}
		d.count(1)
	}
	d.free(item)
	return result
}

// free drops the payloads of item, so that others can be claimed.
func (d *Deliveries) free(item outbox.Claimed) {
	for i := range item.Events {
		d.Held.Free(&item.Events[i])
	}
}

// joins reports whether the receiver takes several events of a type as one message.
func (d *Deliveries) joins(kind string) bool {
	to, ok := d.To.(notify.Joiner)
	return ok && to.Joins(kind)
}

// deliver brings the events of a message to their ends; false: those without an end are refunded, since the run stops or the
// receiver is left alone. What the receiver refuses together is sent one by one: it may be one event's fault.
func (d *Deliveries) deliver(ctx context.Context, events []outbox.Event) ([]outbox.End, bool) {
	var ends []outbox.End
	var list []outbox.Event
	for _, e := range events {
		if e.Gone {
			ends = append(ends, outbox.Lost(e, d.Now()))
		} else if reason := outbox.Unreadable(e); reason != "" {
			ends = append(ends, outbox.Settle(e, outbox.Answer{Reason: reason, Never: true}, d.Tries, d.Now()))
		} else {
			list = append(list, e)
		}
	}
	if len(list) == 0 {
		return ends, true
	}
	answer, refused, ok := d.try(ctx, list)
	if !ok {
		return ends, false
	}
	if !refused || len(list) == 1 {
		for _, e := range list {
			ends = append(ends, outbox.Settle(e, answer, d.Tries, d.Now()))
		}
		return ends, true
	}
	waits := map[string]bool{}
	for _, e := range list {
		if waits[e.Subject] {
			continue
		}
		answer, _, ok := d.try(ctx, []outbox.Event{e})
		if !ok {
			return ends, false
		}
		end := outbox.Settle(e, answer, d.Tries, d.Now())
		waits[e.Subject] = end.Status == outbox.Pending
		ends = append(ends, end)
	}
	return ends, true
}

// try sends events as one message until there is an answer; refused: it is the message that failed, and not the receiver. ok is
// false if there is no answer, since the run stops or the receiver is left alone.
func (d *Deliveries) try(ctx context.Context, events []outbox.Event) (answer outbox.Answer, refused, ok bool) {
	messages := make([]notify.Message, len(events))
	for i, e := range events {
		messages[i] = notify.Message{ID: e.MessageID(), Event: e.ID, Type: e.Type, Subject: e.Subject, At: e.CreatedAt, Data: e.Payload}
	}
	for try := 1; ; try++ {
		if !d.await(ctx) {
			return answer, false, false
		}
		failure := d.send(ctx, messages)
		if failure != nil && ctx.Err() != nil {
			return answer, false, false
		}
		d.note(failure)
		switch {
		case failure == nil:
			return outbox.Answer{Delivered: true}, false, true
		case failure.Gone:
			return answer, false, false
		case failure.After == 0, failure.After > longestPause, try == perRun:
			return outbox.Answer{Reason: failure.Reason, After: failure.After, Never: failure.Never}, !failure.Down, true
		}
	}
}

// send sends a message once. A request ends with the lease: after that it might overtake what another worker sends.
func (d *Deliveries) send(ctx context.Context, messages []notify.Message) *notify.DeliveryError {
	ctx, cancel := context.WithTimeout(ctx, batch.Execution(ctx).Lease.Left())
	defer cancel()
	crash.At(crash.DeliverBeforeSend)
	var err error
	if to, ok := d.To.(notify.Joiner); ok && len(messages) > 1 {
		err = to.NotifyTogether(ctx, messages)
	} else {
		err = d.To.Notify(ctx, messages[0])
	}
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
func (d *Deliveries) await(ctx context.Context) bool {
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
func (d *Deliveries) pause() (left time.Duration, closed bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.until.Sub(d.Clock()), d.closed != ""
}

// note draws the conclusion from a try.
func (d *Deliveries) note(f *notify.DeliveryError) {
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

func (d *Deliveries) rest(now time.Time, pause time.Duration) {
	if until := now.Add(pause); until.After(d.until) {
		d.until = until
	}
}

func (d *Deliveries) count(events int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ended += events
}

// Ended counts the events that were tried or given up.
func (d *Deliveries) Ended() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ended
}

// State is whether the receiver can be sent to.
func (d *Deliveries) State(string) batch.LaneState {
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
func (d *Deliveries) Closed() (reason string, gone bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.closed, d.gone
}
