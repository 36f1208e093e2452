package gateway

import (
	"context"
	"sync/atomic"
)

type tooManyKey struct{}

// withTooMany returns a context under which said is true once a request was answered that there are too many.
func withTooMany(ctx context.Context) (_ context.Context, said *atomic.Bool) {
	said = new(atomic.Bool)
	return context.WithValue(ctx, tooManyKey{}, said), said
}

// NoteTooMany notes that the gateway answered the request of ctx with 429, whatever that means for the request itself.
func NoteTooMany(ctx context.Context) {
	if said, ok := ctx.Value(tooManyKey{}).(*atomic.Bool); ok {
		said.Store(true)
	}
}
