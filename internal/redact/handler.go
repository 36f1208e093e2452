package redact

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
)

// Handler hands records on to next without secrets in message and attributes.
func (r *Redactor) Handler(next slog.Handler) slog.Handler { return handler{r, next} }

type handler struct {
	redactor *Redactor
	next     slog.Handler
}

// Enabled implements slog.Handler.
func (h handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (h handler) Handle(ctx context.Context, record slog.Record) error {
	clean := slog.NewRecord(record.Time, record.Level, h.redactor.logged(record.Message), record.PC)
	record.Attrs(func(a slog.Attr) bool {
		clean.AddAttrs(h.redactor.attr(a))
		return true
	})
	return h.next.Handle(ctx, clean)
}

// WithAttrs implements slog.Handler.
func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return handler{h.redactor, h.next.WithAttrs(h.redactor.attrs(attrs))}
}

// WithGroup implements slog.Handler.
func (h handler) WithGroup(name string) slog.Handler {
	return handler{h.redactor, h.next.WithGroup(name)}
}

// longestLogged bounds, in bytes, the texts of a record: some are others', of any length.
const longestLogged = 8 << 10

// logged is a text of a record.
func (r *Redactor) logged(text string) string {
	if text = r.String(text); len(text) > longestLogged {
		return strings.ToValidUTF8(text[:longestLogged], "") + "…"
	}
	return text
}

func (r *Redactor) attrs(attrs []slog.Attr) []slog.Attr {
	clean := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		clean[i] = r.attr(a)
	}
	return clean
}

func (r *Redactor) attr(a slog.Attr) slog.Attr {
	v := a.Value.Resolve()
	switch {
	case v.Kind() == slog.KindGroup:
		return slog.Attr{Key: a.Key, Value: slog.GroupValue(r.attrs(v.Group())...)}
	case sensitive(a.Key) && v.String() != "":
		return slog.String(a.Key, Hidden)
	case v.Kind() == slog.KindString:
		return slog.String(a.Key, r.logged(v.String()))
	case v.Kind() == slog.KindAny:
		return slog.Any(a.Key, r.value(v.Any()))
	}
	return slog.Attr{Key: a.Key, Value: v}
}

// value is v, or a text instead of it if a secret is in what a handler may write of it.
func (r *Redactor) value(v any) any {
	switch v := v.(type) {
	case nil:
		return nil
	case error:
		return r.logged(v.Error())
	case fmt.Stringer:
		return r.logged(v.String())
	case []byte:
		return r.logged(string(v))
	}
	text := fmt.Sprintf("%+v", v)
	if clean := r.logged(text); clean != text {
		return clean
	}
	if encoded, err := json.Marshal(v); err == nil {
		if clean := r.logged(string(encoded)); clean != string(encoded) {
			return clean
		}
	}
	return v
}

// sensitive says whether the value of an attribute of that name is nobody's, whatever it is.
func sensitive(name string) bool {
	name = strings.NewReplacer("-", "", "_", "", ".", "", " ", "").Replace(strings.ToLower(name))
	for _, part := range []string{
		"password", "passwd", "secret", "token", "authorization", "cookie", "credential", "apikey", "dsn", "paymentmethod",
		"cardnumber", "customer", "email",
	} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}
