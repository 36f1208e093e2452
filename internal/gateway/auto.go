package gateway

import (
	"context"
	"sync"
	"time"

	"duly/internal/gateway/ratelimit"
)

// auto limits the requests of one gateway that are open at once, to the number that it finds best. It never
// refuses a caller: a caller without a place waits. The zero auto has no limit. It is safe for concurrent use.
//
// Its place is taken before all others, as that of a lane is where the number is fixed: while the gateway is held back,
// no more callers wait for it than would be let through.
//
// A gateway that answers that there are too many requests is slowed down as a whole, by its [ratelimit.Limiter].
type auto struct {
	now     func() time.Time
	bound   Bound
	mu      sync.Mutex
	search  *search // nil: no bound
	limiter ratelimit.Limiter
	changed chan struct{} // closed when reserved turns are void
}

// use begins to look for the best number. keyless: the gateway keeps no keys.
func (a *auto) use(l Limits, keyless bool) {
	a.now, a.changed = l.Now, make(chan struct{})
	a.search = newSearch(l.Auto, l.Timeout)
	if keyless {
		a.search.crowd = crowdedKeyless
	}
	a.bound.Resize(a.search.limit)
}

// take waits for a place until ctx ends; false: it ended, and no place was taken. Calls that have sent a request come before calls that have not:
// they are few, and none waits for long.
func (a *auto) take(ctx context.Context, again bool) bool {
	switch {
	case a.search == nil:
		return true
	case again:
		return a.bound.TakeFirst(ctx)
	}
	return a.bound.Take(ctx)
}

// takeNow takes a place if there is one, nobody waits for it, and the gateway is not slowed down.
func (a *auto) takeNow() bool { return a.search == nil || !a.slowed() && a.bound.TakeNow() }

func (a *auto) slowed() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.limiter.Active(a.now())
}

// turn waits for the caller's turn, where the gateway is slowed down; false: ctx ended before.
func (a *auto) turn(ctx context.Context) bool {
	for a.search != nil {
		a.mu.Lock()
		wait, changed := a.limiter.Reserve(a.now()), a.changed
		a.mu.Unlock()
		if wait <= 0 {
			return true
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
			return true
		case <-ctx.Done():
			timer.Stop()
			return false
		case <-changed:
			timer.Stop()
		}
	}
	return true
}

func (a *auto) give() {
	if a.search != nil {
		a.bound.Give()
	}
}

// began notes that a request leaves, under the epoch of the circuit that let it through.
func (a *auto) began(now time.Time, kind RequestKind, epoch int) sampleRef {
	if a.search == nil {
		return sampleRef{}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	ref := a.search.began(now, kind, epoch)
	ref.left = now
	a.limiter.Began(now)
	a.bound.Resize(a.search.limit)
	return ref
}

// ended notes how a request ended, and how long the gateway asked to wait. It is called before the request's place is free again.
func (a *auto) ended(ref sampleRef, how ending, wish time.Duration) {
	if a.search == nil {
		return
	}
	if wish > 0 {
		wish += spread(0, wish/10) // other hosts were asked to wait as long
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	at := a.now()
	a.search.ended(ref, at, how)
	switch how {
	case tooManyAnswered:
		if a.limiter.TooMany(at, ref.left, wish, !a.search.crowdedOut(ref)) {
			close(a.changed)
			a.changed = make(chan struct{})
		}
	case answered, dropped:
		a.limiter.Accepted(ref.left)
	case saysNothing:
	}
	a.bound.Resize(a.search.limit)
}

// limit is how many requests may be open at the moment; 0: there is no limit.
func (a *auto) limit() int {
	if a.search == nil {
		return 0
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.search.limit
}

// found is the best number so far; 0: there is no limit, or none was found.
func (a *auto) found() int {
	if a.search == nil {
		return 0
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.search.found {
		return 0
	}
	return a.search.best
}

// rate is how many requests a second may be sent; 0: no limit.
func (a *auto) rate() float64 {
	if a.search == nil {
		return 0
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.limiter.Rate(a.now())
}

// refusedFor is how long the gateway has answered nothing but that there are too many.
func (a *auto) refusedFor() time.Duration {
	if a.search == nil {
		return 0
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.limiter.RefusedFor(a.now())
}
