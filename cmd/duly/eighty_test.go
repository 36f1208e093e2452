package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/stretchr/testify/require"

	"duly/internal/app"
	"duly/internal/batch"
	"duly/internal/payment"
)

// Nothing that people read on a terminal of 80 columns is wider than it, but for words that are.
func TestEightyColumns(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.filled(t, &hook{status: 204})
	s.enrol(t, "wrong_amount", 500)
	s.enrol(t, "hard", 500)
	s.each = func(a *app.Command) { a.Screen.Wide = 80 }
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
