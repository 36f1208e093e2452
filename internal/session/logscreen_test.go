package session

import (
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Log lines go above the progress lines while those are drawn.
func TestLogLinesGoAboveProgress(t *testing.T) {
	t.Parallel()
	var below, above strings.Builder
	s := &logScreen{to: &below}
	write := func(line string) {
		n, err := io.WriteString(s, line)
		require.NoError(t, err)
		require.Equal(t, len(line), n)
	}
	write("one\n")
	s.Put(func(line string) { above.WriteString(line) })
	write("two: 100%\n")
	s.Put(nil)
	write("three\n")
	require.Equal(t, "one\nthree\n", below.String())
	require.Equal(t, "two: 100%\n", above.String())
}
