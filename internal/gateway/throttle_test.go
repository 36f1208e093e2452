package gateway_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"duly/internal/gateway"
	"duly/internal/payment"
)

// crowd keeps that many callers at p until it is stopped, and watches how many requests are open at once.
type crowd struct {
	tally *tally
	paced *gateway.Limited
	stop  func()
	gone  sync.WaitGroup
}

func gather(t *testing.T, callers int, takes time.Duration, change ...func(*gateway.Limits)) *crowd {
	t.Helper()
	c := &crowd{tally: &tally{want: 1}}
	c.paced = pace(t, counting(c.tally, takes), change...)
	ctx, stop := withStop(t)
	c.stop = stop
	for range callers {
		c.gone.Go(func() {
			for {
				if o, _ := c.paced.Charge(ctx, payment.Charge{}, false); o.Kind != payment.Paid {
					return
				}
			}
		})
	}
	return c
}

// most is how many requests are open at once at most within d, those aside that are open at its begin.
func (c *crowd) most(settle, d time.Duration) (most int, sent int64) {
	time.Sleep(settle)
	synctest.Wait()
	c.tally.mu.Lock()
	c.tally.most = c.tally.open
	c.tally.mu.Unlock()
	before := c.paced.Stats().Requests()
	time.Sleep(d)
	synctest.Wait()
	c.tally.mu.Lock()
	defer c.tally.mu.Unlock()
	return c.tally.most, c.paced.Stats().Requests() - before
}

func TestThrottleTheParallelism(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := gather(t, 50, 100*time.Millisecond)
		most, _ := c.most(time.Second, time.Second)
		require.Equal(t, 50, most)
		for _, step := range []struct{ throttle, most int }{{5, 5}, {1, 1}, {20, 20}, {0, 50}, {80, 50}, {5, 5}} {
			c.paced.Throttle(step.throttle, 0)
			most, sent := c.most(time.Second, 2*time.Second)
			require.Equal(t, step.most, most, "%+v", step)
			require.Equal(t, int64(20*step.most), sent, "and so many always are")
		}
		load := c.paced.Load()
		require.Equal(t, 5, load.Open)
		require.Equal(t, 45, load.Waiting)
		require.Equal(t, 5, load.Bound)
		before := load.Spent
		time.Sleep(10 * time.Second)
		spent := c.paced.Load().Spent.Minus(before)
		require.Equal(t, 450*time.Second, spent.Throttle)
		require.Equal(t, 50*time.Second, spent.Open)
		require.Equal(t, 500*time.Second, spent.All())

		c.stop() // nobody waits on
		c.gone.Wait()
		require.Zero(t, c.paced.Load().Open+c.paced.Load().Waiting)
	})
}

func TestThrottleTheRate(t *testing.T) {
	for name, c := range map[string]struct {
		configured float64
		steps      [][2]float64 // throttle, and requests in 10 s
	}{
		"none configured":   {0, [][2]float64{{20, 200}, {5, 50}, {0, 5000}, {0.1, 1}, {100, 1000}}},
		"20/s configured":   {20, [][2]float64{{0, 200}, {5, 50}, {50, 200}, {0, 200}}},
		"a slow one before": {0.001, [][2]float64{{0.0001, 0}, {0, 0}}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				crowd := gather(t, 50, 100*time.Millisecond, func(l *gateway.Limits) { l.Rate = c.configured })
				for _, step := range c.steps {
					crowd.paced.Throttle(0, step[0])
					_, sent := crowd.most(time.Second, 10*time.Second)
					require.InDelta(t, step[1], sent, 1+step[1]/100, "%v", step)
				}
				crowd.stop()
				start := time.Now()
				crowd.gone.Wait()
				require.LessOrEqual(t, time.Since(start), 100*time.Millisecond, "a stop ends every wait")
			})
		})
	}
}

// The same pace told again and again, with every heartbeat, gives nobody an extra turn.
func TestTheSamePaceAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := gather(t, 50, time.Millisecond)
		c.paced.Throttle(10, 2)
		time.Sleep(time.Second)
		before := c.paced.Stats().Requests()
		for range 100 {
			c.paced.Throttle(10, 2)
			time.Sleep(100 * time.Millisecond)
		}
		require.InDelta(t, 20, c.paced.Stats().Requests()-before, 1)
		c.stop()
		c.gone.Wait()
	})
}

// A call that waits for the rate ends as soon as the gateway is closed.
func TestAThrottleThatIsTakenBackWakesWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pace(t, &fake{charge: in(paid)})
		p.Throttle(0, 0.001)
		p.Charge(t.Context(), payment.Charge{}, false)
		var second sync.WaitGroup
		second.Go(func() { p.Charge(t.Context(), payment.Charge{}, false) })
		time.Sleep(time.Second)
		require.Equal(t, 1, p.Load().Waiting)
		start := time.Now()
		p.Throttle(0, 0)
		second.Wait()
		require.Zero(t, time.Since(start))
	})
}

// A call that stops waiting for the rate releases its slot of the throttle.
func TestNoPlaceOfAThrottleIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pace(t, &fake{charge: in(paid)})
		p.Throttle(1, 0.001)
		send(t, p, 1) // its turn comes at once
		ctx, stop := withStop(t)
		time.AfterFunc(time.Second, stop)
		o, _ := p.Charge(ctx, payment.Charge{}, false)
		require.Equal(t, payment.NotExecuted, o.Kind)
		p.Throttle(1, 0)
		start := time.Now()
		send(t, p, 1)
		require.Zero(t, time.Since(start))
	})
}

// Gateways that share slots share a throttle.
func TestThrottleOverAllGateways(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slots := gateway.NewBound(10)
		share := func(l *gateway.Limits) { l.Slots = slots }
		seen := &tally{want: 1}
		ctx, stop := withStop(t)
		var all sync.WaitGroup
		var paced []*gateway.Limited
		for range 3 {
			p := pace(t, counting(seen, 100*time.Millisecond), share)
			paced = append(paced, p)
			for range 10 {
				all.Go(func() {
					for {
						if o, _ := p.Charge(ctx, payment.Charge{}, false); o.Kind != payment.Paid {
							return
						}
					}
				})
			}
		}
		for _, step := range [][2]int{{0, 10}, {4, 4}, {40, 10}, {1, 1}, {0, 10}} {
			for _, p := range paced {
				p.Throttle(step[0], 0)
			}
			time.Sleep(time.Second)
			synctest.Wait()
			seen.mu.Lock()
			seen.most = seen.open
			seen.mu.Unlock()
			time.Sleep(time.Second)
			seen.mu.Lock()
			require.Equal(t, step[1], seen.most, "%v", step)
			seen.mu.Unlock()
			require.Equal(t, step[1], paced[0].Load().Bound)
		}
		stop()
		all.Wait()
		require.Zero(t, slots.Held())
	})
}

// Whatever is taken, given, resized and called off: no more places are held than there are, none is lost, and nobody
// waits while there is room.
func TestABoundKeepsItsPlaces(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		synctest.Test(t, func(t *testing.T) {
			size := rapid.IntRange(0, 4).Draw(r, "size")
			b := gateway.NewBound(size)
			var mu sync.Mutex
			held, waiting, most := 0, map[int]context.CancelFunc{}, 0
			for i, op := range rapid.SliceOfN(rapid.IntRange(0, 3), 1, 40).Draw(r, "operations") {
				mu.Lock()
				had := held
				mu.Unlock()
				switch op {
				case 0, 1:
					ctx, cancel := context.WithCancel(t.Context())
					mu.Lock()
					waiting[i] = cancel
					mu.Unlock()
					go func() {
						ok := b.Take(ctx)
						mu.Lock()
						defer mu.Unlock()
						delete(waiting, i)
						cancel()
						if ok {
							held++
						}
					}()
				case 2:
					if had > 0 {
						mu.Lock()
						held--
						mu.Unlock()
						b.Give()
					}
				default:
					if rapid.Bool().Draw(r, "call off") {
						mu.Lock()
						for _, cancel := range waiting {
							cancel()
							break
						}
						mu.Unlock()
					} else {
						size = rapid.IntRange(0, 4).Draw(r, "new size")
						b.Resize(size)
					}
				}
				synctest.Wait()
				mu.Lock()
				most = max(held, most)
				require.Equal(t, held, b.Held())
				if size > 0 && held > had {
					require.LessOrEqual(t, held, size)
				}
				if size == 0 || held < size {
					require.Empty(t, waiting)
				}
				mu.Unlock()
			}
			mu.Lock()
			for _, cancel := range waiting {
				cancel()
			}
			mu.Unlock()
			synctest.Wait()
		})
	})
}
