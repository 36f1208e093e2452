package main

import (
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"duly/internal/batch"
	"duly/internal/gateway/simulator"
)

// tickWhileCharging ticks again and again, as a clock does, but faster.
func tickWhileCharging(_ time.Duration, tick func()) func() { return every(5*time.Millisecond, tick) }

func TestProgressIsLogged(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.sim.Update(func(c *simulator.Config) { c.Latency.Fixed = 30 * time.Millisecond })
	for range 20 {
		s.enrol(t, "soft", 100)
	}
	intervals := map[time.Duration]bool{}
	s.each = func(a *app) {
		a.every = func(interval time.Duration, tick func()) func() {
			intervals[interval] = true
			return tickWhileCharging(interval, tick)
		}
	}
	got := s.duly(t, "run", "billing", "--parallelism", "2", "--chunk-size", "2")
	require.Equal(t, batch.ExitDone, got.code, got.err)
	require.Equal(t, map[time.Duration]bool{10 * time.Second: true}, intervals)
	var last map[string]any
	for line := range strings.Lines(got.err) {
		var entry map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &entry), line)
		if entry["msg"] == "progress" && entry["step"] == "collect" {
			last = entry
		}
	}
	require.NotNil(t, last)
	require.Equal(t, float64(20), last["due"])
	require.Greater(t, last["done"], float64(0))
	require.Greater(t, last["rate_per_second"], float64(0))
	require.Equal(t, last["done"], last["declined"])
	require.Equal(t, float64(1), last["run_id"])
}

func TestProgressIsDrawn(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.sim.Update(func(c *simulator.Config) { c.Latency.Fixed = 30 * time.Millisecond })
	for range 20 {
		s.enrol(t, "soft", 100)
	}
	s.each = func(a *app) { a.Screen.terminal, a.every = func(io.Writer) bool { return true }, tickWhileCharging }
	got := s.duly(t, "run", "billing", "--parallelism", "2", "--chunk-size", "2")
	require.Equal(t, batch.ExitDone, got.code, got.err)
	require.Regexp(t, `> collect  [\d]+ of 20`, got.out)
	require.Contains(t, got.out, "✓ collect  20 declined · ")
	require.Less(t, strings.LastIndex(got.out, "> collect"), strings.Index(got.out, "Declined   20: do_not_honor 20"), "the summary comes last")
	require.Equal(t, 1, strings.Count(got.out, "✓ collect"), "each step is told of once")
	require.Empty(t, got.err, "it is drawn, and not logged beside that")

	for _, quiet := range []string{"--no-progress", "--json"} {
		require.NotContains(t, s.duly(t, "run", "billing", quiet).out, "> collect")
	}
}

func TestStateInWords(t *testing.T) {
	t.Parallel()
	busy := state{step: "retry-1", done: 1300, due: 2500, rate: 80.4, left: 15 * time.Second, declined: 62, inDoubt: 6}
	for want, s := range map[string]struct {
		state  state
		within string
		width  int
	}{
		"> issue    0":        {state{step: "issue", due: -1}, "", 80},
		"> collect  0 of 500": {state{step: "collect", due: 500}, "", 80},
		"> retry-1  1,300 of 2,500 · 80/s · 15s left · 62 declined · 6 in doubt": {busy, "", 80},
		"> retry-1  1,300 of 2,500 · 15s left · 62 declined · 6 in doubt":        {busy, "", 65},
		"> retry-1  1,300 of 2,500 · 15s left · 6 in doubt":                      {busy, "", 55},
		"> billing  retry-1 1,300 of 2,500 · 15s left · 6 in doubt":              {busy, "billing", 58},
		"> retry-1  1,300 of 2,": {busy, "", 22},
		"> recover-last  0 of 4 · waits for run 38, lease ends in 12s": {state{step: "recover-last", due: 4, waits: "waits for run 38, lease ends in 12s"}, "", 80},
	} {
		require.Equal(t, want, s.state.line(s.within, s.width))
	}
}

// The live line is never wider than the terminal, whatever the numbers.
func TestTheLiveLineFits(t *testing.T) {
	t.Parallel()
	count := rapid.Int64Range(0, 1_000_000_000)
	rapid.Check(t, func(t *rapid.T) {
		s := state{
			step: rapid.StringMatching(`[a-z가-힣-]{1,20}`).Draw(t, "step"), label: batch.Label{Declined: rapid.StringMatching(`[a-z ]{0,20}`).Draw(t, "declined")},
			done: count.Draw(t, "done"), due: count.Draw(t, "due") - 1, rate: rapid.Float64Range(0, 1e6).Draw(t, "rate"),
			left: time.Duration(count.Draw(t, "left")) * time.Millisecond, declined: count.Draw(t, "declines"), inDoubt: count.Draw(t, "in doubt"),
			waits: rapid.StringMatching(`[a-z ]{0,60}`).Draw(t, "waits"),
		}
		width := rapid.IntRange(0, 200).Draw(t, "width")
		line := s.line(rapid.StringMatching(`[a-z]{0,10}`).Draw(t, "within"), width)
		require.LessOrEqual(t, text.StringWidth(line), width, line)
		require.NotContains(t, line, "\n")
	})
}

// The rate is that of the last seconds, and the time that is left follows from it.
func TestTheRateIsOfTheLastSeconds(t *testing.T) {
	t.Parallel()
	var w rateWindow
	require.InDelta(t, 0, w.rate(0, 0), 0)
	require.InDelta(t, 100, w.rate(time.Second, 100), 0)
	for second := 2; second <= 100; second++ { // 10 a second since
		w.rate(time.Duration(second)*time.Second, int64(100+10*(second-1)))
	}
	require.InDelta(t, 10, w.rate(101*time.Second, 1100), 0.01)
	require.LessOrEqual(t, len(w.seen), 40)
}

// What is drawn anew takes the place of what was drawn before, and what is written above it stays.
func TestRedraw(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	r := &redraw{to: &out}
	r.draw("> collect  1", "slow: main")
	r.draw("> collect  1", "slow: main") // as it is: nothing is written
	r.draw("> collect  2")
	r.above("a log line")
	r.draw()
	require.Equal(t, "> collect  1\nslow: main\r\x1b[K\x1b[1A\x1b[K> collect  2\r\x1b[Ka log line\n> collect  2\r\x1b[K", out.String())

	out.Reset()
	r = &redraw{to: &out, plain: true}
	r.draw("> collect  10", "slow: main")
	r.draw("> collect  9")
	r.draw()
	require.Equal(t, "> collect  10\r             \r> collect  9\r            \r", out.String())
}

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
	s.put(func(line string) { above.WriteString(line) })
	write("two: 100%\n")
	s.put(nil)
	write("three\n")
	require.Equal(t, "one\nthree\n", below.String())
	require.Equal(t, "two: 100%\n", above.String())
}
