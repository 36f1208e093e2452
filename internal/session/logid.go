package session

import (
	"context"
	"log/slog"
	"slices"
	"sync/atomic"
)

// runKey is the attribute that names the run of a log line.
const runKey = "run_id"

// identified hands records on with the run, once there is one, unless they name one themselves.
type identified struct {
	next  slog.Handler
	run   *atomic.Uint64 // 0: there is none yet
	named bool
}

// Enabled implements slog.Handler.
func (i identified) Enabled(ctx context.Context, level slog.Level) bool {
	return i.next.Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (i identified) Handle(ctx context.Context, r slog.Record) error {
	named := i.named
	r.Attrs(func(a slog.Attr) bool {
		named = named || a.Key == runKey
		return !named
	})
	if run := i.run.Load(); run != 0 && !named {
		r = r.Clone()
		r.AddAttrs(slog.Uint64(runKey, run))
	}
	return i.next.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (i identified) WithAttrs(attrs []slog.Attr) slog.Handler {
	i.named = i.named || slices.ContainsFunc(attrs, func(a slog.Attr) bool { return a.Key == runKey })
	i.next = i.next.WithAttrs(attrs)
	return i
}

// WithGroup implements slog.Handler.
func (i identified) WithGroup(name string) slog.Handler {
	i.next = i.next.WithGroup(name)
	return i
}
