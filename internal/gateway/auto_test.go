package gateway_test

import (
	"context"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/gateway"
	"duly/internal/payment"
)

// service is a gateway whose latency is log-normal and climbs with the square of the open requests past a knee.
type service struct {
	median time.Duration
	knee   int
	answer func(open int) payment.Outcome // nil: paid
	// timeout is how long its answers are waited for; 0: for ever.
	timeout time.Duration

	mu         sync.Mutex
	random     *rand.Rand
	open, most int
	late       int // answers that were waited for in vain
}

func (s *service) charge(int) payment.Outcome {
	s.mu.Lock()
	s.open++
	s.most = max(s.most, s.open)
	takes := float64(s.median) * math.Exp(0.4*s.random.NormFloat64())
	if s.open > s.knee {
		takes *= math.Pow(float64(s.open)/float64(s.knee), 2)
	}
	said := paid
	if s.answer != nil {
		said = s.answer(s.open)
	}
	s.mu.Unlock()
	switch said.Reason {
	case tooMany.Reason:
		takes = float64(time.Millisecond)
	case timeOut.Reason:
		takes = float64(10 * time.Second)
	}
	if s.timeout > 0 && takes > float64(s.timeout) {
		takes, said = float64(s.timeout), timeOut
	}
	time.Sleep(time.Duration(takes))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
	if s.timeout > 0 && said.Reason == timeOut.Reason {
		s.late++
	}
	return said
}

// reached is how many requests were open at once at most.
func (s *service) reached() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.most
}

func (s *service) set(change func(*service)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

// rush keeps callers at a service that is used with `parallelism: auto`, until the test ends.
type rush struct {
	*service

	paced *gateway.Limited
}

// served is how many requests the service answered within d.
func (r *rush) served(d time.Duration) int64 {
	before := r.paced.Stats().Requests()
	time.Sleep(d)
	return r.paced.Stats().Requests() - before
}

// pass lets that much of the bubble's time pass, in none of the test's own.
func (*rush) pass(d time.Duration) { time.Sleep(d) }

func hurry(t *testing.T, callers int, s *service, test func(*rush), change ...func(*gateway.Limits)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s.random = rand.New(rand.NewPCG(1, 1))
		auto := func(l *gateway.Limits) { l.Auto, l.MaxElapsed, l.Backoff = 200, 0, time.Second }
		r := &rush{service: s, paced: pace(t, &fake{charge: s.charge}, append([]func(*gateway.Limits){auto, noCircuit}, change...)...)}
		ctx, stop := withStop(t)
		var all sync.WaitGroup
		for range callers {
			all.Go(func() {
				for {
					select {
					case <-gateway.Stopped(ctx):
						return
					default:
						r.paced.Charge(ctx, payment.Charge{Key: "k"}, false)
					}
				}
			})
		}
		defer func() {
			stop()
			all.Wait()
			require.Zero(t, r.paced.HeldByAuto(), "every place is given back")
		}()
		test(r)
	})
}

func TestAutoFindsTheKnee(t *testing.T) {
	for name, knee := range map[string]int{"40": 40, "6": 6, "120": 120} {
		t.Run(name, func(t *testing.T) {
			hurry(t, 200, &service{median: 100 * time.Millisecond, knee: knee}, func(r *rush) {
				require.Equal(t, gateway.StartAt, r.paced.Auto(), "it begins with few")
				require.Zero(t, r.paced.Found(), "and has found nothing")
				time.Sleep(30 * time.Second)
				require.InDelta(t, knee, r.paced.Found(), 0.15*float64(knee)+1)
				// The best fixed number serves knee requests in the mean of the latencies.
				best := float64(knee) * 15 / (0.1 * math.Exp(0.4*0.4/2))
				require.Greater(t, float64(r.served(15*time.Second)), 0.93*best)
			})
		})
	}
}

func TestAutoGoesAsFarAsItMay(t *testing.T) {
	hurry(t, 300, &service{median: 100 * time.Millisecond, knee: 1000}, func(r *rush) {
		time.Sleep(20 * time.Second)
		require.InDelta(t, 200, r.paced.Found(), 20)
		require.Equal(t, 200, r.reached())
	})
}

func TestAutoFollowsAGateway(t *testing.T) {
	for name, c := range map[string]struct {
		knee   int
		change func(*service)
		low    int
		high   int
	}{
		"that takes less at once":             {40, func(s *service) { s.knee = 10 }, 8, 12},
		"that takes more at once":             {20, func(s *service) { s.knee = 80 }, 65, 92},
		"that is slower, but takes as much":   {40, func(s *service) { s.median *= 3 }, 34, 46},
		"that is faster, but takes as much":   {40, func(s *service) { s.median /= 3 }, 34, 46},
		"that is slower, and takes less":      {40, func(s *service) { s.median, s.knee = 3*s.median, 15 }, 12, 18},
		"that declines all of a sudden":       {40, func(s *service) { s.answer = declining }, 34, 46},
		"that loses one answer in a hundred":  {40, func(s *service) { s.answer = losing(s.random) }, 34, 46},
		"that sends away who comes past ten":  {40, func(s *service) { s.answer = sendingAway }, 7, 13},
		"that answers nobody who is past ten": {40, func(s *service) { s.answer = answeringTen }, 7, 14},
	} {
		t.Run(name, func(t *testing.T) {
			hurry(t, 200, &service{median: 100 * time.Millisecond, knee: c.knee}, func(r *rush) {
				time.Sleep(40 * time.Second)
				require.InDelta(t, c.knee, r.paced.Found(), 0.15*float64(c.knee))
				r.set(c.change)
				time.Sleep(1000 * r.median) // so many requests, however long they take
				within(t, time.Duration(r.paced.Found()), time.Duration(c.low), time.Duration(c.high))
			})
		})
	}
}

func declining(int) payment.Outcome { return payment.Outcome{Kind: payment.Refused} }

func losing(random *rand.Rand) func(int) payment.Outcome {
	return func(int) payment.Outcome {
		if random.Float64() < 0.01 {
			return timeOut
		}
		return paid
	}
}

func sendingAway(open int) payment.Outcome {
	if open > 10 {
		return tooMany
	}
	return paid
}

func answeringTen(open int) payment.Outcome {
	if open > 10 {
		return timeOut
	}
	return paid
}

// A number of callers that never uses the limit up says nothing about a higher one.
func TestAutoDoesNotGrowUnused(t *testing.T) {
	hurry(t, 3, &service{median: 100 * time.Millisecond, knee: 40}, func(r *rush) {
		time.Sleep(time.Minute)
		require.Equal(t, 4, r.paced.Auto())
		require.Zero(t, r.paced.Found())
	})
	hurry(t, 200, &service{median: 100 * time.Millisecond, knee: 40}, func(r *rush) {
		time.Sleep(time.Minute)
		require.LessOrEqual(t, r.paced.Auto(), 8, "the rate is what bounds it")
		require.Zero(t, r.paced.Found())
	}, func(l *gateway.Limits) { l.Rate = 20 })
}

// An operator's throttle holds, and what is measured under it moves nothing.
func TestAutoUnderAThrottle(t *testing.T) {
	hurry(t, 200, &service{median: 100 * time.Millisecond, knee: 40}, func(r *rush) {
		time.Sleep(time.Minute)
		settled := r.paced.Found()
		r.paced.Throttle(3, 0)
		time.Sleep(10 * time.Second)
		r.set(func(s *service) { s.most = s.open })
		time.Sleep(time.Minute)
		require.Equal(t, 3, r.reached())
		require.Equal(t, 3, r.paced.Load().Bound)
		require.Equal(t, settled, r.paced.Found())
		r.paced.Throttle(0, 0)
		time.Sleep(10 * time.Second)
		require.Greater(t, r.paced.Load().Bound, 30)
	})
}

// What an outage does to latencies and answers is no measure for afterwards.
func TestAutoAfterAnOutage(t *testing.T) {
	circuit := func(l *gateway.Limits) { l.Circuit, l.MaxOutage = gateway.Defaults().Circuit, 0 }
	hurry(t, 200, &service{median: 100 * time.Millisecond, knee: 40}, func(r *rush) {
		time.Sleep(time.Minute)
		r.set(func(s *service) { s.answer = func(int) payment.Outcome { return refused } })
		time.Sleep(time.Minute)
		require.True(t, r.paced.Open())
		r.set(func(s *service) { s.answer = nil })
		time.Sleep(time.Minute)
		require.InDelta(t, 40, r.paced.Found(), 8)
	}, circuit)
}

// A caller waits for as long as it takes: nothing that was claimed is turned away. A stop ends the wait.
func TestAutoTurnsNobodyAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{median: time.Hour, knee: 1000, random: rand.New(rand.NewPCG(1, 1))}
		p := pace(t, &fake{charge: s.charge}, once, func(l *gateway.Limits) { l.Auto = 100 })
		ctx, stop := withStop(t)
		said := make(chan payment.Outcome, 100)
		for range 100 {
			go func() {
				o, _ := p.Charge(ctx, payment.Charge{Key: "k"}, false)
				said <- o
			}()
		}
		time.Sleep(time.Minute)
		require.Equal(t, gateway.StartAt, p.Load().Open)
		require.Empty(t, said)
		require.Zero(t, p.Load().Spent.Throttle, "nobody throttled it")
		stop()
		synctest.Wait()
		require.Len(t, said, 100-gateway.StartAt)
		for range 100 - gateway.StartAt {
			require.Equal(t, payment.NotExecuted, (<-said).Kind)
		}
		for range gateway.StartAt {
			require.Equal(t, payment.Paid, (<-said).Kind)
		}
	})
}

// A request that its guard holds back, or that panics, gives its place back and counts for nothing.
func TestAutoAndRequestsThatDoNotLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pace(t, &fake{charge: func(int) payment.Outcome { panic("a bug") }}, once, func(l *gateway.Limits) { l.Auto = 100 })
		refusing := gateway.WithGuard(t.Context(), gateway.Guard{Check: func() error { return gateway.ErrGuard }})
		for range 300 {
			require.Panics(t, func() { p.Charge(t.Context(), payment.Charge{Key: "k"}, false) })
			p.Charge(refusing, payment.Charge{Key: "k"}, false)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		p.Charge(ctx, payment.Charge{Key: "k"}, false)
		require.Zero(t, p.HeldByAuto())
		require.Equal(t, gateway.StartAt, p.Auto())
	})
}
