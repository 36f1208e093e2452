package gateway

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// A waiter that is called off, and let in before it could say so, keeps no place.
func TestCalledOffAndLetInAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := Defaults()
		l.Now = time.Now
		c := newCircuit(l, func() {})
		c.breaker.Open()
		ctx, cancel := context.WithCancel(t.Context())
		var waiter sync.WaitGroup
		var err error
		waiter.Go(func() { _, err = c.acquire(ctx) })
		synctest.Wait()

		c.mu.Lock()
		cancel() // wakes the waiter, which needs the lock to leave
		c.breaker.HalfOpen()
		c.dispatch()
		require.Equal(t, 1, c.probes)
		c.mu.Unlock()
		waiter.Wait()
		require.ErrorIs(t, err, context.Canceled)
		require.Zero(t, c.probes)
	})
}

func TestWaiterThatLeftIsNotLetIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := Defaults()
		l.Now = time.Now
		c := newCircuit(l, func() {})
		c.breaker.Open()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := c.acquire(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		c.halfOpen()
		require.Zero(t, c.probes)
		require.Zero(t, c.queue.Len())
	})
}

func TestTimerOfAnEarlierOutageDoesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := Defaults()
		l.Now = time.Now
		gaveUp := 0
		c := newCircuit(l, func() { gaveUp++ })
		defer c.stop()
		outage := func() {
			for range l.Circuit.Minimum {
				c.record(c.epoch, true)
			}
		}
		outage()
		c.halfOpen()
		for range l.Circuit.HalfOpen {
			c.record(c.epoch, false)
		}
		c.outageLasts(1)
		require.Zero(t, gaveUp, "it is over")
		outage()
		c.outageLasts(1)
		require.Zero(t, gaveUp, "another has begun since")
		c.outageLasts(2)
		require.Equal(t, 1, gaveUp)
	})
}
