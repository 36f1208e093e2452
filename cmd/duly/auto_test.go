package main

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/checkup"
	"duly/internal/gateway/simulator"
	"duly/internal/view"
)

// What `parallelism: auto` found is told wherever a run is: at its end, in metrics, in the log, while it lives, and by doctor.
func TestWhatParallelismAutoFound(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.lively()
	metric := s.textfile(t)
	for range 60 {
		s.enrol(t, "ok", 100)
	}
	fixed := document[view.Summary](t, s.duly(t, "run", "billing", "--limit", "1", "--json"))
	require.Empty(t, fixed.Parallelism)
	require.InDelta(t, -1, metric(`duly_gateway_parallelism{gateway="main"}`), 0)

	s.env = append(s.env, "DULY_GATEWAYS_MAIN_PARALLELISM=auto", "DULY_GATEWAYS_MAIN_MAX_PARALLELISM=3")
	require.Contains(t, check(t, s.duly(t, "doctor", "--json"), "gateway main").Detail, "; parallelism auto: up to 3")
	s.sim.Update(func(c *simulator.Config) { c.Latency.Fixed = 20 * time.Millisecond })
	got := s.duly(t, "run", "billing")
	require.Equal(t, batch.ExitDone, got.code, got.out+got.err)
	require.Contains(t, got.out, "Auto       parallelism: main 3\n")
	require.Contains(t, got.err, "parallelism auto found another number")
	require.InDelta(t, 3, metric(`duly_gateway_parallelism{gateway="main"}`), 0)
	require.LessOrEqual(t, s.sim.Stats().MaxConcurrent, 3)
	one := s.duly(t, "run", "report")
	require.NotContains(t, one.out, "Auto ", "it sent too little to find anything")
	require.Contains(t, check(t, s.duly(t, "doctor", "--json"), "gateway main").Detail, "; parallelism auto: run 2 found 3, up to 3")

	s.live(t, 17)
	s.exec(t, `UPDATE job_runs SET state = '{"gateways": {"main": {"requests": 9, "open": 5, "bound": 40, "parallelism_auto": 37}}}' WHERE id = 17`)
	require.Contains(t, s.duly(t, "status").out, "parallelism auto: main 37\n")
	require.Contains(t, s.duly(t, "status", "--verbose").out, "5 of 40 requests busy · parallelism auto: 37 ·")
	require.Contains(t, check(t, s.duly(t, "doctor", "--json"), "gateway main").Detail, "; parallelism auto: run 17 found 37, up to 3")
	require.Empty(t, document[view.Summary](t, s.duly(t, "run", "billing", "--parallelism", "2", "--json")).Parallelism, "a flag fixes it")
}

// check is one of the checks of a doctor's document.
func check(t *testing.T, got ended, name string) checkup.Check {
	t.Helper()
	all := document[[]checkup.Check](t, got)
	at := slices.IndexFunc(all, func(c checkup.Check) bool { return c.Check == name })
	require.GreaterOrEqual(t, at, 0, "%v", all)
	return all[at]
}
