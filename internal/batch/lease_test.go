package batch_test

import (
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
)

// clocks is an instant after start by a wall clock and a monotonic clock that disagree, as they do after the
// machine was suspended or its clock was set.
func clocks(start time.Time, wall, monotonic time.Duration) time.Time {
	at := start.Add(monotonic)
	// The first word of a Time with a monotonic reading holds the wall clock: 33 bits of seconds above 30 of
	// nanoseconds. Nothing else makes such a Time.
	word := (*uint64)(unsafe.Pointer(&at))
	*word += uint64((wall-monotonic)/time.Second) << 30
	return at
}

func TestSinceIsTheLargerAge(t *testing.T) {
	start := time.Now()
	for _, c := range []struct {
		name                  string
		wall, monotonic, want time.Duration
	}{
		{"the clocks agree", 10 * time.Second, 10 * time.Second, 10 * time.Second},
		{"the monotonic clock stopped in suspend", time.Hour, 10 * time.Second, time.Hour},
		{"the wall clock was set back", -time.Hour, 10 * time.Second, 10 * time.Second},
		{"the wall clock was set on", 2 * time.Hour, 10 * time.Second, 2 * time.Hour},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.want, batch.Since(start, clocks(start, c.wall, c.monotonic)))
		})
	}
	require.Equal(t, time.Minute, batch.Since(start.Round(0), start.Round(0).Add(time.Minute)), "without a monotonic reading")
}

func TestLease(t *testing.T) {
	start := time.Now()
	now := start
	make := func() *batch.Lease { return batch.NewLease(time.Minute, start, func() time.Time { return now }) }
	at := func(wall, monotonic time.Duration) { now = clocks(start, wall, monotonic) }

	t.Run("runs out", func(t *testing.T) {
		l := make()
		at(20*time.Second, 20*time.Second)
		require.Equal(t, 40*time.Second, l.Left())
		at(60*time.Second, 60*time.Second)
		require.LessOrEqual(t, l.Left(), time.Duration(0))
	})
	t.Run("runs out in suspend", func(t *testing.T) {
		l := make()
		at(61*time.Second, time.Second)
		require.LessOrEqual(t, l.Left(), time.Duration(0))
	})
	t.Run("runs out though the clock was set back", func(t *testing.T) {
		l := make()
		at(-time.Hour, 61*time.Second)
		require.LessOrEqual(t, l.Left(), time.Duration(0))
	})
	t.Run("is renewed from when the heartbeat was sent", func(t *testing.T) {
		l := make()
		at(50*time.Second, 50*time.Second)
		l.Renew(start.Add(40 * time.Second))
		require.Equal(t, 50*time.Second, l.Left())
	})
	t.Run("stays lost once it ran out", func(t *testing.T) {
		l := make()
		at(2*time.Minute, 2*time.Minute)
		l.Renew(now)
		require.LessOrEqual(t, l.Left(), time.Duration(0))
		at(time.Second, time.Second) // the clock goes back to when it still held
		require.LessOrEqual(t, l.Left(), time.Duration(0))
	})
	t.Run("can be given up", func(t *testing.T) {
		l := make()
		at(time.Second, time.Second)
		l.Lose()
		require.LessOrEqual(t, l.Left(), time.Duration(0))
		l.Renew(now)
		require.LessOrEqual(t, l.Left(), time.Duration(0))
	})
}
