package view

import (
	"testing"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"duly/internal/batch"
)

func TestStateInWords(t *testing.T) {
	t.Parallel()
	busy := LiveStep{Step: "retry-1", Done: 1300, Due: 2500, Rate: 80.4, Left: 15 * time.Second, Declined: 62, InDoubt: 6}
	for want, s := range map[string]struct {
		state  LiveStep
		within string
		width  int
	}{
		"> issue    0":        {LiveStep{Step: "issue", Due: -1}, "", 80},
		"> collect  0 of 500": {LiveStep{Step: "collect", Due: 500}, "", 80},
		"> retry-1  1,300 of 2,500 · 80/s · 15s left · 62 declined · 6 in doubt": {busy, "", 80},
		"> retry-1  1,300 of 2,500 · 15s left · 62 declined · 6 in doubt":        {busy, "", 65},
		"> retry-1  1,300 of 2,500 · 15s left · 6 in doubt":                      {busy, "", 55},
		"> billing  retry-1 1,300 of 2,500 · 15s left · 6 in doubt":              {busy, "billing", 58},
		"> retry-1  1,300 of 2,": {busy, "", 22},
	} {
		require.Equal(t, want, s.state.Line(s.within, s.width))
	}
}

// The live line is never wider than the terminal, whatever the numbers.
func TestTheLiveLineFits(t *testing.T) {
	t.Parallel()
	count := rapid.Int64Range(0, 1_000_000_000)
	rapid.Check(t, func(t *rapid.T) {
		s := LiveStep{
			Step: rapid.StringMatching(`[a-z가-힣-]{1,20}`).Draw(t, "step"), Label: batch.Label{Declined: rapid.StringMatching(`[a-z ]{0,20}`).Draw(t, "declined")},
			Done: count.Draw(t, "done"), Due: count.Draw(t, "due") - 1, Rate: rapid.Float64Range(0, 1e6).Draw(t, "rate"),
			Left: time.Duration(count.Draw(t, "left")) * time.Millisecond, Declined: count.Draw(t, "declines"), InDoubt: count.Draw(t, "in doubt"),
		}
		width := rapid.IntRange(0, 200).Draw(t, "width")
		line := s.Line(rapid.StringMatching(`[a-z]{0,10}`).Draw(t, "within"), width)
		require.LessOrEqual(t, text.StringWidth(line), width, line)
		require.NotContains(t, line, "\n")
	})
}

// The rate is that of the last seconds, and the time that is left follows from it.
func TestTheRateIsOfTheLastSeconds(t *testing.T) {
	t.Parallel()
	var w RateWindow
	require.InDelta(t, 0, w.Rate(0, 0), 0)
	require.InDelta(t, 100, w.Rate(time.Second, 100), 0)
	for second := 2; second <= 100; second++ { // 10 a second since
		w.Rate(time.Duration(second)*time.Second, int64(100+10*(second-1)))
	}
	require.InDelta(t, 10, w.Rate(101*time.Second, 1100), 0.01)
	require.LessOrEqual(t, len(w.seen), 40)
}
