package main

import (
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

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
	s.each = func(a *app) { a.terminal, a.every = func(io.Writer) bool { return true }, tickWhileCharging }
	got := s.duly(t, "run", "billing", "--parallelism", "2", "--chunk-size", "2")
	require.Equal(t, batch.ExitDone, got.code, got.err)
	require.Contains(t, got.out, "collect      20 of 20 · ")
	require.Contains(t, got.out, " · 20 declined")
	require.Less(t, strings.LastIndex(got.out, "collect      20 of 20"), strings.Index(got.out, "┌"), "the summary comes last")
	require.NotContains(t, got.err, "msg=progress", "it is drawn, and not logged beside that")
	require.Len(t, strings.Split(strings.TrimSpace(got.err), "\n"), 1, got.err)
	require.Contains(t, got.err, `causes="20 × declined: do_not_honor"`)

	for _, quiet := range []string{"--no-progress", "--json"} {
		require.NotContains(t, s.duly(t, "run", "billing", quiet).out, "collect      0 of")
	}
}

func TestStateInWords(t *testing.T) {
	t.Parallel()
	for want, s := range map[string]state{
		"issue        0":        {step: "issue", due: -1},
		"collect      0 of 500": {step: "collect", due: 500},
		"retry-1      300 of 500 · 20/s · 10s left · 4 declined · 2 in doubt · circuit of main open": {
			step: "retry-1", done: 300, due: 500, rate: 20, left: 10 * time.Second, declined: 4, inDoubt: 2, open: []string{"main"},
		},
	} {
		require.Equal(t, want, s.String())
	}
}

// Log lines go above the progress lines while those are drawn.
func TestLogLinesGoAboveProgress(t *testing.T) {
	t.Parallel()
	var below, above strings.Builder
	s := &screen{to: &below}
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
