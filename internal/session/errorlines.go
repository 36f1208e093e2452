package session

import (
	"context"
	"log/slog"
	"slices"
	"sync"
)

// messagesKept is how many different messages are kept of the lines that were counted.
const messagesKept = 3

// ErrorLines counts the error lines of a log. It is safe for concurrent use.
type ErrorLines struct {
	mu       sync.Mutex
	n        int64
	messages []string // the first ones, without attributes: those may hold anything
}

// count hands records on to next and counts those of errors, also where next leaves them out.
func (l *ErrorLines) count(next slog.Handler) slog.Handler { return counting{next, l} }

// Seen is how many there were, and what the first ones said.
func (l *ErrorLines) Seen() (n int64, messages []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.n, slices.Clone(l.messages)
}

// Add counts a line, and keeps its message if it is one of the first different ones.
func (l *ErrorLines) Add(message string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.n++
	if len(l.messages) < messagesKept && !slices.Contains(l.messages, message) {
		l.messages = append(l.messages, message)
	}
}

// counting is a slog.Handler that counts.
type counting struct {
	next  slog.Handler
	lines *ErrorLines
}

// Enabled implements slog.Handler.
func (c counting) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelError || c.next.Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (c counting) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelError {
		c.lines.Add(r.Message)
	}
	if !c.next.Enabled(ctx, r.Level) {
		return nil
	}
	return c.next.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (c counting) WithAttrs(attrs []slog.Attr) slog.Handler {
	return counting{c.next.WithAttrs(attrs), c.lines}
}

// WithGroup implements slog.Handler.
func (c counting) WithGroup(name string) slog.Handler {
	return counting{c.next.WithGroup(name), c.lines}
}
