package gateway

import (
	"container/list"
	"context"
	"sync"
)

// Bound is how many requests may be open at once, first come first served; its size can be changed while it is in use.
// The zero Bound has none. It is safe for concurrent use.
type Bound struct {
	mu    sync.Mutex
	size  int // 0: no bound
	held  int
	queue list.List // of chan struct{}, closed when the waiter has its place
}

// NewBound returns a bound of that size; 0: no bound.
func NewBound(size int) *Bound { return &Bound{size: size} }

// Take waits for a place until ctx ends; false: it ended, and no place was taken.
func (b *Bound) Take(ctx context.Context) bool { return b.await(ctx, (*list.List).PushBack) }

// TakeFirst is Take ahead of all waiting callers.
func (b *Bound) TakeFirst(ctx context.Context) bool { return b.await(ctx, (*list.List).PushFront) }

func (b *Bound) await(ctx context.Context, queue func(*list.List, any) *list.Element) bool {
	b.mu.Lock()
	if b.seize() {
		b.mu.Unlock()
		return true
	}
	ready := make(chan struct{})
	place := queue(&b.queue, ready)
	b.mu.Unlock()

	select {
	case <-ready:
		return true
	case <-ctx.Done():
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case <-ready: // let in and called off at the same moment
		b.held--
		b.dispatch()
	default:
		b.queue.Remove(place)
	}
	return false
}

// TakeNow takes a place if there is one and nobody waits for it.
func (b *Bound) TakeNow() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.seize()
}

// seize takes a place if nobody waits for one. Needs the lock.
func (b *Bound) seize() bool {
	if b.queue.Len() > 0 || !b.room() {
		return false
	}
	b.held++
	return true
}

// Give gives a place back.
func (b *Bound) Give() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held--
	b.dispatch()
}

// Resize changes the size; 0: no bound. Places that are held stay held: with fewer than those, none is given until
// enough of them are back.
func (b *Bound) Resize(size int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.size = size
	b.dispatch()
}

// Size is how many places there are; 0: no bound.
func (b *Bound) Size() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.size
}

// room needs the lock.
func (b *Bound) room() bool { return b.size <= 0 || b.held < b.size }

// dispatch lets in whom there is room for. Needs the lock.
func (b *Bound) dispatch() {
	for b.queue.Len() > 0 && b.room() {
		if ready, ok := b.queue.Remove(b.queue.Front()).(chan struct{}); ok {
			b.held++
			close(ready)
		}
	}
}
