package main

import (
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/app"
	"duly/internal/batch"
	"duly/internal/gateway/simulator"
	"duly/internal/session"
)

// tickWhileCharging ticks again and again, as a clock does, but faster.
func tickWhileCharging(_ time.Duration, tick func()) func() {
	return session.Every(5*time.Millisecond, tick)
}

func TestProgressIsLogged(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.sim.Update(func(c *simulator.Config) { c.Latency.Fixed = 30 * time.Millisecond })
	for range 20 {
		s.enrol(t, "soft", 100)
	}
	intervals := map[time.Duration]bool{}
	s.each = func(a *app.Command) {
		a.Every = func(interval time.Duration, tick func()) func() {
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
	s.each = func(a *app.Command) {
		a.Screen.Terminal, a.Every = func(io.Writer) bool { return true }, tickWhileCharging
	}
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
