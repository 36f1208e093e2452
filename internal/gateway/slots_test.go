package gateway_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/gateway"
	"duly/internal/payment"
)

// tally watches how many requests are open at once over several gateways.
type tally struct {
	mu         sync.Mutex
	open, most int
	left       int // requests that have not begun
	starved    time.Duration
	since      time.Time // when fewer than want were open though some were left; zero: never
	want       int
}

func (c *tally) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open++
	c.left--
	c.most = max(c.most, c.open)
	if c.open >= c.want && !c.since.IsZero() {
		c.starved += time.Since(c.since)
		c.since = time.Time{}
	}
}

func (c *tally) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open--
	if c.open < c.want && c.left > 0 {
		c.since = time.Now()
	}
}

// counting is a fake whose requests, of every kind, take the time that they take and are seen by a tally.
func counting(c *tally, takes time.Duration) *fake {
	during := func() {
		c.begin()
		defer c.end()
		time.Sleep(takes)
	}
	return &fake{
		charge: func(int) payment.Outcome { during(); return paid },
		find:   func(int) gateway.Finding { during(); return gateway.Finding{Outcome: paid} },
		look:   func(int) payment.LookupResult { during(); return seen },
		change: func(int) payment.Reply { during(); return done },
		list:   func(int) (payment.Listing, error) { during(); return payment.Listing{}, nil },
	}
}

// calls are all kinds of request.
func calls(ctx context.Context, p *gateway.Limited) []func() {
	return []func(){
		func() { p.Charge(ctx, payment.Charge{}, false) },
		func() { p.Find(ctx, payment.Charge{}, "") },
		func() { p.Look(ctx, byKey) },
		func() { p.Cancel(ctx, payment.Cancel{}) },
		func() { p.Refund(ctx, payment.Refund{}) },
		func() { _, _ = p.List(ctx, payment.Window{}, "") },
	}
}

func TestSlotsBoundWhatIsOpenOverAllGateways(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const bound, each = 10, 30
		slots := gateway.NewBound(bound)
		share := func(l *gateway.Limits) { l.Slots = slots }
		c := &tally{want: bound, left: 3 * 6 * each}
		var all sync.WaitGroup
		for i := range 3 {
			p := pace(t, counting(c, time.Duration(i+1)*100*time.Millisecond), share)
			for _, call := range calls(t.Context(), p) {
				for range each {
					all.Go(call)
				}
			}
		}
		start := time.Now()
		all.Wait()
		require.Equal(t, bound, c.most, "never more")
		require.Zero(t, c.starved, "always full while work remains")
		require.Zero(t, slots.Held(), "all refunded")
		total := 6 * each * (100 + 200 + 300) * time.Millisecond
		within(t, time.Since(start), total/bound, total/bound+300*time.Millisecond)
	})
}

func TestAHeldGatewayHoldsNoSlot(t *testing.T) {
	for name, hold := range map[string]func(l *gateway.Limits){
		"by its circuit": func(l *gateway.Limits) {
			l.Circuit.Minimum, l.Circuit.OpenFor, l.MaxOutage, l.Tries = 1, time.Hour, 0, 1
		},
		"by its rate": func(l *gateway.Limits) { l.Rate = 0.001 },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				slots := gateway.NewBound(2)
				share := func(l *gateway.Limits) { l.Slots = slots }
				held := pace(t, &fake{look: func(int) payment.LookupResult { return unseen }}, share, hold)
				ctx, stop := withStop(t)
				var waiting sync.WaitGroup
				held.Look(ctx, byKey)
				for range 5 {
					waiting.Go(func() { held.Look(ctx, byKey) })
				}
				synctest.Wait()
				require.Zero(t, slots.Held())
				start := time.Now()
				free := pace(t, &fake{look: func(int) payment.LookupResult { return seen }}, share)
				require.Equal(t, seen, free.Look(t.Context(), byKey))
				require.Zero(t, time.Since(start))
				stop()
				waiting.Wait()
				require.Zero(t, slots.Held())
			})
		})
	}
}

func TestNoSlotIsLost(t *testing.T) {
	newPair := func(t *testing.T, f *fake, change ...func(*gateway.Limits)) (*gateway.Limited, *gateway.Bound) {
		t.Helper()
		slots := gateway.NewBound(1)
		return pace(t, f, append(change, func(l *gateway.Limits) { l.Slots = slots })...), slots
	}
	t.Run("by a stop while it is waited for", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := &fake{look: func(int) payment.LookupResult { return seen }}
			p, slots := newPair(t, f)
			require.True(t, slots.Take(t.Context()))
			ctx, stop := withStop(t)
			time.AfterFunc(time.Second, stop)
			start := time.Now()
			require.Equal(t, payment.LookupResult{Unasked: true, Reason: "not looked up: stopped"}, p.Look(ctx, byKey))
			require.Equal(t, time.Second, time.Since(start))
			require.Zero(t, f.asked)
			slots.Give()
			require.Equal(t, seen, p.Look(t.Context(), byKey))
		})
	})
	t.Run("by a guard that refuses", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p, slots := newPair(t, &fake{change: replies(done)})
			ctx := gateway.WithGuard(t.Context(), gateway.Guard{Check: func() error { return gateway.ErrGuard }})
			require.Equal(t, payment.EffectNone, p.Refund(ctx, payment.Refund{}).Effect)
			require.Zero(t, slots.Held())
		})
	})
	t.Run("by a panic", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p, slots := newPair(t, &fake{look: func(int) payment.LookupResult { panic("odd") }})
			require.Panics(t, func() { p.Look(t.Context(), byKey) })
			require.Zero(t, slots.Held())
		})
	})
	t.Run("by a back-off, which holds none", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := &fake{change: replies(nothing, done)}
			p, slots := newPair(t, f)
			time.AfterFunc(time.Second, func() {
				if slots.Held() != 0 || f.requests() != 1 {
					t.Error("a slot is held by one that waits to be sent again")
				}
			})
			require.Equal(t, done, p.Cancel(t.Context(), payment.Cancel{}))
		})
	})
	t.Run("by a circuit that opens while it is waited for", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := &fake{takes: time.Second, look: func(n int) payment.LookupResult {
				if n == 1 {
					return unseen
				}
				return seen
			}}
			p, slots := newPair(t, f, once, func(l *gateway.Limits) { l.Circuit.Minimum = 1 })
			start := time.Now()
			var second sync.WaitGroup
			go p.Look(t.Context(), byKey)
			synctest.Wait()
			second.Go(func() { p.Look(t.Context(), byKey) })
			time.Sleep(2 * time.Second)
			synctest.Wait()
			require.Equal(t, 1, f.questions(), "the second waits for the circuit again")
			require.Zero(t, slots.Held())
			second.Wait()
			require.Equal(t, 12*time.Second, time.Since(start))
		})
	})
}
