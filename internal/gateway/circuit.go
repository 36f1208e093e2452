package gateway

import (
	"container/list"
	"context"
	"sync"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"
)

// circuit lets requests through while the gateway works, holds them back in the order of their coming while
// it does not, and gives up on it after too long an outage. failsafe's breaker is the state machine and
// judges the probes; the window is ours, since failsafe's count window has no minimum.
type circuit struct {
	limits  CircuitLimits
	outage  time.Duration
	now     func() time.Time
	giveUp  func() // called with the lock held; may be called again
	breaker circuitbreaker.CircuitBreaker[any]

	mu       sync.Mutex
	window   window
	epoch    int       // moves on with every change of state; a result counts in its own epoch only
	probes   int       // let out in this half-open epoch
	queue    list.List // of chan int: each waits for the epoch that it may send in
	since    time.Time // when it left closed; zero while closed
	openings int64
	outages  int  // times that it left closed
	untried  bool // the outage ran out while nobody asked for the gateway
	reopen   *time.Timer
	patience *time.Timer
}

func newCircuit(l Limits, giveUp func()) *circuit {
	c := &circuit{limits: l.Circuit, outage: l.MaxOutage, now: l.Now, giveUp: giveUp}
	probes := max(l.Circuit.HalfOpen, 1)
	c.limits.HalfOpen = probes
	// The fewest failures among the probes that reach the percentage reopen; one fewer closes.
	reopening := min(max((probes*l.Circuit.FailurePercent+99)/100, 1), probes)
	c.breaker = circuitbreaker.NewBuilder[any]().
		WithSuccessThresholdRatio(uint(probes-reopening+1), uint(probes)).
		WithDelay(l.Circuit.OpenFor).
		Build()
	return c
}

// acquire waits until a request may be sent and returns the epoch to record its result under. The error is
// the cause of ctx's end.
func (c *circuit) acquire(ctx context.Context) (int, error) {
	c.mu.Lock()
	if c.admit() { // nobody can be waiting then
		defer c.mu.Unlock()
		return c.epoch, nil
	}
	ready := make(chan int, 1)
	place := c.queue.PushBack(ready)
	c.mu.Unlock()

	select {
	case epoch := <-ready:
		return epoch, nil
	case <-ctx.Done():
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queue.Remove(place)
	select {
	case epoch := <-ready: // let in and called off at the same moment
		c.putBack(epoch)
	default:
	}
	return 0, context.Cause(ctx)
}

// acquireNow returns the epoch to record a request's result under if the circuit is closed. Such a permit need not be released.
func (c *circuit) acquireNow() (epoch int, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.epoch, c.breaker.IsClosed()
}

// current reports whether the state is still the one that epoch was let out in.
func (c *circuit) current(epoch int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return epoch == c.epoch
}

// release refunds a permit under which nothing was sent.
func (c *circuit) release(epoch int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.putBack(epoch)
}

// record takes the result of a request. One that was sent before the state last changed says nothing about
// the gateway as it is now.
func (c *circuit) record(epoch int, failed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if epoch != c.epoch {
		return
	}
	if c.breaker.IsClosed() {
		if c.limits.Window <= 0 || c.limits.FailurePercent <= 0 {
			return
		}
		c.window.add(failed, c.limits.Window)
		if c.window.reached(c.limits.Minimum, c.limits.FailurePercent) {
			c.open()
		}
		return
	}
	if failed {
		c.breaker.RecordFailure()
	} else {
		c.breaker.RecordSuccess()
	}
	switch c.breaker.State() {
	case circuitbreaker.ClosedState:
		c.closed()
	case circuitbreaker.OpenState:
		c.opened()
	case circuitbreaker.HalfOpenState:
	}
}

// trip opens a closed circuit at once, whatever its window holds, if it is still as it was in epoch.
func (c *circuit) trip(epoch int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if epoch == c.epoch && c.breaker.IsClosed() {
		c.open()
	}
}

// status is since when the circuit has not been closed (zero if it is) and how often it opened.
func (c *circuit) status() (since time.Time, open bool, openings int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.since, !c.breaker.IsClosed(), c.openings
}

// held reports whether nothing is let through.
func (c *circuit) held() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.breaker.IsOpen()
}

// stop ends the timers.
func (c *circuit) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range []*time.Timer{c.reopen, c.patience} {
		if t != nil {
			t.Stop()
		}
	}
}

// admit takes a permit if there is one. Needs the lock.
func (c *circuit) admit() bool {
	switch c.breaker.State() {
	case circuitbreaker.ClosedState:
		return true
	case circuitbreaker.HalfOpenState:
		if c.probes < c.limits.HalfOpen {
			c.probes++
			return true
		}
	case circuitbreaker.OpenState:
	}
	return false
}

// dispatch lets in whom the state has room for, first come first served. Needs the lock.
func (c *circuit) dispatch() {
	for c.queue.Len() > 0 && c.admit() {
		if ready, ok := c.queue.Remove(c.queue.Front()).(chan int); ok {
			ready <- c.epoch
		}
	}
}

// putBack needs the lock.
func (c *circuit) putBack(epoch int) {
	if epoch == c.epoch && c.breaker.IsHalfOpen() {
		c.probes--
		c.dispatch()
	}
}

// open opens a closed circuit. Needs the lock.
func (c *circuit) open() {
	c.breaker.Open()
	c.outageBegins()
	c.opened()
}

// opened follows the breaker into the open state. Needs the lock.
func (c *circuit) opened() {
	c.epoch++
	c.openings++
	c.reopen = time.AfterFunc(c.limits.OpenFor, c.halfOpen)
	if c.untried {
		c.giveUp()
	}
}

// outageBegins starts the time that the circuit may stay other than closed. Needs the lock.
func (c *circuit) outageBegins() {
	c.outages++
	c.since = c.now()
	if n := c.outages; c.outage > 0 {
		c.patience = time.AfterFunc(c.outage, func() { c.outageLasts(n) })
	}
}

// closed follows the breaker into the closed state. Needs the lock.
func (c *circuit) closed() {
	c.epoch++
	c.window.reset()
	c.since, c.untried = time.Time{}, false
	if c.patience != nil {
		c.patience.Stop()
	}
	c.dispatch()
}

// halfOpen ends the time in which nothing is sent.
func (c *circuit) halfOpen() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.breaker.IsOpen() {
		return
	}
	c.breaker.HalfOpen()
	c.epoch++
	c.probes = 0
	c.dispatch()
}

// outageLasts gives up on the n-th outage, which has lasted too long. A gateway that nobody asked for since
// it became half open is given its probes first.
func (c *circuit) outageLasts(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n != c.outages || c.breaker.IsClosed() {
		return
	}
	if c.breaker.IsHalfOpen() && c.probes == 0 {
		c.untried = true
		return
	}
	c.giveUp()
}
