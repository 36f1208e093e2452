package orders_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"duly/internal/orders"
)

func TestSchedules(t *testing.T) {
	const m, h = time.Minute, time.Hour
	for i, want := range []time.Duration{10 * m, 10 * m, 30 * m, h, 6 * h, 6 * h, 6 * h} {
		require.Equal(t, want, orders.Later(i), "after check %d", i)
	}
	for i, want := range []time.Duration{m, m, 5 * m, 15 * m, h, 6 * h, 6 * h} {
		require.Equal(t, want, orders.RefundSchedule(i), "after try %d", i)
	}
	require.False(t, orders.RefundOverdue(noon().Add(-24*h), noon()))
	require.True(t, orders.RefundOverdue(noon().Add(-24*h-1), noon()))
}

// A wait never shrinks, never ends, and never passes 6 hours.
func TestSchedulesProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(-3, 100000).Draw(t, "n")
		for _, wait := range []func(int) time.Duration{orders.Later, orders.RefundSchedule} {
			require.Positive(t, wait(n))
			require.GreaterOrEqual(t, wait(n+1), wait(n))
			require.LessOrEqual(t, wait(n), 6*time.Hour)
		}
	})
}
