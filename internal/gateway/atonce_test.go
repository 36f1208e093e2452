package gateway_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/gateway"
	"duly/internal/payment"
)

// Most calls find a free way and are sent without a wait. Each of these holds back a call that finds everything else free.
func TestACallThatNeedNotWaitIsHeldBackToo(t *testing.T) {
	type held struct {
		ctx    context.Context //nolint:containedctx // the call's own: what holds it back may be in it
		paced  *gateway.Limited
		fake   *fake
		after  time.Duration // when it leaves
		reason string        // why it never does; empty: it does
	}
	call := func(h held) (payment.Outcome, time.Duration) {
		start := time.Now()
		o, _ := h.paced.Charge(h.ctx, payment.Charge{Key: "held"}, false)
		return o, time.Since(start)
	}
	occupied := func(t *testing.T, change func(*gateway.Limits), throttle int) held {
		t.Helper()
		f := &fake{takes: time.Minute, charge: in(paid)}
		p := pace(t, f, change)
		p.Throttle(throttle, 0)
		places := max(throttle, p.Auto())
		for range places {
			go p.Charge(t.Context(), payment.Charge{Key: "before"}, false)
		}
		synctest.Wait()
		require.Equal(t, places, f.requests())
		return held{ctx: t.Context(), paced: p, fake: f, after: 2 * time.Minute}
	}
	for name, prepare := range map[string]func(t *testing.T) held{
		"by nothing": func(t *testing.T) held {
			t.Helper()
			f := &fake{charge: in(paid)}
			return held{ctx: t.Context(), paced: pace(t, f), fake: f}
		},
		"by a stop": func(t *testing.T) held {
			t.Helper()
			f := &fake{charge: in(paid)}
			ctx, stop := withStop(t)
			stop()
			return held{ctx: ctx, paced: pace(t, f), fake: f, reason: "stopped"}
		},
		"by a context that has ended": func(t *testing.T) held {
			t.Helper()
			f := &fake{charge: in(paid)}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			return held{ctx: ctx, paced: pace(t, f), fake: f, reason: "context canceled"}
		},
		"by a gateway that is left alone": func(t *testing.T) held {
			t.Helper()
			f := &fake{charge: in(paid)}
			p := pace(t, f)
			p.LeaveAlone("its books are closed")
			return held{ctx: t.Context(), paced: p, fake: f, reason: "its books are closed"}
		},
		"by an open circuit": func(t *testing.T) held {
			t.Helper()
			f := &fake{charge: in(timeOut, paid)}
			p := pace(t, f, once, func(l *gateway.Limits) { l.Circuit.Minimum, l.Circuit.OpenFor = 1, time.Minute })
			p.Charge(t.Context(), payment.Charge{Key: "before"}, false)
			require.True(t, p.Open())
			return held{ctx: t.Context(), paced: p, fake: f, after: time.Minute}
		},
		"by a throttle of the parallelism": func(t *testing.T) held {
			t.Helper()
			return occupied(t, func(*gateway.Limits) {}, 3)
		},
		"by a throttle of the rate": func(t *testing.T) held {
			t.Helper()
			f := &fake{charge: in(paid)}
			p := pace(t, f)
			p.Throttle(0, 0.1)
			p.Charge(t.Context(), payment.Charge{Key: "before"}, false)
			return held{ctx: t.Context(), paced: p, fake: f, after: 10 * time.Second}
		},
		"by parallelism: auto": func(t *testing.T) held {
			t.Helper()
			return occupied(t, func(l *gateway.Limits) { l.Auto = 64 }, 0)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := prepare(t)
				before := h.fake.requests()
				o, took := call(h)
				if h.reason != "" {
					require.Zero(t, took)
					require.Equal(t, before, h.fake.requests(), "no request left")
					require.Equal(t, payment.NotExecuted, o.Kind)
					require.Contains(t, o.Reason, h.reason)
					return
				}
				require.Equal(t, payment.Paid, o.Kind, o.Reason)
				require.Equal(t, before+1, h.fake.requests())
				require.Equal(t, h.after, took)
			})
		})
	}
}
