package redact_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/redact"
)

const secret = `p/w "d'+1` + "\n"

func TestEveryFormOfASecretIsReplaced(t *testing.T) {
	r := redact.New(secret, "", "abc", "token-1", "token-12")
	for name, text := range map[string]string{
		"plain":   secret,
		"query":   url.QueryEscape(secret),
		"path":    url.PathEscape(secret),
		"quoted":  fmt.Sprintf("%q", secret),
		"several": "token-1 and token-1",
	} {
		t.Run(name, func(t *testing.T) {
			got := r.String("<" + text + ">")
			require.Contains(t, got, redact.Hidden)
			require.NotContains(t, got, "token-1")
			require.NotContains(t, got, "d'")
		})
	}
	require.Equal(t, "[redacted]!", r.String("token-12!"), "the longer of two secrets counts")
	require.Equal(t, "abc is too short to be looked for", r.String("abc is too short to be looked for"))
	require.Equal(t, "nothing", redact.New().String("nothing"))
}

type shown struct{ text string }

func (s shown) String() string { return s.text }

type valuer struct{ text string }

func (v valuer) LogValue() slog.Value { return slog.StringValue(v.text) }

type fields struct {
	Text string `json:"text"`
	n    []byte
}

func TestRecordsHoldNoSecret(t *testing.T) {
	r := redact.New("token-1")
	for name, log := range map[string]func(*slog.Logger){
		"message":         func(l *slog.Logger) { l.Info("it is token-1") },
		"text":            func(l *slog.Logger) { l.Info("m", slog.String("a", "is token-1")) },
		"error":           func(l *slog.Logger) { l.Info("m", slog.Any("a", fmt.Errorf("bad: %w", errors.New("token-1")))) },
		"stringer":        func(l *slog.Logger) { l.Info("m", slog.Any("a", shown{"token-1"})) },
		"valuer":          func(l *slog.Logger) { l.Info("m", slog.Any("a", valuer{"token-1"})) },
		"bytes":           func(l *slog.Logger) { l.Info("m", slog.Any("a", []byte("token-1"))) },
		"list":            func(l *slog.Logger) { l.Info("m", slog.Any("a", []string{"x", "token-1"})) },
		"struct":          func(l *slog.Logger) { l.Info("m", slog.Any("a", fields{Text: "token-1"})) },
		"pointer":         func(l *slog.Logger) { l.Info("m", slog.Any("a", &fields{Text: "token-1"})) },
		"group":           func(l *slog.Logger) { l.Info("m", slog.Group("g", slog.String("a", "token-1"))) },
		"with":            func(l *slog.Logger) { l.With(slog.String("a", "token-1")).Info("m") },
		"with in a group": func(l *slog.Logger) { l.WithGroup("g").With(slog.String("a", "token-1")).Info("m") },
		"by its name": func(l *slog.Logger) {
			l.With(slog.String("payment_method", "unknown")).Info("m", slog.String("Api-Key", "unknown"), slog.String("db.password", "unknown"))
		},
		"number": func(l *slog.Logger) { l.Info("m", slog.Int("token", 12345)) },
	} {
		t.Run(name, func(t *testing.T) {
			leaks := func(wrap func(slog.Handler) slog.Handler) bool {
				leak := false
				for _, make := range []func(*bytes.Buffer) slog.Handler{
					func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
					func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
				} {
					var out bytes.Buffer
					log(slog.New(wrap(make(&out))))
					for _, secret := range []string{"token-1", "unknown", "12345", "dG9rZW4tMQ"} {
						leak = leak || bytes.Contains(out.Bytes(), []byte(secret))
					}
				}
				return leak
			}
			require.True(t, leaks(func(h slog.Handler) slog.Handler { return h }), "without redaction it shows")
			require.False(t, leaks(r.Handler))
		})
	}
}

func TestOtherRecordsAreLeftAsTheyAre(t *testing.T) {
	write := func(wrap func(slog.Handler) slog.Handler) string {
		var out bytes.Buffer
		l := slog.New(wrap(slog.NewJSONHandler(&out, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}})))
		l.Debug("not shown")
		l.With(slog.Int("run_id", 7)).WithGroup("g").Warn("m", slog.Float64("n", 1.5), slog.Any("list", []string{"a"}),
			slog.Any("nothing", nil), slog.String("token", ""), slog.Any("struct", fields{Text: "x", n: []byte("y")}))
		require.False(t, l.Enabled(context.Background(), slog.LevelDebug))
		return out.String()
	}
	require.Equal(t, write(func(h slog.Handler) slog.Handler { return h }), write(redact.New("secret").Handler))
}
