package batch

import (
	"sync"
	"time"
)

// Lease is the run's right to send and to settle. It lasts for a fixed time after the last heartbeat that the
// database took. Its methods are safe for concurrent use.
type Lease struct {
	length time.Duration
	now    func() time.Time

	mu   sync.Mutex
	beat time.Time
	lost bool
}

// NewLease returns a lease of the given length that was renewed at beat, a reading of now taken before the
// heartbeat was sent.
func NewLease(length time.Duration, beat time.Time, now func() time.Time) *Lease {
	return &Lease{length: length, now: now, beat: beat}
}

// Left is how long the lease still lasts; never positive once it was lost.
func (l *Lease) Left() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost {
		return 0
	}
	left := l.length - Since(l.beat, l.now())
	if left <= 0 {
		l.lost = true
	}
	return left
}

// Renew notes a heartbeat begun at beat. A lease that ran out stays lost.
func (l *Lease) Renew(beat time.Time) {
	if l.Left() <= 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.beat = beat
}

// Lose ends the lease at once.
func (l *Lease) Lose() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lost = true
}
