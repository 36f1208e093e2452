package exit

import (
	"context"
	"sync"
	"time"
)

// LastWords are what is said before the process ends at once. The zero value has none; its methods are safe for concurrent use.
type LastWords struct {
	mu   sync.Mutex
	last int
	says map[int]func()
}

type lastWordsKey struct{}

// With returns a context whose work can leave last words in w.
func (w *LastWords) With(ctx context.Context) context.Context {
	return context.WithValue(ctx, lastWordsKey{}, w)
}

// BeforeEnding has say called if the process ends at once, until done is called. It must not wait for anything.
func BeforeEnding(ctx context.Context, say func()) (done func()) {
	w, ok := ctx.Value(lastWordsKey{}).(*LastWords)
	if !ok {
		return func() {}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.says == nil {
		w.says = map[int]func(){}
	}
	w.last++
	n := w.last
	w.says[n] = say
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.says, n)
	}
}

// Say says them, and returns after within at the latest: nobody may read what is written.
func (w *LastWords) Say(within time.Duration) {
	w.mu.Lock()
	says := make([]func(), 0, len(w.says))
	for _, say := range w.says {
		says = append(says, say)
	}
	w.mu.Unlock()
	said := make(chan struct{})
	go func() {
		defer close(said)
		for _, say := range says {
			say()
		}
	}()
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-said:
	case <-timer.C:
	}
}
