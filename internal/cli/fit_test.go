package cli

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"duly/internal/test/golden"
)

func TestHang(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ line, want string }{
		{"short", "short"},
		{"exactly 12 c", "exactly 12 c"},
		{"one two three four", "one two\n  three four"},
		{"  one two three", "  one two\n    three"},
		{"a   b   c   d   e", "a   b   c\n  d   e"},
		{"/a/path/that/is/long and more", "/a/path/that/is/long\n  and more"},
		{"see /a/path/that/is/long", "see\n  /a/path/that/is/long"},
		{"소울 서울 부산 대구", "소울 서울\n  부산 대구"},
	} {
		require.Equal(t, c.want, wrap(c.line, 12), c.line)
	}
}

// Lines lose no word and break none.
func TestHangKeepsEveryWord(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		line := rapid.StringMatching(`[ ]{0,4}[a-zé]{1,9}([ ]{1,3}[a-zé]{1,30}){0,12}`).Draw(t, "line")
		width := rapid.IntRange(10, 60).Draw(t, "width")
		got := wrap(line, width)
		require.Equal(t, strings.Fields(line), strings.Fields(got))
		for part := range strings.SplitSeq(got, "\n") {
			require.True(t, text.StringWidth(part) <= width || len(strings.Fields(part)) == 1, part)
		}
	})
}

// A table is as narrow as it must be: cells are broken between words, and where that is not enough, its rows are
// written one below the other.
func TestTablesFit(t *testing.T) {
	t.Parallel()
	header := table.Row{"payment", "nothing", "why", "at"}
	rows := []table.Row{
		{1, "", "the charge never arrived at the gateway", "2026-01-31 03:12:05 UTC"},
		{20000, "", "declined", "2026-01-31 03:12:05 UTC"},
	}
	var out strings.Builder
	for _, width := range []int{0, 120, 60, 44, 30} {
		var b strings.Builder
		screen := NewScreen(nil, &b, io.Discard)
		screen.Wide = width
		screen.Table(header, rows)
		fmt.Fprintf(&out, "%d columns\n%s", width, b.String())
		for line := range strings.Lines(b.String()) {
			require.True(t, width == 0 || text.StringWidth(strings.TrimSuffix(line, "\n")) <= width, line)
		}
	}
	golden.Equal(t, "tables.golden", out.String())
}
