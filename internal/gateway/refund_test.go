package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"duly/internal/gateway"
	"duly/internal/payment"
)

// The replies that the tests play with.
var (
	done       = payment.Reply{Effect: payment.EffectDone, Payment: &payment.Payment{ID: "pay_1"}}
	unknown    = payment.Reply{Failure: true, Reason: "time-out"}
	nothing    = payment.Reply{Effect: payment.EffectNone, Reason: "429"}
	decided    = payment.Reply{Effect: payment.EffectRefused, Reason: "409"}
	rejected   = payment.Reply{Effect: payment.EffectRejected, Reason: "400"}
	wrongToken = payment.Reply{Effect: payment.EffectMisconfigured, Reason: "401"}
)

// replies answers with the given replies in turn, the last one for ever.
func replies(all ...payment.Reply) func(int) payment.Reply {
	return func(n int) payment.Reply { return all[min(n, len(all))-1] }
}

// changes are the two calls that change a payment, which are paced alike.
var changes = map[string]func(p *gateway.Limited, ctx context.Context, key string) payment.Reply{
	"cancel": func(p *gateway.Limited, ctx context.Context, key string) payment.Reply {
		return p.Cancel(ctx, payment.Cancel{Key: key, ID: "pay_1"})
	},
	"refund": func(p *gateway.Limited, ctx context.Context, key string) payment.Reply {
		return p.Refund(ctx, payment.Refund{Key: key, ID: "pay_1", Amount: 1})
	},
}

// eachChange runs a test of both in a bubble of time.
func eachChange(t *testing.T, test func(t *testing.T, change func(p *gateway.Limited, ctx context.Context, key string) payment.Reply)) {
	t.Helper()
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(t, change) })
		})
	}
}

func TestWhichChangesAreSentAgain(t *testing.T) {
	doubt := func(effect payment.Effect, reason string) payment.Reply {
		return payment.Reply{Effect: payment.EffectUnknown, Reason: fmt.Sprintf("in doubt before, then %s: %s", effect, reason)}
	}
	for _, tc := range []struct {
		name     string
		answers  []payment.Reply
		keyless  bool
		tries    int
		requests int
		want     payment.Reply
	}{
		{"done at once", []payment.Reply{done}, false, 3, 1, done},
		{"nothing done, then done", []payment.Reply{nothing, done}, false, 3, 2, done},
		{"nothing done throughout", []payment.Reply{nothing}, false, 3, 3, nothing},
		{"one try", []payment.Reply{nothing}, false, 1, 1, nothing},
		{"unknown, then done", []payment.Reply{unknown, done}, false, 3, 2, done},
		{"unknown throughout", []payment.Reply{unknown}, false, 3, 3, unknown},
		{"unknown, then nothing done", []payment.Reply{unknown, nothing}, false, 3, 3, doubt(payment.EffectNone, "429")},
		{"unknown, nothing done, done", []payment.Reply{unknown, nothing, done}, false, 3, 3, done},
		{"unknown, then refused", []payment.Reply{unknown, decided}, false, 3, 2, doubt(payment.EffectRefused, "409")},
		{"unknown, then rejected", []payment.Reply{unknown, rejected}, false, 3, 2, doubt(payment.EffectRejected, "400")},
		{"unknown, then misconfigured", []payment.Reply{unknown, wrongToken}, false, 3, 2, doubt(payment.EffectMisconfigured, "401")},
		{"refused", []payment.Reply{decided}, false, 3, 1, decided},
		{"rejected", []payment.Reply{rejected}, false, 3, 1, rejected},
		{"misconfigured", []payment.Reply{wrongToken}, false, 3, 1, wrongToken},
		{"no keys, unknown", []payment.Reply{unknown, done}, true, 3, 1, unknown},
		{"no keys, nothing done", []payment.Reply{nothing, done}, true, 3, 2, done},
		{"no keys, nothing done, unknown", []payment.Reply{nothing, unknown, done}, true, 3, 2, unknown},
	} {
		t.Run(tc.name, func(t *testing.T) {
			eachChange(t, func(t *testing.T, change func(*gateway.Limited, context.Context, string) payment.Reply) {
				t.Helper()
				f := &fake{keyless: tc.keyless, change: replies(tc.answers...)}
				p := pace(t, f, func(l *gateway.Limits) { l.Tries = tc.tries })
				require.Equal(t, tc.want, change(p, t.Context(), "rf_1"))
				require.Equal(t, tc.requests, f.requests())
				for _, key := range f.keys {
					require.Equal(t, "rf_1", key)
				}
				last := tc.answers[min(len(tc.answers), tc.requests)-1]
				reason, closed := p.Closed()
				require.Equal(t, last.Effect == payment.EffectMisconfigured, closed)
				require.Equal(t, closed, reason == "refused our credentials: 401")
				require.Equal(t, closed, p.Stats().Misconfigured == 1)
				require.EqualValues(t, tc.requests-1, p.Stats().Retries)
			})
		})
	}
}

// Whatever the answers: a call says that nothing was done only if no request of it may have been executed, and a
// gateway without keys never gets a request while one may have been.
func TestDoubtAboutAChangeSticks(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		effects := rapid.SliceOfN(rapid.SampledFrom(payment.Effects()), 5, 5).Draw(rt, "answers")
		keyless, tries := rapid.Bool().Draw(rt, "keyless"), rapid.IntRange(1, 5).Draw(rt, "tries")
		change := changes[rapid.SampledFrom([]string{"cancel", "refund"}).Draw(rt, "change")]
		synctest.Test(t, func(t *testing.T) {
			doubt, unsafe, isDone := false, false, false
			f := &fake{keyless: keyless, change: func(n int) payment.Reply {
				unsafe = unsafe || keyless && doubt || isDone
				doubt = doubt || effects[n-1] == payment.EffectUnknown
				isDone = effects[n-1] == payment.EffectDone
				return payment.Reply{Effect: effects[n-1]}
			}}
			r := change(pace(t, f, func(l *gateway.Limits) { l.Tries = tries }), t.Context(), "k")
			wrong := doubt && !isDone && r.Effect != payment.EffectUnknown || isDone != (r.Effect == payment.EffectDone)
			if wrong || unsafe || f.requests() > tries {
				rt.Fatalf("%v after %d requests, in doubt %v, done %v; sent in vain or while in doubt: %v", r, f.requests(), doubt, isDone, unsafe)
			}
		})
	})
}

func TestChangesKeepTheirLimits(t *testing.T) {
	t.Run("a wish that is honoured", func(t *testing.T) {
		eachChange(t, func(t *testing.T, change func(*gateway.Limited, context.Context, string) payment.Reply) {
			t.Helper()
			f := &fake{change: replies(payment.Reply{Effect: payment.EffectNone, RetryAfter: time.Minute}, done)}
			start := time.Now()
			require.Equal(t, done, change(pace(t, f), t.Context(), "k"))
			within(t, time.Since(start), time.Minute, 72*time.Second)
		})
	})
	t.Run("no try begins after MaxElapsed", func(t *testing.T) {
		eachChange(t, func(t *testing.T, change func(*gateway.Limited, context.Context, string) payment.Reply) {
			t.Helper()
			f := &fake{takes: 3 * time.Minute, change: replies(unknown)}
			require.Equal(t, unknown, change(pace(t, f), t.Context(), "k"))
			require.Equal(t, 2, f.requests())
		})
	})
	t.Run("failures open the circuit, which holds changes back", func(t *testing.T) {
		eachChange(t, func(t *testing.T, change func(*gateway.Limited, context.Context, string) payment.Reply) {
			t.Helper()
			f := &fake{change: func(n int) payment.Reply {
				if n <= 20 {
					return unknown
				}
				return done
			}}
			p := pace(t, f, once)
			for range 20 {
				change(p, t.Context(), "k")
			}
			require.True(t, p.Open())
			start := time.Now()
			require.Equal(t, done, change(p, t.Context(), "k"))
			require.Equal(t, 10*time.Second, time.Since(start))
		})
	})
	t.Run("a stop before the first", func(t *testing.T) {
		eachChange(t, func(t *testing.T, change func(*gateway.Limited, context.Context, string) payment.Reply) {
			t.Helper()
			f := &fake{change: replies(done)}
			ctx, stop := withStop(t)
			stop()
			require.Equal(t, payment.Reply{Effect: payment.EffectNone, Reason: "stopped"}, change(pace(t, f), ctx, "k"))
			require.Zero(t, f.requests())
		})
	})
	t.Run("a stop while it waits to be sent again", func(t *testing.T) {
		eachChange(t, func(t *testing.T, change func(*gateway.Limited, context.Context, string) payment.Reply) {
			t.Helper()
			f := &fake{change: replies(unknown)}
			ctx, stop := withStop(t)
			time.AfterFunc(time.Second, stop)
			require.Equal(t, unknown, change(pace(t, f), ctx, "k"))
			require.Equal(t, 1, f.requests())
		})
	})
	t.Run("a circuit that opens before it is sent again", func(t *testing.T) {
		eachChange(t, func(t *testing.T, change func(*gateway.Limited, context.Context, string) payment.Reply) {
			t.Helper()
			f := &fake{change: replies(unknown)}
			p := pace(t, f, func(l *gateway.Limits) {
				l.Circuit.Minimum, l.MaxElapsed, l.Circuit.OpenFor = 1, time.Minute, time.Hour
			})
			r := change(p, t.Context(), "k")
			require.Equal(t, payment.EffectUnknown, r.Effect)
			require.Equal(t, "time-out; out of time for another try", r.Reason)
		})
	})
	t.Run("a gateway that is left alone", func(t *testing.T) {
		eachChange(t, func(t *testing.T, change func(*gateway.Limited, context.Context, string) payment.Reply) {
			t.Helper()
			f := &fake{change: replies(done)}
			p := pace(t, f)
			p.LeaveAlone("down")
			require.Equal(t, payment.Reply{Effect: payment.EffectNone, Reason: "down"}, change(p, t.Context(), "k"))
			require.Zero(t, f.requests())
		})
	})
}

func TestGuardThatRefusesEndsAChange(t *testing.T) {
	for yes, want := range []payment.Reply{
		{Effect: payment.EffectNone, Reason: "the lease is too short"},
		{Effect: payment.EffectUnknown, Reason: "in doubt before, then none: the lease is too short"},
	} {
		eachChange(t, func(t *testing.T, change func(*gateway.Limited, context.Context, string) payment.Reply) {
			t.Helper()
			asked := 0
			ctx := gateway.WithGuard(t.Context(), gateway.Guard{Check: func() error {
				if asked++; asked > yes {
					return errors.New("the lease is too short")
				}
				return nil
			}})
			f := &fake{change: replies(unknown)}
			p := pace(t, f)
			require.Equal(t, want, change(p, ctx, "k"))
			require.Equal(t, yes, f.requests())
			require.Equal(t, yes+1, asked, "a no is a no")
			require.EqualValues(t, yes, p.Stats().Requests())
		})
	}
}
