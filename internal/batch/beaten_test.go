package batch_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
)

// The hook is called after heartbeats that counted, and after no other.
func TestBeatenAfterEachHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		kept := &runs{beat: func(n int) error {
			if n == 2 {
				return batch.ErrUnavailable
			}
			return nil
		}}
		r := runner(kept)
		r.AfterHeartbeat = func(_ context.Context, run *batch.Run) {
			require.NotZero(t, run.ID)
			calls.Add(1)
		}
		run(t.Context(), t, r, tasklet("long", func(ctx context.Context, _ *batch.StepExecution) error {
			return sleep(ctx, 4*r.Heartbeat+r.Heartbeat/2)
		}))
		require.Equal(t, int64(3), calls.Load())
	})
}

// A slow hook delays no heartbeat and loses no lease; the run waits for it at its end, having told it.
func TestBeatenDelaysNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var beats, calls, ended atomic.Int64
		kept := &runs{beat: func(int) error { beats.Add(1); return nil }}
		r := runner(kept)
		r.AfterHeartbeat = func(ctx context.Context, _ *batch.Run) {
			calls.Add(1)
			<-ctx.Done()
			ended.Add(1)
		}
		result := run(t.Context(), t, r, tasklet("long", func(ctx context.Context, _ *batch.StepExecution) error {
			return sleep(ctx, 20*r.Heartbeat+time.Second)
		}))
		require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
		require.Equal(t, int64(20), beats.Load())
		require.Equal(t, int64(1), calls.Load())
		require.Equal(t, int64(1), ended.Load())
	})
}

// A hook that panics costs the run nothing.
func TestBeatenThatPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := runner(&runs{})
		r.AfterHeartbeat = func(context.Context, *batch.Run) { panic("odd") }
		result := run(t.Context(), t, r, tasklet("long", func(ctx context.Context, _ *batch.StepExecution) error {
			return sleep(ctx, 3*r.Heartbeat)
		}))
		require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
	})
}

// What the hook reads can stop the run: it claims no more and says why.
func TestBeatenStopsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := runner(&runs{})
		ctx, stop := context.WithCancelCause(t.Context())
		defer stop(nil)
		r.AfterHeartbeat = func(context.Context, *batch.Run) { stop(errors.New("stopped by kim: deploy")) }
		result := run(ctx, t, r, tasklet("long", func(ctx context.Context, _ *batch.StepExecution) error {
			<-ctx.Done()
			return nil
		}))
		require.Equal(t, batch.ExitUnfinished, result.Exit)
		require.Equal(t, batch.Stopped, result.Status)
		require.Equal(t, []string{"stopped by kim: deploy"}, result.Left)
	})
}
