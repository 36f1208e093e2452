package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/runs"
	"duly/internal/view"
	"duly/jobs"
)

// Refunds are no part of what a run collected, and the step in which a run died was under way until its last heartbeat.
func TestADeadRunAndItsRefunds(t *testing.T) {
	t.Parallel()
	begin := time.Date(2026, 11, 28, 2, 0, 0, 0, time.UTC)
	ended := begin.Add(3 * time.Second)
	steps := []runs.PastStep{
		{Step: jobs.StepReconcile, Status: "completed", Started: begin, Finished: &ended, Amounts: []byte(`{"KRW": 700}`)},
		{Step: jobs.StepRefund, Status: "running", Started: ended, Amounts: []byte(`{"KRW": 500}`)},
	}
	run := runs.PastRun{ID: 1, Job: jobs.ReconcileJob, Status: "running", LeaseMS: 15_000, Started: begin, Beat: begin.Add(10 * time.Second)}

	for _, c := range []struct {
		name  string
		now   time.Time
		alive bool
		want  float64
	}{
		{"alive", begin.Add(12 * time.Second), true, 9},
		{"died an hour ago", begin.Add(time.Hour), false, 7},
	} {
		v, err := view.RunOf(run, steps, c.now)
		require.NoError(t, err, c.name)
		require.Equal(t, c.alive, v.Alive, c.name)
		require.InDelta(t, 3, v.Steps[0].Seconds, 0, c.name)
		require.InDelta(t, c.want, v.Steps[1].Seconds, 0, c.name)
		require.Equal(t, map[string]int64{"KRW": 700}, v.Collected(), c.name)
	}
}
