package batch_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
)

var errAway = fmt.Errorf("%w: connection refused", batch.ErrUnavailable)

// contains reports whether a chunk has one of the items.
func contains(chunk []outcome, ids ...int) bool {
	return slices.ContainsFunc(chunk, func(o outcome) bool { return slices.Contains(ids, o.id) })
}

// An error that is not known to be about a row blames none while the database accepts writes: the chunk is split, the row is kept
// and left, the others are settled, and the run is unfinished.
func TestAnUnknownErrorBlamesNoRow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bench{size: 10, width: 5}
		b.source.todo = items("a", 0, 30)
		b.sink.fail = func(_ int, chunk []outcome) error {
			if contains(chunk, 7) {
				return errOdd
			}
			return nil
		}
		result := run(t.Context(), t, runner(&runs{}), b.step("s"))
		require.Equal(t, batch.ExitUnfinished, result.Exit, "%v", result)
		require.NoError(t, result.Err)
		require.Equal(t, []string{"a row could not be written: database error: max_statement_time exceeded"}, result.Left)
		require.Equal(t, 29, b.sink.done())
		require.Equal(t, []int{7}, b.sink.kept)
		require.Empty(t, b.sink.rejected)
	})
}

// A statement that is too slow for a chunk succeeds row by row, and one that fails for a while succeeds when the step ends.
func TestAnUnknownErrorThatPasses(t *testing.T) {
	for name, fail := range map[string]func(chunk []outcome, at time.Duration) error{
		"large chunks": func(chunk []outcome, _ time.Duration) error {
			if len(chunk) > 1 {
				return errOdd
			}
			return nil
		},
		"for a while": func(chunk []outcome, at time.Duration) error {
			if contains(chunk, 7) && at < 5*time.Second {
				return errOdd
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := bench{size: 10, width: 3}
				b.source.todo = items("a", 0, 30)
				b.work.do = second
				start := time.Now()
				b.sink.fail = func(_ int, chunk []outcome) error { return fail(chunk, time.Since(start)) }
				result := run(t.Context(), t, runner(&runs{}), b.step("s"))
				require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
				require.EqualValues(t, 30, result.Tally.Succeeded)
			})
		})
	}
}

// While the database does not accept writes either, an unknown error is an outage: the same chunk is written again.
func TestAnUnknownErrorInAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bench{size: 10, width: 5}
		b.source.todo = items("a", 0, 30)
		start := time.Now()
		away := func() bool { return time.Since(start) < 30*time.Second }
		sizes := map[int]bool{}
		b.sink.fail = func(_ int, chunk []outcome) error {
			sizes[len(chunk)] = true
			if away() {
				return errOdd
			}
			return nil
		}
		b.sink.probe = func() error {
			if away() {
				return errAway
			}
			return nil
		}
		result := run(t.Context(), t, runner(&runs{}), b.step("s"))
		require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
		require.Empty(t, b.sink.kept)
		require.Equal(t, map[int]bool{10: true}, sizes, "no chunk was split")
	})
}

// A write that loses its connection each time, while the database accepts others, is cut off by something: it must not be repeated
// for ever.
func TestAWriteThatIsAlwaysCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bench{size: 10, width: 5}
		b.source.todo = items("a", 0, 30)
		calls := 0
		b.sink.fail = func(_ int, chunk []outcome) error {
			if contains(chunk, 7) {
				calls++
				return errAway
			}
			return nil
		}
		result := run(t.Context(), t, runner(&runs{}), b.step("s"))
		require.Equal(t, batch.ExitUnfinished, result.Exit, "%v", result)
		require.Equal(t, []int{7}, b.sink.kept)
		require.Equal(t, 29, b.sink.done())
		require.Equal(t, 11, calls, "five with its chunk, five alone, one at the end")
	})
}

// A probe that always fails while the run keeps its lease is no outage.
func TestAProbeThatAlwaysFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bench{size: 10, width: 5}
		b.source.todo = items("a", 0, 10)
		b.sink.fail = func(int, []outcome) error { return errOdd }
		b.sink.probe = func() error { return errOdd }
		start := time.Now()
		result := run(t.Context(), t, runner(&runs{}), b.step("s"))
		require.Equal(t, batch.ExitUnfinished, result.Exit, "%v", result)
		require.Less(t, time.Since(start), time.Hour)
		require.Len(t, b.sink.kept, 10)
	})
}

// Where nothing can be written for a reason that nobody knows, nothing more is claimed, and the run is unfinished.
func TestNothingIsClaimedAfterManyUnknownErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bench{size: 10, width: 5}
		b.source.todo = items("a", 0, 300)
		b.work.do = second
		b.sink.fail = func(int, []outcome) error { return errOdd }
		result := run(t.Context(), t, runner(&runs{}), b.step("s"))
		require.Equal(t, batch.ExitUnfinished, result.Exit, "%v", result)
		require.ErrorContains(t, result.Err, "max_statement_time exceeded")
		require.Less(t, b.source.count(), 60)
		require.Len(t, b.sink.kept, b.source.count())
		require.Empty(t, b.sink.rejected)
	})
}

// A row that its writer does not want set aside is left.
func TestARowThatMustNotBeSetAside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bench{size: 10, width: 5}
		b.source.todo = items("a", 0, 30)
		b.sink.fail = func(_ int, chunk []outcome) error {
			if contains(chunk, 7) {
				return errData
			}
			return nil
		}
		b.sink.reject = func(outcome) error { return fmt.Errorf("%w: %w", batch.ErrLeave, errData) }
		var told []int
		step := b.step("s")
		step.Unwritten = func(_ context.Context, o outcome, cause error) {
			require.ErrorIs(t, cause, errData)
			told = append(told, o.id)
		}
		result := run(t.Context(), t, runner(&runs{}), step)
		require.Equal(t, batch.ExitDone, result.Exit, "it is Unwritten that says so: %v", result)
		require.Equal(t, []int{7}, told)
		require.Equal(t, []int{7}, b.sink.kept)
		require.Equal(t, 29, b.sink.done())
	})
}

// What the database does not take is held in memory, and kept as soon as it does; what it does not take until the lease ends, or at
// all, is saved on the host.
func TestWhatTheDatabaseDoesNotTake(t *testing.T) {
	for name, c := range map[string]struct {
		keep    func(at time.Duration, chunk []outcome) error
		probe   func(at time.Duration) error
		beat    func() error
		kept    []int
		spilled []int
		left    []string
	}{
		"for a moment": {
			keep: func(at time.Duration, _ []outcome) error {
				if at < 20*time.Second {
					return errAway
				}
				return nil
			},
			probe: func(at time.Duration) error {
				if at > 5*time.Second && at < 20*time.Second {
					return errAway
				}
				return nil
			},
			kept: []int{7}, left: []string{"a row could not be written: database error: max_statement_time exceeded"},
		},
		"one of them": {
			keep: func(_ time.Duration, chunk []outcome) error {
				if contains(chunk, 7) {
					return errOdd
				}
				return nil
			},
			spilled: []int{7},
			left: []string{
				"a row could not be written: database error: max_statement_time exceeded",
				"answers of gateways that the database did not take are kept in the file; the next run on this host reads them",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := bench{size: 10, width: 5}
				b.source.todo = items("a", 0, 30)
				b.work.do = second
				start := time.Now()
				b.sink.fail = func(_ int, chunk []outcome) error {
					if contains(chunk, 7) {
						return errOdd
					}
					return nil
				}
				b.sink.keep = func(chunk []outcome) error { return c.keep(time.Since(start), chunk) }
				if c.probe != nil {
					b.sink.probe = func() error { return c.probe(time.Since(start)) }
				}
				result := run(t.Context(), t, runner(&runs{}), b.step("s"))
				require.Equal(t, batch.ExitUnfinished, result.Exit, "%v", result)
				require.Equal(t, c.kept, b.sink.kept)
				require.Equal(t, c.spilled, b.sink.spilled)
				require.Equal(t, c.left, result.Left)
			})
		})
	}
}

// A database that stays away until the lease is lost takes nothing: everything is saved on the host.
func TestAnOutageUntilTheLeaseEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bench{size: 10, width: 5}
		b.source.todo = items("a", 0, 30)
		away := func() error { return errAway }
		b.sink.fail = func(int, []outcome) error { return errAway }
		b.sink.keep = func([]outcome) error { return errAway }
		b.sink.probe = away
		result := run(t.Context(), t, runner(&runs{beat: func(int) error { return errAway }}), b.step("s"))
		require.Equal(t, batch.ExitUnfinished, result.Exit, "%v", result)
		require.Empty(t, b.sink.kept)
		require.Len(t, b.sink.spilled, b.source.count())
		require.Contains(t, result.Left, "answers of gateways that the database did not take are kept in the file; the next run on this host reads them")
	})
}

// A claim that fails for an unknown reason is made again before the step gives up, and the run is unfinished.
func TestAClaimThatFailsForAnUnknownReason(t *testing.T) {
	for _, c := range []struct {
		times, exit, settled int
	}{{2, batch.ExitDone, 30}, {100, batch.ExitUnfinished, 10}} {
		synctest.Test(t, func(t *testing.T) {
			b := bench{size: 10, width: 5}
			b.source.todo = items("a", 0, 30)
			b.source.fail = func(read int) error {
				if read > 1 && read <= 1+c.times {
					return errOdd
				}
				return nil
			}
			result := run(t.Context(), t, runner(&runs{}), b.step("s"))
			require.Equal(t, c.exit, result.Exit, "%v", result)
			require.Equal(t, c.settled, b.sink.done())
		})
	}
}

func TestFailures(t *testing.T) {
	kind := func(f *batch.Failures, err error) batch.FailureKind {
		got, wrapped := f.Classify(t.Context(), err)
		require.ErrorIs(t, wrapped, err)
		require.Equal(t, got == batch.FailureUnavailable, errors.Is(wrapped, batch.ErrUnavailable) && !errors.Is(err, batch.ErrLocked))
		return got
	}
	var probe error
	f := &batch.Failures{Probe: func(context.Context) error { return probe }}
	require.Equal(t, batch.FailureLocked, kind(f, batch.ErrLocked))
	require.Equal(t, batch.FailureData, kind(f, errData))
	require.Equal(t, batch.FailureUnknown, kind(f, errOdd))
	require.Equal(t, batch.FailureUnknown, kind(f, errSyntax))
	require.Equal(t, batch.FailureEnded, kind(f, batch.ErrLeaseLost))
	require.Equal(t, batch.FailureEnded, kind(f, batch.ErrHistoryLost))
	require.Equal(t, batch.FailureEnded, kind(f, context.Canceled))
	probe = batch.ErrLocked
	require.Equal(t, batch.FailureUnknown, kind(f, errOdd), "a lock is an answer")
	probe = errAway
	for range 10 {
		require.Equal(t, batch.FailureUnavailable, kind(f, errOdd))
		require.Equal(t, batch.FailureUnavailable, kind(f, errAway))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	got, _ := f.Classify(ctx, errOdd)
	require.Equal(t, batch.FailureEnded, got)
}
