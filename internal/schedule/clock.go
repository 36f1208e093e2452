package schedule

import (
	"sync"
	"time"

	"github.com/jonboulle/clockwork"
)

// glance is how often a timer looks at the clock.
const glance = 30 * time.Second

// wallClock is a clock whose AfterFunc goes by what the clock shows. Timers of the runtime count seconds instead:
// those in which a machine was suspended are missing, and they do not see the clock being set.
type wallClock struct{ clockwork.Clock }

// AfterFunc implements clockwork.Clock.
func (c wallClock) AfterFunc(d time.Duration, do func()) clockwork.Timer {
	t := &wallTimer{clock: c.Clock, do: do}
	t.Reset(d)
	return t
}

// wallTimer calls do once it is due. It has no channel.
type wallTimer struct {
	clock clockwork.Clock
	do    func()

	mu    sync.Mutex
	due   time.Time
	timer clockwork.Timer // nil: stopped, or done
}

// Chan implements clockwork.Timer.
func (t *wallTimer) Chan() <-chan time.Time { return nil }

// Reset implements clockwork.Timer.
func (t *wallTimer) Reset(d time.Duration) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	active := t.halt()
	t.due = t.clock.Now().Round(0).Add(d)
	t.arm()
	return active
}

// Stop implements clockwork.Timer.
func (t *wallTimer) Stop() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.halt()
}

func (t *wallTimer) halt() bool {
	active := t.timer != nil
	if active {
		t.timer.Stop()
		t.timer = nil
	}
	return active
}

// arm sets the timer for the next look at the clock.
func (t *wallTimer) arm() {
	left := max(t.due.Sub(t.clock.Now().Round(0)), 0)
	t.timer = t.clock.AfterFunc(min(left, glance), t.look)
}

func (t *wallTimer) look() {
	if t.over() {
		t.do()
	}
}

// over reports whether the timer is due, and goes on waiting if it is not.
func (t *wallTimer) over() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.timer == nil {
		return false
	}
	if t.clock.Now().Round(0).Before(t.due) {
		t.arm()
		return false
	}
	t.timer = nil
	return true
}
