package worktest

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
)

// InMemory does one piece of work as a step of a run that no database knows of, and returns how it ended. The
// run stops with ctx.
func InMemory(ctx context.Context, t testing.TB, do func(ctx context.Context, x *batch.StepExecution) error) batch.Result {
	t.Helper()
	runner := &batch.Runner{
		Repository: memory{}, Heartbeat: time.Hour, Drain: time.Second, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	}
	step := batch.Tasklet{StepName: "work", Do: func(_ context.Context, x *batch.StepExecution) error { return do(x.Work, x) }}
	result, err := runner.Run(ctx, batch.Job{Name: "billing", Steps: []batch.Step{step}}, Spec())
	require.NoError(t, err)
	return result
}

// memory keeps no runs.
type memory struct{}

func (memory) Start(_ context.Context, s batch.Spec) (*batch.Run, error) {
	return &batch.Run{ID: 1, Job: s.Job, Lease: s.Lease}, nil
}

func (memory) Beat(context.Context, *batch.Run, []batch.Progress) error { return nil }

func (memory) Finish(context.Context, *batch.Run, []batch.Progress, batch.Result) error { return nil }
