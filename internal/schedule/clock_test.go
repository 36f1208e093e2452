package schedule

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	"github.com/stretchr/testify/require"
)

// host is a machine that can be suspended and whose clock can be set: its timers count on, or do not.
type host struct {
	*clockwork.FakeClock

	ahead atomic.Int64
}

func (h *host) Now() time.Time { return h.FakeClock.Now().Add(time.Duration(h.ahead.Load())) }

func TestTimerGoesByTheClockOnTheWall(t *testing.T) {
	h := &host{FakeClock: clockwork.NewFakeClock()}
	fired := make(chan struct{}, 1)
	after := func(d time.Duration) clockwork.Timer {
		return wallClock{h}.AfterFunc(d, func() { fired <- struct{}{} })
	}
	settle := func() { require.NoError(t, h.BlockUntilContext(t.Context(), 1)) }

	after(8 * time.Hour)
	h.Advance(time.Hour)
	settle()
	h.ahead.Add(int64(8 * time.Hour)) // it was suspended
	h.Advance(glance)
	<-fired

	after(time.Hour)
	h.ahead.Add(-int64(30 * time.Minute)) // the clock was set back
	h.Advance(time.Hour)
	settle()
	require.Empty(t, fired)
	h.Advance(30 * time.Minute)
	<-fired

	timer := after(time.Minute)
	require.True(t, timer.Reset(time.Hour))
	h.Advance(time.Minute)
	settle()
	require.Empty(t, fired)
	require.True(t, timer.Stop())
	require.False(t, timer.Stop())
	h.Advance(2 * time.Hour)
	require.Empty(t, fired)

	after(-time.Second)
	<-fired
}
