package batch_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
)

// tasklet is a step of one function.
func tasklet(name string, do func(context.Context, *batch.StepExecution) error) batch.Step {
	return batch.Tasklet{StepName: name, Do: do}
}

func TestExitCodes(t *testing.T) {
	fails := tasklet("fails", func(context.Context, *batch.StepExecution) error { return errSyntax })
	notes := tasklet("notes", func(_ context.Context, x *batch.StepExecution) error {
		x.Fail(errSyntax)
		return nil
	})
	leaves := tasklet("leaves", func(_ context.Context, x *batch.StepExecution) error {
		x.Leave("a row stayed locked")
		return nil
	})
	reviews := tasklet("reviews", func(_ context.Context, x *batch.StepExecution) error {
		x.Count(batch.Tally{Review: 1})
		return nil
	})
	rejects := tasklet("rejects", func(_ context.Context, x *batch.StepExecution) error {
		x.Count(batch.Tally{Rejected: 1})
		return nil
	})
	away := tasklet("away", func(context.Context, *batch.StepExecution) error {
		return fmt.Errorf("issue: %w", batch.ErrUnavailable)
	})
	halts := tasklet("halts", func(_ context.Context, x *batch.StepExecution) error {
		x.Halt(fmt.Errorf("heartbeat: %w", batch.ErrOtherServer))
		return errors.Join(fmt.Errorf("settle: %w", batch.ErrLeaseLost), x.Halted())
	})
	declines := tasklet("declines", func(_ context.Context, x *batch.StepExecution) error {
		x.Count(batch.Tally{Declined: 5, Released: 0})
		return nil
	})
	panics := tasklet("panics", func(context.Context, *batch.StepExecution) error { panic("nil map") })
	stops := tasklet("stops", func(ctx context.Context, _ *batch.StepExecution) error {
		<-ctx.Done()
		return nil
	})
	outlasts := tasklet("outlasts", func(_ context.Context, x *batch.StepExecution) error {
		<-x.Work.Done()
		return fmt.Errorf("issue: %w", errors.Join(x.Work.Err(), errors.New("invalid connection")))
	})
	for _, c := range []struct {
		name   string
		steps  []batch.Step
		stop   error
		exit   int
		status batch.StepStatus
	}{
		{"nothing", nil, nil, batch.ExitDone, batch.Completed},
		{"declines are results", []batch.Step{declines}, nil, batch.ExitDone, batch.Completed},
		{"failed before all", []batch.Step{reviews, leaves, fails}, nil, batch.ExitFailed, batch.Failed},
		{"a noted failure too", []batch.Step{notes, reviews, leaves}, nil, batch.ExitFailed, batch.Failed},
		{"a panic is a failure", []batch.Step{panics, leaves}, nil, batch.ExitFailed, batch.Failed},
		{"unfinished before review", []batch.Step{reviews, leaves}, nil, batch.ExitUnfinished, batch.Completed},
		{"the database away is unfinished", []batch.Step{away, reviews}, nil, batch.ExitUnfinished, batch.Completed},
		{"the lease lost with the server that gave it", []batch.Step{halts, reviews}, nil, batch.ExitFailed, batch.Failed},
		{"review", []batch.Step{reviews}, nil, batch.ExitReview, batch.Completed},
		{"rejected", []batch.Step{rejects, declines}, nil, batch.ExitReview, batch.Completed},
		{"a signal", []batch.Step{reviews, stops}, errSignal, 143, batch.Stopped},
		{"a signal while rows are left", []batch.Step{leaves, stops}, errSignal, 143, batch.Stopped},
		{"failed before a signal", []batch.Step{fails, stops}, errSignal, batch.ExitFailed, batch.Failed},
		{"a signal, and a statement that outlasts the drain", []batch.Step{outlasts}, errSignal, 143, batch.Stopped},
		{"out of time", []batch.Step{reviews, stops}, errors.New("--max-duration is reached"), batch.ExitUnfinished, batch.Stopped},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, stop := context.WithCancelCause(t.Context())
				defer stop(nil)
				if c.stop != nil {
					time.AfterFunc(time.Second, func() { stop(c.stop) })
				}
				kept := &runs{}
				result := run(ctx, t, runner(kept), c.steps...)
				require.Equal(t, c.exit, result.Exit, "%v", result)
				require.Equal(t, c.status, result.Status)
				require.Equal(t, c.exit, kept.result.Exit, "what is written is what is returned")
			})
		})
	}
}

func TestStepsGoOnAfterOneThatFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var begun []string
		step := func(name string, err error) batch.Step {
			return tasklet(name, func(context.Context, *batch.StepExecution) error {
				begun = append(begun, name)
				return err
			})
		}
		kept := &runs{}
		result := run(t.Context(), t, runner(kept), step("one", errSyntax), step("two", nil), step("three", batch.ErrHalt), step("four", nil))
		require.Equal(t, []string{"one", "two", "three"}, begun)
		require.ErrorContains(t, result.Err, "one: syntax error")
		var states []string
		for _, p := range kept.progress {
			states = append(states, p.Step+" "+string(p.Status))
		}
		require.Equal(t, []string{"one failed", "two completed", "three failed"}, states)
	})
}

func TestHeartbeats(t *testing.T) {
	long := tasklet("long", func(ctx context.Context, x *batch.StepExecution) error {
		x.Count(batch.Tally{Read: 3})
		if err := sleep(ctx, 3*time.Minute); err != nil {
			return nil //nolint:nilerr // a stop is no failure
		}
		return nil
	})
	for _, c := range []struct {
		name string
		beat func(n int) error
		took time.Duration
		exit int
	}{
		{"renew the lease", nil, 3 * time.Minute, batch.ExitDone},
		{"may fail for a while", func(n int) error {
			if n%10 != 0 { // every tenth, after 50 s
				return batch.ErrUnavailable
			}
			return nil
		}, 3 * time.Minute, batch.ExitDone},
		{"that fail for a lease end the run", func(n int) error {
			if n > 2 { // the last that counts at 10 s
				return batch.ErrUnavailable
			}
			return nil
		}, 70 * time.Second, batch.ExitUnfinished},
		{"count from when they were sent", func(n int) error {
			if n > 1 {
				return batch.ErrUnavailable
			}
			return sleep(context.Background(), 4*time.Second) // sent at 5 s
		}, 65 * time.Second, batch.ExitUnfinished},
		{"that are refused end the run at once", func(n int) error {
			if n == 4 {
				return batch.ErrLeaseLost
			}
			return nil
		}, 20 * time.Second, batch.ExitUnfinished},
		{"that another server answers end the run at once, as failed", func(n int) error {
			if n == 4 {
				return batch.ErrOtherServer
			}
			return nil
		}, 20 * time.Second, batch.ExitFailed},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				kept := &runs{beat: c.beat}
				start := time.Now()
				result := run(t.Context(), t, runner(kept), long)
				require.Equal(t, c.exit, result.Exit, "%v", result)
				require.InDelta(t, c.took.Seconds(), time.Since(start).Seconds(), 1)
				require.NotEmpty(t, kept.progress)
				require.Equal(t, int64(3), kept.progress[0].Tally.Read)
				if c.exit == batch.ExitUnfinished {
					require.Nil(t, kept.result)
					require.Contains(t, result.Left[0], "lease")
				}
			})
		})
	}
}

func TestLeft(t *testing.T) {
	review := tasklet("reviews", func(_ context.Context, x *batch.StepExecution) error {
		x.Count(batch.Tally{Review: 1})
		return nil
	})
	for _, c := range []struct {
		name string
		left func(context.Context) ([]string, error)
		want []string
		exit int
	}{
		{"nothing", func(context.Context) ([]string, error) { return nil, nil }, nil, batch.ExitReview},
		{"something", func(context.Context) ([]string, error) { return []string{"2 invoices", "2 invoices"}, nil }, []string{"2 invoices"}, batch.ExitUnfinished},
		{
			"nobody knows", func(context.Context) ([]string, error) { return nil, errSyntax },
			[]string{"what is left could not be counted: syntax error"},
			batch.ExitUnfinished,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				job := batch.Job{Name: "job", Steps: []batch.Step{review}, Left: c.left}
				result, err := runner(&runs{}).Run(t.Context(), job, batch.Spec{Lease: lease})
				require.NoError(t, err)
				require.Equal(t, c.want, result.Left)
				require.Equal(t, c.exit, result.Exit)
			})
		})
	}
}

// What waits for an operator to resume something is worth no further run, but whatever else there is counts before it.
func TestWhatWaitsToBeResumed(t *testing.T) {
	waits := func(context.Context) ([]string, error) { return []string{"3 charges"}, nil }
	review := tasklet("reviews", func(_ context.Context, x *batch.StepExecution) error {
		x.Count(batch.Tally{Review: 1})
		return nil
	})
	for _, c := range []struct {
		name  string
		steps []batch.Step
		left  []string
		held  func(context.Context) ([]string, error)
		want  []string
		exit  int
	}{
		{"alone", nil, nil, waits, []string{"3 charges"}, batch.ExitNotRun},
		{"nothing", nil, nil, func(context.Context) ([]string, error) { return nil, nil }, nil, batch.ExitDone},
		{"beside what a later run does", nil, []string{"2 invoices"}, waits, []string{"2 invoices", "3 charges"}, batch.ExitUnfinished},
		{"beside a row in review", []batch.Step{review}, nil, waits, []string{"3 charges"}, batch.ExitReview},
		{"nobody knows", nil, nil, func(context.Context) ([]string, error) { return nil, errSyntax }, []string{"what is left could not be counted: syntax error"}, batch.ExitUnfinished},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				job := batch.Job{Name: "job", Steps: c.steps, Left: func(context.Context) ([]string, error) { return c.left, nil }, Held: c.held}
				result, err := runner(&runs{}).Run(t.Context(), job, batch.Spec{Lease: lease})
				require.NoError(t, err)
				require.Equal(t, c.want, result.Left)
				require.Equal(t, c.exit, result.Exit)
			})
		})
	}
}

// A lane that waits for an operator leaves nothing that a later run could do.
func TestALaneThatIsPaused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bench{size: 10, width: 5}
		b.source.todo = items("a", 0, 20)
		b.lanes.set("a", batch.LanePaused)
		result := run(t.Context(), t, runner(&runs{}), b.step("s"))
		require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
		require.Zero(t, b.sink.done())
	})
}

func TestALimitThatWasJustEnoughLeavesNothing(t *testing.T) {
	for _, left := range [][]string{nil, {"3 invoices"}} {
		synctest.Test(t, func(t *testing.T) {
			b := bench{size: 10, width: 5}
			b.source.todo = items("a", 0, 20)
			r := runner(&runs{})
			r.Limit = 20
			job := batch.Job{Name: "job", Steps: []batch.Step{b.step("s")}, Left: func(context.Context) ([]string, error) { return left, nil }}
			result, err := r.Run(t.Context(), job, batch.Spec{Lease: lease})
			require.NoError(t, err)
			require.Equal(t, 20, b.sink.done())
			require.Equal(t, len(left) > 0, result.Exit == batch.ExitUnfinished, "%v", result)
		})
	}
}

func TestTheEndOfARunThatCannotBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		result := run(t.Context(), t, runner(&runs{finish: batch.ErrUnavailable}))
		require.Equal(t, batch.ExitUnfinished, result.Exit)
		require.Equal(t, []string{"the end of the run could not be written"}, result.Left)
	})
}

func TestExecution(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		require.Nil(t, batch.Execution(t.Context()))
		run(t.Context(), t, runner(&runs{}), tasklet("s", func(_ context.Context, x *batch.StepExecution) error {
			require.Same(t, x, batch.Execution(x.Work))
			require.NoError(t, sleep(t.Context(), time.Second))
			require.Equal(t, time.Second, x.Took())
			require.True(t, x.Begun())
			require.False(t, x.Ended())
			return nil
		}))
	})
}

// What goes on beside the steps ends with the last of them, and the run waits for it.
func TestBesideEndsWithTheSteps(t *testing.T) {
	for name, stopped := range map[string]bool{"the steps are done": false, "the run is stopped": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				ended := false
				starts := tasklet("starts", func(_ context.Context, x *batch.StepExecution) error {
					x.Beside(func(ctx context.Context) {
						require.Same(t, x, batch.Execution(ctx))
						<-ctx.Done()
						time.Sleep(time.Second)
						ended = true
					})
					return nil
				})
				goesOn := tasklet("goes on", func(ctx context.Context, _ *batch.StepExecution) error {
					synctest.Wait()
					require.False(t, ended)
					if stopped {
						stop()
						<-ctx.Done()
					}
					return nil
				})
				run(ctx, t, runner(&runs{}), starts, goesOn)
				require.True(t, ended)
			})
		})
	}
}
