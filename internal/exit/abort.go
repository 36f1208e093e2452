package exit

import (
	"context"
	"sync"
	"time"
)

// AbortHooks are functions that run before a second signal ends the process. The zero value has none; its methods are safe for concurrent use.
type AbortHooks struct {
	mu    sync.Mutex
	last  int
	hooks map[int]func()
}

type abortHooksKey struct{}

// With returns a context in which [OnAbort] adds to h.
func (h *AbortHooks) With(ctx context.Context) context.Context {
	return context.WithValue(ctx, abortHooksKey{}, h)
}

// OnAbort adds a hook, which must not wait for anything. The caller must call remove once it is not needed any more.
func OnAbort(ctx context.Context, hook func()) (remove func()) {
	h, ok := ctx.Value(abortHooksKey{}).(*AbortHooks)
	if !ok {
		return func() {}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.hooks == nil {
		h.hooks = map[int]func(){}
	}
	h.last++
	n := h.last
	h.hooks[n] = hook
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.hooks, n)
	}
}

// Run calls the hooks, and returns after limit at the latest: the terminal that they write to may be stuck.
func (h *AbortHooks) Run(limit time.Duration) {
	h.mu.Lock()
	hooks := make([]func(), 0, len(h.hooks))
	for _, hook := range h.hooks {
		hooks = append(hooks, hook)
	}
	h.mu.Unlock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, hook := range hooks {
			hook()
		}
	}()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	}
}
