package gateway

import (
	"context"
	"sync"
	"time"
)

// auto bounds the requests of one gateway that are open at once by what it finds to be the best number. It never
// refuses a caller: who finds no place waits. The zero auto has no bound. It is safe for concurrent use.
//
// Its place is taken before all others, as that of a lane is where the number is fixed: while the gateway is held back,
// no more callers wait for it than would be let through.
type auto struct {
	bound  Bound
	mu     sync.Mutex
	search *search // nil: no bound
}

// use begins to look for the best number up to most; 0: no bound.
func (a *auto) use(most int) {
	if most > 0 {
		a.search = newSearch(most)
		a.bound.Resize(a.search.limit)
	}
}

// take waits for a place until ctx ends; false: it ended, and no place was taken.
func (a *auto) take(ctx context.Context) bool { return a.search == nil || a.bound.Take(ctx) }

// takeNow takes a place if there is one and nobody waits for it.
func (a *auto) takeNow() bool { return a.search == nil || a.bound.TakeNow() }

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
	a.bound.Resize(a.search.limit)
	return ref
}

// ended notes how a request ended. It is called before the request's place is given back.
func (a *auto) ended(ref sampleRef, now func() time.Time, how ending) {
	if a.search == nil {
		return
	}
	at := now()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.search.ended(ref, at, how)
	a.bound.Resize(a.search.limit)
}

// settled is the number that was found best so far; 0: there is no bound.
func (a *auto) settled() int {
	if a.search == nil {
		return 0
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.search.best
}
