package batch_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
)

// second is work that takes a second.
func second(ctx context.Context, _ item) error { return sleep(ctx, time.Second) }

// Claims and settlements take half as long as an item. If they did not overlap with the work, or if chunks were
// waited for, the run would take half as long again.
func TestClaimWorkAndSettleOverlap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bench{size: 10, width: 10}
		b.source.todo, b.source.takes = items("a", 0, 200), 500*time.Millisecond
		b.sink.takes = 500 * time.Millisecond
		b.work.do = second
		start := time.Now()
		result := run(t.Context(), t, runner(&runs{}), b.step("s"))
		require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
		require.Equal(t, 200, b.sink.done())
		require.Equal(t, 10, b.work.most["a"], "every slot is used, and no more")
		require.Less(t, time.Since(start), 22*time.Second, "20 s of work, the first claim and the last settlement")
	})
}

func TestASlowItemDelaysNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bench{size: 10, width: 4}
		b.source.todo = items("a", 0, 100)
		b.work.do = func(ctx context.Context, it item) error {
			if it.id == 3 {
				return sleep(ctx, 10*time.Minute)
			}
			return sleep(ctx, time.Second)
		}
		start := time.Now()
		result := run(t.Context(), t, runner(&runs{}), b.step("s"))
		require.Equal(t, batch.ExitDone, result.Exit)
		for id, at := range b.sink.settled {
			if id != 3 {
				require.Less(t, at.Sub(start), 35*time.Second, "item %d: 33 s on the other three slots", id)
			}
		}
	})
}

func TestNoMoreThanTheWindowIsClaimedAndUnsettled(t *testing.T) {
	for _, c := range []struct {
		name                string
		size, width, window int
	}{
		{"two chunks", 10, 3, 20},
		{"a wide lane", 10, 40, 90},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := bench{size: c.size, width: c.width}
				b.source.todo = items("a", 0, 300)
				var mu sync.Mutex
				most := 0
				b.work.do = func(ctx context.Context, _ item) error {
					claimed := b.source.count()
					mu.Lock()
					most = max(most, claimed-b.sink.done())
					mu.Unlock()
					return sleep(ctx, time.Second)
				}
				run(t.Context(), t, runner(&runs{}), b.step("s"))
				require.Equal(t, 300, b.sink.done())
				require.LessOrEqual(t, most, c.window)
				require.Greater(t, most, c.window-c.size, "the window is used")
				require.LessOrEqual(t, b.sink.biggest, c.size)
			})
		})
	}
}

func TestWidthIsAHardBoundOfEachLane(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bench{size: 20, width: 3}
		for i := range 60 {
			b.source.todo = append(b.source.todo, item{i, []string{"a", "b", "c"}[i%3]})
		}
		b.work.do = second
		run(t.Context(), t, runner(&runs{}), b.step("s"))
		require.Equal(t, map[string]int{"a": 3, "b": 3, "c": 3}, b.work.most)
	})
}

// While lane b is held, the items of it that were claimed wait, further ones are not claimed, and lane a, of
// many times the window, is done as if there were no b, although the claimed items of b alone fill the window.
func TestAHeldLaneStopsNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bench{size: 10, width: 5}
		b.source.todo = append(items("b", 0, 200), items("a", 200, 200)...)
		opens := make(chan struct{})
		b.work.do = func(ctx context.Context, it item) error {
			if it.lane == "b" {
				b.lanes.set("b", batch.LaneHeld) // by its first item, and until it opens
				<-opens
				b.lanes.set("b", batch.LaneOpen)
			}
			return sleep(ctx, time.Second)
		}
		b.source.takes = time.Second // so that the first claims find b at work
		start := time.Now()
		var begun int
		time.AfterFunc(5*time.Minute, func() {
			begun = b.work.started("b")
			close(opens)
		})
		result := run(t.Context(), t, runner(&runs{}), b.step("s"))
		require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
		require.Equal(t, 400, b.sink.done())
		require.Equal(t, 5, begun)
		for id, at := range b.sink.settled {
			if id >= 200 {
				require.Less(t, at.Sub(start), time.Minute, "40 s of work in lane a")
			} else {
				require.Greater(t, at.Sub(start), 5*time.Minute)
			}
		}
		for id := range 400 {
			require.Equal(t, 1, b.work.processed(id), "item %d", id)
		}
	})
}

// A lane that opens and shuts all the time must not pile up items beyond the window.
func TestAFlappingLaneKeepsTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bench{size: 10, width: 2}
		b.source.todo = items("b", 0, 300)
		var mu sync.Mutex
		most := 0
		random := rand.New(rand.NewPCG(1, 2))
		b.lanes.hook = func(string) batch.LaneState {
			mu.Lock()
			defer mu.Unlock()
			most = max(most, b.source.count()-b.sink.done())
			return []batch.LaneState{batch.LaneOpen, batch.LaneHeld}[random.IntN(2)]
		}
		b.work.do = second
		run(t.Context(), t, runner(&runs{}), b.step("s"))
		require.Equal(t, 300, b.sink.done())
		require.LessOrEqual(t, most, 20)
	})
}

func TestAClosedLaneIsLeftAndSaidSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bench{size: 10, width: 5}
		b.source.todo = append(items("a", 0, 30), items("shut", 30, 30)...)
		b.lanes.set("shut", batch.LaneClosed)
		result := run(t.Context(), t, runner(&runs{}), b.step("s"))
		require.Equal(t, batch.ExitUnfinished, result.Exit)
		require.Equal(t, []string{"left alone for the rest of the run: shut"}, result.Left)
		require.Equal(t, 30, b.sink.done())
		require.Zero(t, b.work.started("shut"))
	})
}

func TestAPanicIsTheOutcomeOfOneItem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bench{size: 10, width: 10}
		b.source.todo = items("a", 0, 30)
		b.work.do = func(ctx context.Context, it item) error {
			if it.id == 4 {
				panic("out of range")
			}
			return sleep(ctx, time.Second) // in flight when the other panics
		}
		result := run(t.Context(), t, runner(&runs{}), b.step("s"))
		require.Equal(t, batch.ExitDone, result.Exit)
		for id := range 30 {
			if id == 4 {
				require.ErrorContains(t, b.sink.errs[id], "panic: a value of type string")
			} else {
				require.NoError(t, b.sink.errs[id], "item %d", id)
			}
		}
	})
}

func TestAPanicOfAReaderOrAWriterIsAnError(t *testing.T) {
	t.Run("reader", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := bench{size: 10, width: 10}
			b.source.todo = items("a", 0, 30)
			b.source.fail = func(read int) error {
				if read == 2 {
					panic("nil map")
				}
				return nil
			}
			b.work.do = second
			result := run(t.Context(), t, runner(&runs{}), b.step("s"))
			require.Equal(t, batch.ExitFailed, result.Exit)
			require.ErrorContains(t, result.Err, "s: panic: a value of type string")
			require.Equal(t, 10, b.sink.done(), "what was claimed is settled")
		})
	})
	t.Run("writer", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := bench{size: 10, width: 10}
			b.source.todo = items("a", 0, 30)
			b.sink.fail = func(_ int, chunk []outcome) error {
				for _, o := range chunk {
					if o.id == 4 {
						panic("nil map")
					}
				}
				return nil
			}
			result := run(t.Context(), t, runner(&runs{}), b.step("s"))
			require.Equal(t, batch.ExitFailed, result.Exit, "no later run gets past a bug")
			require.ErrorContains(t, result.Err, "s: settle: panic: a value of type string")
			require.Equal(t, 29, b.sink.done())
			require.Equal(t, []int{4}, b.sink.kept)
			require.Empty(t, b.sink.rejected)
		})
	})
}

func TestAStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bench{size: 10, width: 5}
		b.source.todo = items("a", 0, 100)
		b.work.do = func(ctx context.Context, _ item) error { return sleep(ctx, 10*time.Second) }
		ctx, stop := context.WithCancelCause(t.Context())
		var claimed int
		time.AfterFunc(15*time.Second, func() {
			claimed = b.source.count()
			stop(errSignal)
		})
		start := time.Now()
		result := run(ctx, t, runner(&runs{}), b.step("s"), b.step("next"))
		require.Equal(t, 143, result.Exit)
		require.Equal(t, batch.Stopped, result.Status)
		require.Equal(t, claimed, b.source.count(), "nothing is claimed after a stop")
		require.Equal(t, claimed, b.sink.done(), "everything claimed is settled")
		finished := 0
		for id, err := range b.sink.errs {
			if b.work.processed(id) == 1 {
				finished++
				require.NoError(t, err, "what was in flight finishes")
			} else {
				require.Equal(t, batch.ErrStopped, err, "what waited is refunded")
			}
		}
		require.Equal(t, 10, finished)
		require.Less(t, time.Since(start), 21*time.Second)
	})
}

// A claim is short and finishes; what it brings is refunded.
func TestAStopTearsNoClaimApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bench{size: 10, width: 5}
		b.source.todo, b.source.takes = items("a", 0, 100), 2*time.Second
		ctx, stop := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { stop(errSignal) })
		require.Equal(t, 143, run(ctx, t, runner(&runs{}), b.step("s")).Exit)
		require.Equal(t, 10, b.source.count())
		require.Len(t, b.sink.errs, 10)
		for _, err := range b.sink.errs {
			require.Equal(t, batch.ErrStopped, err)
		}
	})
}

func TestTheDrainEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bench{size: 10, width: 5}
		b.source.todo = items("a", 0, 5)
		b.work.do = func(ctx context.Context, it item) error {
			if it.id == 0 {
				return sleep(ctx, time.Second)
			}
			return sleep(ctx, time.Hour)
		}
		ctx, stop := context.WithCancelCause(t.Context())
		time.AfterFunc(10*time.Second, func() { stop(errSignal) })
		start := time.Now()
		result := run(ctx, t, runner(&runs{}), b.step("s"))
		require.Equal(t, 35*time.Second, time.Since(start), "10 s, and 25 s of drain")
		require.Equal(t, 143, result.Exit)
		require.Contains(t, result.Left, "the drain ended before everything was settled")
		require.Equal(t, 1, b.sink.done())
		require.ElementsMatch(t, []int{1, 2, 3, 4}, b.sink.kept)
	})
}

func TestALostLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bench{size: 10, width: 5}
		b.source.todo = items("a", 0, 100)
		b.work.do = func(ctx context.Context, _ item) error { return sleep(ctx, 4*time.Second) }
		lost := &runs{beat: func(n int) error {
			if n == 2 { // at 10 s
				return batch.ErrLeaseLost
			}
			return nil
		}}
		start := time.Now()
		result := run(t.Context(), t, runner(lost), b.step("s"), b.step("next"))
		require.Equal(t, batch.ExitUnfinished, result.Exit, "%v", result.Err)
		require.Nil(t, lost.result, "a run without its lease does not end itself")
		require.Less(t, time.Since(start), 20*time.Second)
		for id, at := range b.sink.settled {
			require.LessOrEqual(t, at.Sub(start), 10*time.Second, "item %d was settled without a lease", id)
		}
		require.Subset(t, b.sink.kept, []int{10, 11, 12, 13, 14}, "the answers to what was in flight are kept")
		require.Equal(t, b.source.count(), b.sink.done()+len(b.sink.kept))
		for id := range 100 {
			require.LessOrEqual(t, b.work.processed(id), 1)
		}
	})
}

// A gateway that never answers must not keep a run without a lease alive.
func TestALostLeaseEndsWhatIsInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bench{size: 10, width: 5}
		b.source.todo = items("a", 0, 5)
		b.work.do = func(ctx context.Context, _ item) error { return sleep(ctx, time.Hour) }
		start := time.Now()
		run(t.Context(), t, runner(&runs{beat: func(int) error { return batch.ErrLeaseLost }}), b.step("s"))
		require.Equal(t, 30*time.Second, time.Since(start), "a heartbeat and the drain")
	})
}

func TestAClaimThatFails(t *testing.T) {
	fail := func(n int, err error) func(int) error {
		return func(read int) error {
			if read == n {
				return fmt.Errorf("claim: %w", err)
			}
			return nil
		}
	}
	for _, c := range []struct {
		name    string
		fail    func(int) error
		exit    int
		settled int
	}{
		{"the database is away for a moment", fail(2, batch.ErrUnavailable), batch.ExitDone, 30},
		{"a lasting lock", fail(2, batch.ErrLocked), batch.ExitDone, 30},
		{"an error of ours", fail(2, errSyntax), batch.ExitFailed, 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := bench{size: 10, width: 5}
				b.source.todo, b.source.fail = items("a", 0, 30), c.fail
				result := run(t.Context(), t, runner(&runs{}), b.step("s"))
				require.Equal(t, c.exit, result.Exit)
				require.Equal(t, c.settled, b.sink.done())
			})
		})
	}
}

// A database that stays away ends the run when the lease runs out: unfinished, not failed.
func TestClaimsGiveUpWithTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bench{size: 10, width: 5}
		b.source.todo = items("a", 0, 30)
		b.source.fail = func(int) error { return batch.ErrUnavailable }
		start := time.Now()
		away := &runs{beat: func(int) error { return batch.ErrUnavailable }}
		result := run(t.Context(), t, runner(away), b.step("s"))
		require.Equal(t, batch.ExitUnfinished, result.Exit, "%v", result.Err)
		require.InDelta(t, lease.Seconds(), time.Since(start).Seconds(), 6)
	})
}

func TestSettlementsThatFail(t *testing.T) {
	has := func(chunk []outcome, id int) bool {
		return slices.ContainsFunc(chunk, func(o outcome) bool { return o.id == id })
	}
	for _, c := range []struct {
		name     string
		fail     func(call int, chunk []outcome) error
		reject   func(outcome) error
		exit     int
		settled  int
		rejected []int
		kept     []int
		left     []string
	}{
		{
			name: "unavailable for a moment: repeated",
			fail: func(call int, _ []outcome) error {
				if call < 5 {
					return fmt.Errorf("settle: %w", batch.ErrUnavailable)
				}
				return nil
			},
			exit: batch.ExitDone, settled: 30,
		},
		{
			name: "one row at fault: set aside, the others settled",
			fail: func(_ int, chunk []outcome) error {
				if has(chunk, 7) {
					return errData
				}
				return nil
			},
			exit: batch.ExitReview, settled: 29, rejected: []int{7},
		},
		{
			name: "one row locked: kept, the others settled",
			fail: func(_ int, chunk []outcome) error {
				if has(chunk, 7) {
					return batch.ErrLocked
				}
				return nil
			},
			exit: batch.ExitUnfinished, settled: 29, kept: []int{7}, left: []string{"a row stayed locked by another transaction"},
		},
		{
			name: "one row that cannot be set aside: kept, the others settled",
			fail: func(_ int, chunk []outcome) error {
				if has(chunk, 7) {
					return errData
				}
				return nil
			},
			reject: func(outcome) error { return errData },
			exit:   batch.ExitFailed, settled: 29, kept: []int{7},
		},
		{
			name: "set aside once the database is back",
			fail: func(_ int, chunk []outcome) error {
				if has(chunk, 7) {
					return errData
				}
				return nil
			},
			reject: failFirst(3, batch.ErrUnavailable),
			exit:   batch.ExitReview, settled: 29, rejected: []int{7},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := bench{size: 10, width: 5}
				b.source.todo = items("a", 0, 30)
				b.sink.fail, b.sink.reject = c.fail, c.reject
				result := run(t.Context(), t, runner(&runs{}), b.step("s"))
				require.Equal(t, c.exit, result.Exit, "%v", result)
				require.Equal(t, c.left, result.Left)
				require.Equal(t, c.settled, b.sink.done())
				require.ElementsMatch(t, c.rejected, slices.Collect(maps.Keys(b.sink.rejected)))
				require.ElementsMatch(t, c.kept, b.sink.kept)
				for id := range 30 {
					require.Equal(t, 1, b.work.processed(id), "item %d: the work is never replayed", id)
				}
			})
		})
	}
}

// Many rows that cannot even be set aside, each for itself, stop no other.
func TestManyRowsAtFaultStopNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bench{size: 10, width: 5}
		b.source.todo = items("a", 0, 100)
		b.work.do = second
		b.sink.fail = func(_ int, chunk []outcome) error {
			if slices.ContainsFunc(chunk, func(o outcome) bool { return o.id%2 == 0 }) {
				return errData
			}
			return nil
		}
		b.sink.reject = func(outcome) error { return errData }
		require.Equal(t, batch.ExitFailed, run(t.Context(), t, runner(&runs{}), b.step("s")).Exit)
		require.Equal(t, 50, b.sink.done())
		require.Len(t, b.sink.kept, 50)
		require.Equal(t, 100, b.work.started("a"))
	})
}

// Where nothing at all can be settled, charging on would only make more doubt.
func TestNothingIsClaimedWhileNothingCanBeSettled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bench{size: 10, width: 5}
		b.source.todo = items("a", 0, 300)
		b.work.do = second
		b.sink.fail = func(int, []outcome) error { return errData }
		b.sink.reject = func(outcome) error { return errData }
		result := run(t.Context(), t, runner(&runs{}), b.step("s"))
		require.Equal(t, batch.ExitFailed, result.Exit)
		require.Less(t, b.source.count(), 60)
		require.Len(t, b.sink.kept, b.source.count())
	})
}

func TestHalt(t *testing.T) {
	for _, c := range []struct {
		name string
		n    int
	}{
		{"while more is claimed", 300},
		{"by the last items, when nothing is left to claim", 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := bench{size: 10, width: 2}
				b.source.todo = items("a", 0, c.n)
				b.work.do = func(ctx context.Context, it item) error {
					if it.id == 4 {
						batch.Execution(ctx).Halt(errBrake)
					}
					return sleep(ctx, time.Second)
				}
				next := &bench{size: 10, width: 2}
				next.source.todo = items("a", 1000, 10)
				result := run(t.Context(), t, runner(&runs{}), b.step("s"), next.step("next"))
				require.Equal(t, batch.ExitFailed, result.Exit)
				require.ErrorIs(t, result.Err, errBrake)
				require.Zero(t, next.source.count(), "the next step is not begun")
				require.Equal(t, b.source.count(), b.sink.done())
				require.LessOrEqual(t, b.work.started("a"), 6)
				require.Equal(t, batch.ErrStopped, b.sink.errs[9])
			})
		})
	}
}

func TestHaltWhileALaneIsHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bench{size: 10, width: 2}
		b.source.todo = append(items("a", 0, 5), items("b", 5, 5)...)
		b.lanes.set("b", batch.LaneHeld)
		b.work.do = func(ctx context.Context, _ item) error {
			batch.Execution(ctx).Halt(errBrake)
			return nil
		}
		start := time.Now()
		result := run(t.Context(), t, runner(&runs{}), b.step("s"))
		require.Equal(t, batch.ExitFailed, result.Exit)
		require.Less(t, time.Since(start), time.Second)
	})
}

func TestBudget(t *testing.T) {
	for _, c := range []struct {
		name           string
		limit, n, more int
		done, doneMore int
		exit           int
	}{
		{"no bound", 0, 45, 20, 45, 20, batch.ExitDone},
		{"within one step", 25, 45, 20, 25, 0, batch.ExitUnfinished},
		{"over two steps", 55, 45, 20, 45, 10, batch.ExitUnfinished},
		{"more than there is", 100, 45, 20, 45, 20, batch.ExitDone},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				one, two := bench{size: 10, width: 5}, bench{size: 10, width: 5}
				one.source.todo, two.source.todo = items("a", 0, c.n), items("a", 0, c.more)
				r := runner(&runs{})
				r.Limit = c.limit
				result := run(t.Context(), t, r, one.step("one"), two.step("two"))
				require.Equal(t, c.done, one.sink.done())
				require.Equal(t, c.doneMore, two.sink.done())
				require.Equal(t, c.exit, result.Exit, "%v", result.Left)
			})
		})
	}
}
