package cli

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What is drawn anew takes the place of what was drawn before, and what is written above it stays.
func TestRedraw(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	r := &Redraw{To: &out}
	r.Draw("> collect  1", "slow: main")
	r.Draw("> collect  1", "slow: main") // as it is: nothing is written
	r.Draw("> collect  2")
	r.Above("a log line")
	r.Draw()
	require.Equal(t, "> collect  1\nslow: main\r\x1b[K\x1b[1A\x1b[K> collect  2\r\x1b[Ka log line\n> collect  2\r\x1b[K", out.String())

	out.Reset()
	r = &Redraw{To: &out, Plain: true}
	r.Draw("> collect  10", "slow: main")
	r.Draw("> collect  9")
	r.Draw()
	require.Equal(t, "> collect  10\r             \r> collect  9\r            \r", out.String())
}
