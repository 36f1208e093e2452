package session

import (
	"bytes"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/cli"
)

func TestErrorLinesAreCounted(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	for level, shown := range map[string]bool{"error": true, "debug": true} {
		out.Reset()
		a := New(cli.NewScreen([]string{"DULY_LOG_LEVEL=" + level}, io.Discard, &out), "dev", time.Now, nil)
		c, err := a.Load()
		require.NoError(t, err)
		l, err := a.Logger(c)
		require.NoError(t, err)
		l.Warn("w")
		l.With(slog.Int("a", 1)).WithGroup("g").Error("e1", slog.String("a", "b"))
		l.Error("e2")
		l.Error("e2")
		n, messages := l.Errors.Seen()
		require.Equal(t, int64(3), n)
		require.Equal(t, []string{"e1", "e2"}, messages)
		require.Equal(t, shown, strings.Contains(out.String(), "e2"))
		require.Equal(t, level == "debug", strings.Contains(out.String(), `"w"`))
	}
}
