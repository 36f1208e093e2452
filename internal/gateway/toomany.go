package gateway

import (
	"context"
	"sync/atomic"
)

// watched remembers what became of one request: the guard said no; the gateway answered that there are too many.
type watched struct{ refused, tooMany atomic.Bool }

type watchedKey struct{}

// NoteTooMany notes that the gateway answered the request of ctx with 429, whatever that means for the request itself.
func NoteTooMany(ctx context.Context) {
	if w, ok := ctx.Value(watchedKey{}).(*watched); ok {
		w.tooMany.Store(true)
	}
}
