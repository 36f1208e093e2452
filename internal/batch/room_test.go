package batch_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"duly/internal/batch"
)

// ledger counts what is claimed and unsettled of each lane, as the database has it.
type ledger struct {
	batch.Reader[item]
	batch.Writer[outcome]

	mu   sync.Mutex
	open map[string]int
	most map[string]int
}

func (l *ledger) Read(ctx context.Context, want batch.ClaimRequest) (batch.Claim[item], error) {
	page, err := l.Reader.Read(ctx, want)
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, it := range page.Items {
		l.open[it.lane]++
		l.most[it.lane] = max(l.most[it.lane], l.open[it.lane])
	}
	return page, err
}

func (l *ledger) Write(ctx context.Context, chunk []outcome) (batch.Tally, error) {
	tally, err := l.Writer.Write(ctx, chunk)
	if err == nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, o := range chunk {
			l.open[o.lane]--
		}
	}
	return tally, err
}

func counted(b *bench) (*batch.Chunk[item, outcome], *ledger) {
	l := &ledger{Reader: &b.source, Writer: &b.sink, open: map[string]int{}, most: map[string]int{}}
	step := b.step("s")
	step.Reader, step.Writer = l, l
	return step, l
}

func TestABoundedLaneIsUsedUpToItsBound(t *testing.T) {
	for _, bound := range []int{1, 2, 5, 40} {
		t.Run(fmt.Sprint(bound), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := bench{size: 10, width: bound, bounds: map[string]int{"b": bound}}
				b.source.todo = items("b", 0, 200)
				b.work.do = second
				step, l := counted(&b)
				start := time.Now()
				require.Equal(t, batch.ExitDone, run(t.Context(), t, runner(&runs{}), step).Exit)
				require.Equal(t, 200, b.sink.done())
				require.Equal(t, map[string]int{"b": bound}, l.most)
				require.Less(t, time.Since(start), time.Duration(200/bound+2)*1100*time.Millisecond, "the lane never stands still")
			})
		})
	}
}

// What is claimed ahead follows the pace of the lane, not how wide it may become.
func TestClaimsFollowThePace(t *testing.T) {
	for pace, most := range map[int]int{2: 20, 8: 26, 1000: 90} {
		t.Run(fmt.Sprint(pace), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := bench{size: 10, width: 40}
				b.source.todo = items("a", 0, 400)
				places := make(chan struct{}, min(pace, 40))
				b.work.do = func(ctx context.Context, _ item) error {
					places <- struct{}{}
					defer func() { <-places }()
					return sleep(ctx, time.Second)
				}
				step, l := counted(&b)
				step.Pace = func(string) int { return pace }
				require.Equal(t, batch.ExitDone, run(t.Context(), t, runner(&runs{}), step).Exit)
				require.Equal(t, 400, b.sink.done())
				require.LessOrEqual(t, l.most["a"], most)
				require.Greater(t, l.most["a"], most-10, "and no more is held back than that")
			})
		})
	}
}

// While the items of a full lane hang, those of the others are done, also where all of the full lane's come first.
func TestAFullLaneStopsNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bench{size: 10, width: 5, bounds: map[string]int{"b": 2}}
		b.source.todo = append(items("b", 0, 50), items("a", 50, 200)...)
		b.work.do = func(ctx context.Context, it item) error {
			if it.id < 2 {
				return sleep(ctx, 10*time.Minute)
			}
			return sleep(ctx, time.Second)
		}
		step, l := counted(&b)
		start := time.Now()
		require.Equal(t, batch.ExitDone, run(t.Context(), t, runner(&runs{}), step).Exit)
		require.Equal(t, 250, b.sink.done())
		require.Equal(t, 2, l.most["b"])
		for id, at := range b.sink.settled {
			if id >= 50 {
				require.Less(t, at.Sub(start), time.Minute, "40 s of work in lane a")
			}
		}
	})
}

// A slow lane fills the window for minutes; the bounded one goes on all the same.
func TestABoundedLaneNeedsNoRoomInTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bench{size: 10, width: 2, bounds: map[string]int{"b": 2}}
		for i := range 60 {
			b.source.todo = append(b.source.todo, item{i, []string{"a", "b"}[i%2]})
		}
		b.work.do = func(ctx context.Context, it item) error {
			if it.lane == "a" {
				return sleep(ctx, 5*time.Minute)
			}
			return sleep(ctx, time.Second)
		}
		step, _ := counted(&b)
		start := time.Now()
		require.Equal(t, batch.ExitDone, run(t.Context(), t, runner(&runs{}), step).Exit)
		early := 0
		for id, at := range b.sink.settled {
			if id%2 == 1 && at.Sub(start) < 4*time.Minute {
				early++
			}
		}
		require.GreaterOrEqual(t, early, 10, "those that the walk met before it waited for the slow lane")
	})
}

// A lane that opens while items of another wait for room is walked at once.
func TestALaneThatOpensIsNotHeldUpByAFullOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bench{size: 10, width: 5, bounds: map[string]int{"b": 1}}
		b.source.todo = append(items("b", 0, 5), items("a", 5, 50)...)
		b.lanes.set("a", batch.LaneHeld)
		time.AfterFunc(5*time.Minute, func() { b.lanes.set("a", batch.LaneOpen) })
		b.work.do = func(ctx context.Context, it item) error {
			if it.lane == "b" {
				return sleep(ctx, 10*time.Minute)
			}
			return sleep(ctx, time.Second)
		}
		step, _ := counted(&b)
		start := time.Now()
		require.Equal(t, batch.ExitDone, run(t.Context(), t, runner(&runs{}), step).Exit)
		require.Equal(t, 55, b.sink.done())
		for id, at := range b.sink.settled {
			if id >= 5 {
				require.Less(t, at.Sub(start), 6*time.Minute)
			}
		}
	})
}

// What was postponed of a lane that is closed is left, and said so.
func TestAFullLaneThatCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bench{size: 10, width: 5, bounds: map[string]int{"b": 1}}
		b.source.todo = append(items("b", 0, 20), items("a", 20, 20)...)
		b.work.do = func(ctx context.Context, it item) error {
			if it.id == 3 {
				b.lanes.set("b", batch.LaneClosed)
			}
			return sleep(ctx, time.Second)
		}
		step, _ := counted(&b)
		result := run(t.Context(), t, runner(&runs{}), step)
		require.Equal(t, batch.ExitUnfinished, result.Exit)
		require.Equal(t, []string{"left alone for the rest of the run: b"}, result.Left)
		require.Equal(t, 24, b.sink.done())
	})
}

func TestAStopWhileALaneIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bench{size: 10, width: 5, bounds: map[string]int{"b": 1}}
		b.source.todo = items("b", 0, 20)
		b.work.do = func(ctx context.Context, _ item) error { return sleep(ctx, 10*time.Second) }
		ctx, stop := context.WithCancelCause(t.Context())
		time.AfterFunc(15*time.Second, func() { stop(errSignal) })
		step, l := counted(&b)
		require.Equal(t, 143, run(ctx, t, runner(&runs{}), step).Exit)
		require.Equal(t, 2, b.sink.done())
		require.Equal(t, 0, l.open["b"])
	})
}

// Whatever the lanes, their bounds, their work and their states: no bound is exceeded, every item is worked on once,
// and none is passed over.
func TestNoBoundIsExceededAndNobodyPassedOver(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		names := []string{"a", "b", "c", "d"}[:rapid.IntRange(1, 4).Draw(rt, "lanes")]
		bounds := map[string]int{}
		for _, name := range names {
			bounds[name] = rapid.IntRange(0, 6).Draw(rt, "bound of "+name)
		}
		size, n := rapid.IntRange(1, 12).Draw(rt, "size"), rapid.IntRange(0, 120).Draw(rt, "items")
		width, flaps := rapid.IntRange(1, 6).Draw(rt, "width"), rapid.IntRange(0, 60).Draw(rt, "flaps")
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1))
		synctest.Test(t, func(t *testing.T) {
			b := bench{size: size, width: width, bounds: bounds}
			b.source.takes = time.Duration(random.IntN(3)) * 100 * time.Millisecond
			for i := range n {
				b.source.todo = append(b.source.todo, item{i, names[random.IntN(len(names))]})
			}
			var mu sync.Mutex
			draw := func(n int) int {
				mu.Lock()
				defer mu.Unlock()
				return random.IntN(n)
			}
			b.work.do = func(ctx context.Context, _ item) error {
				return sleep(ctx, time.Duration(draw(20))*100*time.Millisecond)
			}
			go func() {
				for range flaps {
					time.Sleep(200 * time.Millisecond)
					b.lanes.set(names[draw(len(names))], []batch.LaneState{batch.LaneOpen, batch.LaneHeld}[draw(2)])
				}
				for _, name := range names {
					b.lanes.set(name, batch.LaneOpen)
				}
			}()
			step, l := counted(&b)
			result := run(t.Context(), t, runner(&runs{}), step)
			if result.Exit != batch.ExitDone || b.sink.done() != n {
				rt.Fatalf("%v: %d of %d settled", result, b.sink.done(), n)
			}
			for id := range n {
				if b.work.processed(id) != 1 {
					rt.Fatalf("item %d was processed %d times", id, b.work.processed(id))
				}
			}
			for name, bound := range bounds {
				if bound > 0 && l.most[name] > bound {
					rt.Fatalf("%d of lane %s, of %d at most", l.most[name], name, bound)
				}
			}
			time.Sleep(time.Minute) // the end of the flapping
		})
	})
}
