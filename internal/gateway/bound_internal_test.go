package gateway

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

// A waiter that is called off, and let in before it could say so, passes its place on.
func TestCalledOffAndGivenAPlaceAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBound(1)
		require.True(t, b.Take(t.Context()))
		ctx, cancel := context.WithCancel(t.Context())
		var waiters sync.WaitGroup
		let := make([]bool, 2)
		waiters.Go(func() { let[0] = b.Take(ctx) })
		synctest.Wait()
		waiters.Go(func() { let[1] = b.Take(t.Context()) })
		synctest.Wait()

		b.mu.Lock()
		cancel() // wakes the waiter, which needs the lock to leave
		b.held--
		b.dispatch()
		b.mu.Unlock()
		waiters.Wait()
		require.Equal(t, []bool{false, true}, let)
		require.Equal(t, 1, b.Held())
	})
}
