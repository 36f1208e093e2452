package main

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"duly/internal/batch"
	"duly/internal/payment"
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
		a := newApp(nil, &b, io.Discard)
		a.Screen.wide = width
		a.Screen.table(header, rows)
		fmt.Fprintf(&out, "%d columns\n%s", width, b.String())
		for line := range strings.Lines(b.String()) {
			require.True(t, width == 0 || text.StringWidth(strings.TrimSuffix(line, "\n")) <= width, line)
		}
	}
	golden(t, "tables.golden", out.String())
}

// Nothing that people read on a terminal of 80 columns is wider than it, but for words that are.
func TestEightyColumns(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.filled(t, &hook{status: 204})
	s.enrol(t, "wrong_amount", 500)
	s.enrol(t, "hard", 500)
	s.each = func(a *app) { a.Screen.wide = 80 }
	order := s.order(t, "payment_in_progress", payment.Succeeded)
	for _, args := range []string{
		"status", "run nightly --dry-run", "run nightly", "runs", "show run 101", "show subscription 1", "show invoice 4", fmt.Sprint("show order ", order),
		"doctor", "run fly", "migrate status", "status",
	} {
		got := s.duly(t, strings.Fields(args)...)
		require.Less(t, got.code, batch.ExitNotRun, args)
		for line := range strings.Lines(got.out + got.err) {
			line = strings.TrimSuffix(line, "\n")
			wide := text.StringWidth(line) > 80 && len(strings.Fields(line)) > 1
			require.False(t, wide && !strings.HasPrefix(line, "next: ") && !strings.HasPrefix(line, "{"), "%s: %s", args, line)
		}
	}
}
