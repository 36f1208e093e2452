package gateway_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/gateway"
	"duly/internal/payment"
)

// failing answers time-out while *down, and paid otherwise.
func failing(down *bool) func(int) payment.Outcome {
	return func(int) payment.Outcome {
		if *down {
			return timeOut
		}
		return paid
	}
}

func TestCircuitOpensAt60PercentOfAtLeast20(t *testing.T) {
	const f, s = true, false
	repeat := func(n int, pattern ...bool) (all []bool) {
		for range n {
			all = append(all, pattern...)
		}
		return all
	}
	for _, tc := range []struct {
		name    string
		results []bool
		open    bool
	}{
		{"19 failures", repeat(19, f), false},
		{"20 failures", repeat(20, f), true},
		{"11 of 20", slices.Concat(repeat(9, s), repeat(11, f)), false},
		{"12 of 20", slices.Concat(repeat(8, s), repeat(12, f)), true},
		{"12 of 20, the last a success", slices.Concat(repeat(12, f), repeat(8, s)), true},
		{"14 of 24 (58 %)", slices.Concat(repeat(10, s), repeat(14, f)), false},
		{"15 of 25 (60 %)", slices.Concat(repeat(10, s), repeat(15, f)), true},
		{"23 of the last 40", slices.Concat(repeat(100, s), repeat(23, f)), false},
		{"24 of the last 40", slices.Concat(repeat(100, s), repeat(24, f)), true},
		{"half, for ever", repeat(100, f, s), false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := &fake{charge: func(n int) payment.Outcome {
					if tc.results[n-1] {
						return timeOut
					}
					return paid
				}}
				p := pace(t, g, once)
				send(t, p, len(tc.results)-1)
				require.False(t, p.Open(), "opened too early")
				require.Zero(t, p.OpenSince())
				send(t, p, 1)
				require.Equal(t, tc.open, p.Open())
				require.Equal(t, tc.open, p.Stats().Openings > 0)
				if tc.open {
					require.Equal(t, time.Now(), p.OpenSince())
				}
			})
		})
	}
}

func TestWhatTheGatewayDecidesIsNoFailure(t *testing.T) {
	for _, o := range []payment.Outcome{
		{Kind: payment.Refused}, {Kind: payment.TryLater}, {Kind: payment.Rejected}, {Kind: payment.Differs}, tooMany, {LookUpOnly: true},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := pace(t, &fake{charge: in(o)}, once)
			send(t, p, 50)
			require.False(t, p.Open())
		})
	}
}

// waiters starts n charges that find the circuit open, in the order of their keys.
func waiters(t *testing.T, p *gateway.Limited, n int) *sync.WaitGroup {
	t.Helper()
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { p.Charge(t.Context(), payment.Charge{Key: fmt.Sprint(i)}, false) })
		synctest.Wait()
	}
	return &all
}

func TestHalfOpenLetsTenThroughInOrder(t *testing.T) {
	for name, tc := range map[string]struct {
		failures int // among the probes
		closes   bool
	}{
		"all work":    {0, true},
		"five fail":   {5, true},
		"six fail":    {6, false},
		"none works":  {10, false},
		"first fails": {1, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := &fake{takes: time.Second}
				g.charge = func(n int) payment.Outcome {
					if n <= 20+tc.failures {
						return timeOut
					}
					return paid
				}
				p := pace(t, g, once)
				send(t, p, 20)
				opened := time.Now()
				all := waiters(t, p, 30)
				require.Equal(t, 20, g.requests(), "nothing is sent while it is open")

				time.Sleep(10*time.Second - time.Since(opened) - time.Nanosecond)
				synctest.Wait()
				require.Equal(t, 20, g.requests(), "not before open_for")
				time.Sleep(time.Nanosecond)
				synctest.Wait()
				require.Equal(t, 30, g.requests(), "ten probes")
				require.ElementsMatch(t, []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}, g.keys[20:], "first come, first served")
				require.True(t, p.Open())

				time.Sleep(time.Second)
				synctest.Wait()
				require.Equal(t, !tc.closes, p.Open())
				if tc.closes {
					require.Equal(t, 50, g.requests(), "all the others")
				} else {
					require.Equal(t, 30, g.requests())
				}
				all.Wait()
				openings := int64(1)
				if !tc.closes {
					openings = 2
				}
				require.Equal(t, openings, p.Stats().Openings)
			})
		})
	}
}

func TestWindowStartsAnewWhenTheCircuitCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := true
		g := &fake{charge: failing(&down)}
		p := pace(t, g, once)
		send(t, p, 20)
		down = false
		send(t, p, 5)
		require.False(t, p.Open())
		down = true
		send(t, p, 19)
		require.False(t, p.Open())
		send(t, p, 1)
		require.True(t, p.Open())
	})
}

func TestResultsOfAnEarlierStateDoNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &fake{}
		g.charge = func(n int) payment.Outcome {
			if n > 30 {
				return paid
			}
			return timeOut
		}
		p := pace(t, g, once)
		g.takes = 11 * time.Second // these ten come back when the circuit is half open
		all := waiters(t, p, 10)
		g.takes = 0
		send(t, p, 20)
		require.True(t, p.Open())
		time.Sleep(10 * time.Second)
		send(t, p, 4)
		all.Wait()
		require.True(t, p.Open(), "four successes do not close it")
		send(t, p, 1)
		require.False(t, p.Open(), "ten late failures did not reopen it")
	})
}

func TestOutageEndsTheRunForTheGateway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &fake{charge: in(refused)}
		p := pace(t, g, once, func(l *gateway.Limits) { l.Circuit.OpenFor = 7 * time.Second })
		send(t, p, 20)
		opened := time.Now()
		down := payment.Outcome{Kind: payment.NotExecuted, Reason: "gateway down for 5m: connection refused"}
		var held, ended time.Time
		for {
			_, closed := p.Closed()
			o, _ := p.Charge(t.Context(), payment.Charge{}, false)
			if closed {
				require.Equal(t, down, o)
				break
			}
			if o == down {
				ended = time.Now()
			}
			held = time.Now()
		}
		require.Equal(t, 5*time.Minute, ended.Sub(opened))
		require.Equal(t, held, time.Now(), "later calls do not wait")
		reason, closed := p.Closed()
		require.True(t, closed)
		require.Equal(t, "gateway down for 5m: connection refused", reason)
		require.Equal(t, 20+42*6, g.requests(), "six probes that fail every seven seconds")
		require.Equal(t, opened, p.OpenSince())

		requests := g.requests()
		time.Sleep(time.Hour)
		o, doubted := p.Charge(t.Context(), payment.Charge{}, true)
		require.Equal(t, payment.InDoubt, o.Kind)
		require.True(t, doubted)
		require.Equal(t, requests, g.requests())
	})
}

func TestOutageIsCountedFromTheLastTimeThatTheCircuitWasClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := true
		g := &fake{charge: failing(&down)}
		p := pace(t, g, once)
		send(t, p, 20)
		time.Sleep(4 * time.Minute)
		down = false
		send(t, p, 5)
		require.False(t, p.Open())
		require.Zero(t, p.OpenSince())
		down = true
		send(t, p, 20)
		time.Sleep(4 * time.Minute)
		_, closed := p.Closed()
		require.False(t, closed)
		down = false
		send(t, p, 5)
		require.False(t, p.Open())
	})
}

func TestOutageThatNobodyWatchedIsProbedFirst(t *testing.T) {
	for name, works := range map[string]bool{"back again": true, "still down": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				down := true
				g := &fake{charge: failing(&down)}
				p := pace(t, g, once)
				send(t, p, 20)
				time.Sleep(time.Hour)
				down = !works
				send(t, p, 10)
				_, closed := p.Closed()
				require.Equal(t, !works, closed)
				require.Equal(t, 20+map[bool]int{true: 10, false: 6}[works], g.requests())
			})
		})
	}
}

func TestProbeThatWasNotSentGivesItsPlaceBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := true
		g := &fake{charge: failing(&down)}
		p := pace(t, g, once)
		send(t, p, 20)
		down = false
		time.Sleep(10 * time.Second)
		ctx := gateway.WithGuard(t.Context(), gateway.Guard{Check: func() error { return gateway.ErrGuard }})
		for range 30 {
			o, _ := p.Charge(ctx, payment.Charge{}, false)
			require.Equal(t, payment.NotExecuted, o.Kind)
		}
		require.True(t, p.Open(), "nothing was learned")
		send(t, p, 5)
		require.False(t, p.Open())
	})
}

func TestProbeStoppedByTheRateGivesItsPlaceBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := true
		g := &fake{charge: failing(&down)}
		p := pace(t, g, once, func(l *gateway.Limits) { l.Rate, l.MaxOutage = 0.1, 0 })
		send(t, p, 20)
		down = false
		time.Sleep(10 * time.Second)
		send(t, p, 1) // uses up the rate
		for range 30 {
			ctx, stop := withStop(t)
			time.AfterFunc(time.Millisecond, stop)
			o, _ := p.Charge(ctx, payment.Charge{}, false)
			require.Equal(t, "stopped", o.Reason)
		}
		require.True(t, p.Open(), "nothing was learned")
		send(t, p, 4)
		require.False(t, p.Open())
	})
}

func TestProbeThatPanicsGivesItsPlaceBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down, broken := true, false
		g := &fake{find: func(int) gateway.Finding { panic("broken adapter") }}
		g.charge = func(n int) payment.Outcome {
			if broken {
				panic("broken adapter")
			}
			return failing(&down)(n)
		}
		p := pace(t, g, once)
		send(t, p, 20)
		time.Sleep(10 * time.Second)
		broken = true
		for range 10 {
			require.Panics(t, func() { send(t, p, 1) })
			require.Panics(t, func() { p.Find(t.Context(), payment.Charge{}, "") })
		}
		broken, down = false, false
		send(t, p, 5)
		require.False(t, p.Open())
	})
}

func TestRequestsHeldByTheRateDoNotEnterAnOpenCircuit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &fake{charge: in(refused)}
		p := pace(t, g, once, func(l *gateway.Limits) { l.Rate, l.MaxOutage = 1, 0 })
		all := waiters(t, p, 30)
		time.Sleep(19500 * time.Millisecond)
		synctest.Wait()
		require.True(t, p.Open())
		require.Equal(t, 20, g.requests())
		time.Sleep(9 * time.Second)
		synctest.Wait()
		require.Equal(t, 20, g.requests(), "ten had leave to go and must ask again")
		all.Wait()
	})
}

func TestWithoutACircuit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &fake{charge: in(refused)}
		p := pace(t, g, once, noCircuit)
		send(t, p, 100)
		require.Equal(t, 100, g.requests())
		require.False(t, p.Open())
	})
}

func TestConcurrentUse(t *testing.T) {
	g := &fake{charge: func(n int) payment.Outcome {
		return []payment.Outcome{paid, timeOut, refused, paid, tooMany}[n%5]
	}}
	p := pace(t, g, func(l *gateway.Limits) {
		l.Backoff, l.Circuit.OpenFor, l.Circuit.FailurePercent = time.Microsecond, time.Millisecond, 40
	})
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			for range 100 {
				ctx, stop := withStop(t)
				if i%4 == 0 {
					stop()
				}
				p.Charge(ctx, payment.Charge{}, false)
				p.Stats()
			}
		})
	}
	all.Wait()
	require.EqualValues(t, g.requests(), p.Stats().Requests())
}
