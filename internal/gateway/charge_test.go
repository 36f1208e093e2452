package gateway_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"duly/internal/gateway"
	"duly/internal/payment"
)

func TestWhatIsSentAgain(t *testing.T) {
	pending := payment.Outcome{LookUpOnly: true, Reason: "pending"}
	declined := payment.Outcome{Kind: payment.Refused, Reason: "lost_card"}
	for _, tc := range []struct {
		name     string
		answers  []payment.Outcome
		keyless  bool
		doubted  bool
		tries    int
		requests int
		want     payment.Kind
		doubt    bool
	}{
		{"paid at once", []payment.Outcome{paid}, false, false, 3, 1, payment.Paid, false},
		{"not executed, then paid", []payment.Outcome{refused, paid}, false, false, 3, 2, payment.Paid, false},
		{"never executed", []payment.Outcome{refused}, false, false, 3, 3, payment.NotExecuted, false},
		{"one try", []payment.Outcome{refused}, false, false, 1, 1, payment.NotExecuted, false},
		{"no try is one", []payment.Outcome{refused}, false, false, 0, 1, payment.NotExecuted, false},
		{"in doubt, then paid", []payment.Outcome{timeOut, paid}, false, false, 3, 2, payment.Paid, true},
		{"in doubt, then declined", []payment.Outcome{timeOut, declined}, false, false, 3, 2, payment.Refused, true},
		{"in doubt throughout", []payment.Outcome{timeOut}, false, false, 3, 3, payment.InDoubt, true},
		{"429 after a time-out", []payment.Outcome{timeOut, tooMany, tooMany}, false, false, 3, 3, payment.InDoubt, true},
		{"429 after a time-out, then paid", []payment.Outcome{timeOut, tooMany, paid}, false, false, 3, 3, payment.Paid, true},
		{"rejected after a time-out", []payment.Outcome{timeOut, {Kind: payment.Rejected}}, false, false, 3, 2, payment.InDoubt, true},
		{"try later after a time-out", []payment.Outcome{timeOut, {Kind: payment.TryLater}}, false, false, 3, 2, payment.InDoubt, true},
		{"pending", []payment.Outcome{pending}, false, false, 3, 1, payment.InDoubt, true},
		{"declined", []payment.Outcome{declined}, false, false, 3, 1, payment.Refused, false},
		{"try later", []payment.Outcome{{Kind: payment.TryLater}}, false, false, 3, 1, payment.TryLater, false},
		{"rejected", []payment.Outcome{{Kind: payment.Rejected}}, false, false, 3, 1, payment.Rejected, false},
		{"differs", []payment.Outcome{{Kind: payment.Differs}}, false, false, 3, 1, payment.Differs, false},
		{"misconfigured", []payment.Outcome{badToken}, false, false, 3, 1, payment.Misconfigured, false},
		{"doubted before, not executed now", []payment.Outcome{tooMany}, false, true, 3, 3, payment.InDoubt, true},
		{"doubted before, paid now", []payment.Outcome{paid}, false, true, 3, 1, payment.Paid, true},
		{"no keys, in doubt", []payment.Outcome{timeOut, paid}, true, false, 3, 1, payment.InDoubt, true},
		{"no keys, not executed", []payment.Outcome{tooMany, paid}, true, false, 3, 2, payment.Paid, false},
		{"no keys, not executed, in doubt", []payment.Outcome{tooMany, timeOut, paid}, true, false, 3, 2, payment.InDoubt, true},
		{"no keys, doubted before", []payment.Outcome{paid}, true, true, 3, 0, payment.InDoubt, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{keyless: tc.keyless, charge: in(tc.answers...)}
				p := pace(t, f, func(l *gateway.Limits) { l.Tries = tc.tries })
				o, doubted := p.Charge(t.Context(), payment.Charge{Key: "k"}, tc.doubted)
				require.Equal(t, tc.want, o.Kind, o.Reason)
				require.Equal(t, tc.doubt, doubted)
				require.Equal(t, tc.requests, f.requests())
			})
		})
	}
}

// Whatever the answers: the attempt ends with words about one request only if no request may have been
// executed, and a gateway without keys never gets a request while one may have been.
func TestDoubtSticks(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		kinds := rapid.SliceOfN(rapid.SampledFrom(payment.Kinds()), 5, 5).Draw(rt, "answers")
		keyless, before := rapid.Bool().Draw(rt, "keyless"), rapid.Bool().Draw(rt, "doubted")
		tries := rapid.IntRange(1, 5).Draw(rt, "tries")
		synctest.Test(t, func(t *testing.T) {
			doubt, unsafe := before, false
			f := &fake{keyless: keyless}
			f.charge = func(n int) payment.Outcome {
				unsafe = unsafe || keyless && doubt
				doubt = doubt || kinds[n-1] == payment.InDoubt
				return payment.Outcome{Kind: kinds[n-1]}
			}
			p := pace(t, f, func(l *gateway.Limits) { l.Tries = tries })
			o, doubted := p.Charge(t.Context(), payment.Charge{}, before)
			if doubted != doubt || doubt && o.Kind.OneRequest() || unsafe || f.requests() > tries {
				rt.Fatalf("%v after %d requests, doubted %v, want %v; sent while in doubt: %v", o, f.requests(), doubted, doubt, unsafe)
			}
		})
	})
}

func TestBackoffDoublesWithJitter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := map[time.Duration]bool{}
		for range 50 {
			f := &fake{charge: in(tooMany)}
			p := pace(t, f, func(l *gateway.Limits) { l.Tries = 4 })
			send(t, p, 1)
			gaps := f.gaps()
			require.Len(t, gaps, 3)
			within(t, gaps[0], 2400*time.Millisecond, 3600*time.Millisecond)
			within(t, gaps[1], 4800*time.Millisecond, 7200*time.Millisecond)
			within(t, gaps[2], 9600*time.Millisecond, 14400*time.Millisecond)
			seen[gaps[0]] = true
		}
		require.Greater(t, len(seen), 40, "every wait is another")
	})
}

func TestRetryAfterIsHonoured(t *testing.T) {
	wish := func(d time.Duration) payment.Outcome {
		o := tooMany
		o.RetryAfter = d
		return o
	}
	for _, tc := range []struct {
		name      string
		wish      time.Duration
		requests  int
		low, high time.Duration
	}{
		{"longer than the back-off", time.Minute, 2, time.Minute, 72 * time.Second},
		{"shorter than the back-off", time.Second, 2, 2400 * time.Millisecond, 3600 * time.Millisecond},
		{"longer than what is left", 6 * time.Minute, 1, 0, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{charge: in(wish(tc.wish), paid)}
				start := time.Now()
				o, _ := pace(t, f).Charge(t.Context(), payment.Charge{}, false)
				within(t, time.Since(start), tc.low, tc.high)
				require.Equal(t, tc.requests, f.requests())
				if tc.requests == 1 {
					require.Equal(t, wish(tc.wish), o, "the wish is handed on")
				}
			})
		})
	}
}

func TestNoTryBeginsAfterMaxElapsed(t *testing.T) {
	for name, tc := range map[string]struct {
		takes    time.Duration
		requests int
	}{
		"three fit": {2 * time.Minute, 3},
		"two fit":   {3 * time.Minute, 2},
		"one fits":  {6 * time.Minute, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{takes: tc.takes, charge: in(timeOut)}
				o, doubted := pace(t, f).Charge(t.Context(), payment.Charge{}, false)
				require.Equal(t, payment.InDoubt, o.Kind)
				require.True(t, doubted)
				require.Equal(t, tc.requests, f.requests())
			})
		})
	}
	t.Run("a wait for the circuit counts", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := &fake{charge: in(timeOut)}
			p := pace(t, f, func(l *gateway.Limits) {
				l.MaxElapsed, l.MaxOutage, l.Circuit.OpenFor, l.Circuit.Minimum = time.Minute, 0, time.Hour, 1
			})
			start := time.Now()
			o, _ := p.Charge(t.Context(), payment.Charge{}, false)
			require.Equal(t, time.Minute, time.Since(start))
			require.Equal(t, "time-out; out of time for another try", o.Reason)
			require.Equal(t, payment.InDoubt, o.Kind)
		})
	})
}

func TestEveryTryHasTheSameKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{charge: in(timeOut, tooMany, paid)}
		pace(t, f).Charge(t.Context(), payment.Charge{Key: "sub_1_20260131-1"}, false)
		require.Equal(t, []string{"sub_1_20260131-1", "sub_1_20260131-1", "sub_1_20260131-1"}, f.keys)
	})
}

func TestGuardThatRefusesEndsTheTries(t *testing.T) {
	guard := func(t *testing.T, yes int) (context.Context, *int) {
		t.Helper()
		asked := 0
		return gateway.WithGuard(t.Context(), gateway.Guard{Check: func() error {
			if asked++; asked > yes {
				return errors.New("the lease is too short")
			}
			return nil
		}}), &asked
	}
	for name, tc := range map[string]struct {
		yes     int
		doubted bool
		want    payment.Kind
		reason  string
	}{
		"before the first":             {0, false, payment.NotExecuted, "the lease is too short"},
		"before the first, in doubt":   {0, true, payment.InDoubt, "in doubt before, then not_executed: the lease is too short"},
		"before the second (time-out)": {1, false, payment.InDoubt, "in doubt before, then not_executed: the lease is too short"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{charge: in(timeOut)}
				p := pace(t, f)
				ctx, asked := guard(t, tc.yes)
				o, doubted := p.Charge(ctx, payment.Charge{}, tc.doubted)
				require.Equal(t, tc.want, o.Kind)
				require.Equal(t, tc.reason, o.Reason)
				require.Equal(t, tc.doubted || tc.yes > 0, doubted)
				require.Equal(t, tc.yes, f.requests())
				require.Equal(t, tc.yes+1, *asked, "a no is a no")
				require.EqualValues(t, tc.yes, p.Stats().Requests())
			})
		})
	}
}

func TestStopEndsEveryWaitButNoRequest(t *testing.T) {
	t.Run("before the first", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := &fake{charge: in(paid)}
			ctx, stop := withStop(t)
			stop()
			o, doubted := pace(t, f).Charge(ctx, payment.Charge{}, false)
			require.Equal(t, payment.Outcome{Kind: payment.NotExecuted, Reason: "stopped"}, o)
			require.False(t, doubted)
			require.Zero(t, f.requests())
		})
	})
	t.Run("before the first, in doubt", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, stop := withStop(t)
			stop()
			o, doubted := pace(t, &fake{charge: in(paid)}).Charge(ctx, payment.Charge{}, true)
			require.Equal(t, payment.InDoubt, o.Kind)
			require.True(t, doubted)
		})
	})
	t.Run("during the back-off", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := &fake{charge: in(tooMany)}
			ctx, stop := withStop(t)
			time.AfterFunc(time.Second, stop)
			start := time.Now()
			o, _ := pace(t, f).Charge(ctx, payment.Charge{}, false)
			require.Equal(t, time.Second, time.Since(start))
			require.Equal(t, tooMany, o)
			require.Equal(t, 1, f.requests())
		})
	})
	t.Run("during a request, which is finished", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := &fake{takes: 10 * time.Second, charge: in(paid)}
			ctx, stop := withStop(t)
			time.AfterFunc(time.Second, stop)
			start := time.Now()
			o, _ := pace(t, f).Charge(ctx, payment.Charge{}, false)
			require.Equal(t, 10*time.Second, time.Since(start))
			require.Equal(t, paid, o)
		})
	})
	t.Run("during a request that is not repeated then", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := &fake{takes: 10 * time.Second, charge: in(timeOut)}
			ctx, stop := withStop(t)
			time.AfterFunc(time.Second, stop)
			o, doubted := pace(t, f).Charge(ctx, payment.Charge{}, false)
			require.Equal(t, timeOut, o)
			require.True(t, doubted)
			require.Equal(t, 1, f.requests())
		})
	})
	t.Run("while the circuit is open", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := &fake{charge: in(refused)}
			p := pace(t, f, once)
			send(t, p, 20)
			ctx, stop := withStop(t)
			time.AfterFunc(time.Second, stop)
			o, _ := p.Charge(ctx, payment.Charge{}, false)
			require.Equal(t, payment.Outcome{Kind: payment.NotExecuted, Reason: "stopped"}, o)
			require.Equal(t, 20, f.requests())
		})
	})
	t.Run("while the rate is used up", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := &fake{charge: in(paid)}
			p := pace(t, f, func(l *gateway.Limits) { l.Rate = 0.01 })
			send(t, p, 1)
			ctx, stop := withStop(t)
			time.AfterFunc(time.Second, stop)
			o, _ := p.Charge(ctx, payment.Charge{}, false)
			require.Equal(t, payment.Outcome{Kind: payment.NotExecuted, Reason: "stopped"}, o)
			require.Equal(t, 1, f.requests())
		})
	})
	t.Run("as the end of the context does", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			cancel(errors.New("second signal"))
			o, _ := pace(t, &fake{charge: in(paid)}).Charge(ctx, payment.Charge{}, false)
			require.Equal(t, payment.Outcome{Kind: payment.NotExecuted, Reason: "second signal"}, o)
		})
	})
}

func TestRefusedCredentialsEndTheRunForTheGateway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{charge: in(tooMany, badToken, paid)}
		p := pace(t, f, func(l *gateway.Limits) { l.Backoff = time.Minute })
		type result struct {
			o       payment.Outcome
			at      time.Time
			doubted bool
		}
		waiting := make(chan result, 1)
		go func() {
			o, doubted := p.Charge(t.Context(), payment.Charge{}, false)
			waiting <- result{o, time.Now(), doubted}
		}()
		synctest.Wait()
		o, _ := p.Charge(t.Context(), payment.Charge{}, false)
		require.Equal(t, badToken, o)
		require.Equal(t, result{tooMany, time.Now(), false}, <-waiting, "its back-off ends at once")

		reason, closed := p.Closed()
		require.True(t, closed)
		require.Equal(t, "refused our credentials: 401", reason)
		o, _ = p.Charge(t.Context(), payment.Charge{}, false)
		require.Equal(t, payment.Outcome{Kind: payment.NotExecuted, Reason: "refused our credentials: 401"}, o)
		o, doubted := p.Charge(t.Context(), payment.Charge{}, true)
		require.Equal(t, payment.InDoubt, o.Kind)
		require.True(t, doubted)
		require.Equal(t, "not looked up: refused our credentials: 401", p.Find(t.Context(), payment.Charge{}, "").Outcome.Reason)
		require.Equal(t, 2, f.requests())
		require.Zero(t, f.asked)
	})
}

func TestRateSpreadsRequestsEvenly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{charge: in(paid)}
		p := pace(t, f, func(l *gateway.Limits) { l.Rate = 10 })
		start := time.Now()
		for range 50 {
			go p.Charge(t.Context(), payment.Charge{}, false)
		}
		synctest.Wait()
		require.LessOrEqual(t, f.requests(), 2)
		time.Sleep(4950 * time.Millisecond)
		synctest.Wait()
		require.Equal(t, 50, f.requests())
		within(t, f.sent[49].Sub(start), 4800*time.Millisecond, 4950*time.Millisecond)
		for _, gap := range f.gaps() {
			within(t, gap, 100*time.Millisecond, 100*time.Millisecond)
		}
	})
}

func TestStatsCountRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{
			takes:  time.Second,
			charge: in(tooMany, paid, timeOut, badToken),
			find:   func(int) gateway.Finding { return gateway.Finding{Absent: true} },
			look:   func(int) payment.LookupResult { return payment.LookupResult{Absent: true} },
			list:   func(int) (payment.Listing, error) { return payment.Listing{}, nil },
			change: func(int) payment.Reply { return payment.Reply{Effect: payment.EffectDone} },
		}
		p := pace(t, f)
		require.Equal(t, "main", p.Name())
		p.Find(t.Context(), payment.Charge{}, "")
		p.Look(t.Context(), payment.Ref{ID: "pay_1"})
		for range 3 {
			p.Cancel(t.Context(), payment.Cancel{})
		}
		for range 4 {
			p.Refund(t.Context(), payment.Refund{})
		}
		for range 5 {
			_, err := p.List(t.Context(), payment.Window{}, "")
			require.NoError(t, err)
		}
		f.sent = nil
		send(t, p, 2)
		var times gateway.Histogram
		for range 18 {
			times.Add(time.Second)
		}
		require.Equal(t, gateway.Stats{
			Charges:       map[payment.Kind]int64{payment.NotExecuted: 1, payment.Paid: 1, payment.InDoubt: 1, payment.Misconfigured: 1},
			LookUps:       2,
			Cancels:       3,
			Refunds:       4,
			Listings:      5,
			Misconfigured: 1,
			Retries:       2,
			Latency:       18 * time.Second,
			Times:         times,
		}, p.Stats())
		require.EqualValues(t, 18, p.Stats().Requests())
	})
}

func TestDefaultsAreThoseOfTheManual(t *testing.T) {
	require.Equal(t, gateway.Limits{
		Tries: 3, Backoff: 3 * time.Second, MaxElapsed: 5 * time.Minute, MaxOutage: 5 * time.Minute,
		Circuit: gateway.CircuitLimits{Window: 40, Minimum: 20, FailurePercent: 60, OpenFor: 10 * time.Second, HalfOpen: 10},
	}, gateway.Defaults())
}
