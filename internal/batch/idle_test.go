package batch_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
)

// other is other work in pieces.
type other struct {
	pieces int
	at     []time.Duration // when each was done, since the begin
	began  time.Time
}

func (o *other) do(context.Context) bool {
	if o.pieces == 0 {
		return false
	}
	o.pieces--
	o.at = append(o.at, time.Since(o.began))
	return o.pieces > 0
}

// However claiming ends, the other work is done to its end, and what is in flight does not hold it up.
func TestOtherWorkIsDoneWhenClaimingEnds(t *testing.T) {
	for name, c := range map[string]struct {
		change func(b *bench, r *batch.Runner, stop func())
		exit   int
	}{
		"nothing is left": {func(*bench, *batch.Runner, func()) {}, batch.ExitDone},
		"the limit":       {func(_ *bench, r *batch.Runner, _ func()) { r.Limit = 5 }, batch.ExitUnfinished},
		"a stop": {func(b *bench, _ *batch.Runner, stop func()) {
			b.work.do = func(context.Context, item) error { stop(); return nil }
		}, 143},
		"a halt": {func(b *bench, _ *batch.Runner, _ func()) {
			b.work.do = func(ctx context.Context, _ item) error {
				batch.Execution(ctx).Halt(batch.ErrHistoryLost)
				return nil
			}
		}, batch.ExitFailed},
		"claims fail": {func(b *bench, _ *batch.Runner, _ func()) {
			b.source.fail = func(int) error { return errors.New("a bug") }
		}, batch.ExitFailed},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, rest := bench{size: 5, width: 2}, &other{pieces: 7, began: time.Now()}
				b.source.todo = items("a", 0, 40)
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				r := runner(&runs{})
				c.change(&b, r, func() { cancel(errSignal) })
				step := b.step("s")
				step.Idle = rest.do
				require.Equal(t, c.exit, run(ctx, t, r, step).Exit)
				require.Zero(t, rest.pieces)
			})
		})
	}
}

// Other work is done while claims wait for room, but only if they wait for long.
func TestOtherWorkIsDoneWhileClaimsWait(t *testing.T) {
	for name, c := range map[string]struct {
		takes time.Duration
		sink  time.Duration
		while bool
	}{
		"a slow outside":          {time.Minute, 0, true},
		"a fast one":              {10 * time.Millisecond, 0, false},
		"a database that is busy": {10 * time.Millisecond, 2 * time.Second, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, rest := bench{size: 5, width: 5}, &other{pieces: 3, began: time.Now()}
				b.source.todo = items("a", 0, 60)
				b.work.do, b.sink.takes = func(ctx context.Context, _ item) error { return sleep(ctx, c.takes) }, c.sink
				step := b.step("s")
				step.Idle = rest.do
				require.Equal(t, batch.ExitDone, run(t.Context(), t, runner(&runs{}), step).Exit)
				require.Equal(t, 60, b.sink.done())
				require.Len(t, rest.at, 3)
				took := time.Since(rest.began)
				if c.while {
					require.Less(t, rest.at[2], 2*time.Second)
				} else {
					require.Greater(t, rest.at[0], took/2, "of %s", took)
				}
			})
		})
	}
}

// A step whose work a later one does goes on meanwhile, and ends when that says so, with the error that it is given.
func TestAStepGoesOn(t *testing.T) {
	for name, c := range map[string]struct {
		conclude func(x *batch.StepExecution)
		status   batch.StepStatus
		exit     int
	}{
		"and is concluded":       {func(x *batch.StepExecution) { x.Conclude(nil) }, batch.Completed, batch.ExitDone},
		"and fails":              {func(x *batch.StepExecution) { x.Conclude(errSyntax); x.Conclude(nil) }, batch.Failed, batch.ExitFailed},
		"with a failure":         {func(x *batch.StepExecution) { x.Fail(errSyntax) }, batch.Failed, batch.ExitFailed},
		"to the end of the run":  {func(*batch.StepExecution) {}, batch.Completed, batch.ExitDone},
		"and leaves some undone": {func(x *batch.StepExecution) { x.Leave("some") }, batch.Completed, batch.ExitUnfinished},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				kept := &runs{}
				var first, strange *batch.StepExecution
				result := run(t.Context(), t, runner(kept), batch.Tasklet{StepName: "one", Do: func(_ context.Context, x *batch.StepExecution) error {
					x.GoOn(nil)
					return nil
				}}, batch.Tasklet{StepName: "two", Do: func(ctx context.Context, x *batch.StepExecution) error {
					first, strange = x.Sibling("one"), x.Sibling("three")
					require.Equal(t, batch.Running, first.Status())
					require.NoError(t, sleep(ctx, 8*time.Second))
					first.Count(batch.Tally{Read: 3, Succeeded: 3})
					c.conclude(first)
					return sleep(ctx, 8*time.Second)
				}})
				require.Nil(t, strange)
				require.Equal(t, c.exit, result.Exit, "%v", result)
				if c.status == batch.Failed {
					require.ErrorIs(t, result.Err, errSyntax)
					require.ErrorContains(t, result.Err, "one: ")
				}
				require.Equal(t, c.status, first.Status())
				require.GreaterOrEqual(t, first.Took(), 8*time.Second)
				require.Equal(t, "one", kept.progress[0].Step)
				require.Equal(t, c.status, kept.progress[0].Status)
				require.EqualValues(t, 3, kept.progress[0].Tally.Succeeded)
			})
		})
	}
}

// A step that fails does not go on.
func TestAStepThatFailsHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		result := run(t.Context(), t, runner(&runs{}), batch.Tasklet{StepName: "one", Do: func(_ context.Context, x *batch.StepExecution) error {
			x.GoOn(nil)
			return errSyntax
		}}, batch.Tasklet{StepName: "two", Do: func(_ context.Context, x *batch.StepExecution) error {
			require.Equal(t, batch.Failed, x.Sibling("one").Status())
			return nil
		}})
		require.Equal(t, batch.ExitFailed, result.Exit)
	})
}

// A run that is stopped gives a step its turn whose work must not wait, whether the stop came before it or after it was left to a later
// step; but not if it was not to run at all, or has lost its lease.
func TestAStepHasItsTurnInTheDrain(t *testing.T) {
	for name, c := range map[string]struct {
		cause  error
		at     string // the step that is under way then; empty: none is yet
		lose   bool
		called []string
	}{
		"stopped before the first": {errSignal, "", false, []string{"two"}},
		"in the one before":        {errSignal, "one", false, []string{"one", "two"}},
		"in the step itself":       {errSignal, "two", false, []string{"one", "two", "rest"}},
		"not to run":               {errNotRun, "", false, nil},
		"without a lease":          {errSignal, "one", true, []string{"one"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, stop := context.WithCancelCause(t.Context())
				defer stop(nil)
				var called []string
				do := func(name string, then func(ctx context.Context, x *batch.StepExecution)) batch.Step {
					return tasklet(name, func(ctx context.Context, x *batch.StepExecution) error {
						called = append(called, name)
						then(ctx, x)
						if c.at == name {
							stop(c.cause)
						}
						if c.lose {
							x.Lease.Lose()
						}
						return nil
					})
				}
				nothing := func(context.Context, *batch.StepExecution) {}
				if c.at == "" {
					stop(c.cause)
				}
				r := runner(&runs{})
				r.Stop = func(ctx context.Context) int {
					if errors.Is(context.Cause(ctx), errNotRun) {
						return batch.ExitNotRun
					}
					return 143
				}
				result, err := r.Run(ctx, batch.Job{Name: "job", Drained: []string{"two"}, Steps: []batch.Step{
					do("one", nothing), do("two", func(ctx context.Context, x *batch.StepExecution) {
						require.NoError(t, x.Work.Err())
						if ctx.Err() == nil {
							x.GoOn(func() {
								require.NoError(t, x.Work.Err())
								called = append(called, "rest")
							})
						}
					}), do("three", nothing),
				}}, batch.Spec{Job: "job", Lease: lease})
				require.NoError(t, err)
				require.Equal(t, c.called, called)
				require.NotEqual(t, batch.ExitDone, result.Exit)
			})
		})
	}
}
