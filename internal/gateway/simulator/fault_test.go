package simulator_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/gateway/simulator"
)

// TestFaults strikes the first request of a key with each kind of fault and looks at what the caller saw,
// what took effect, and what the same key is answered afterwards.
func TestFaults(t *testing.T) {
	const none, any5xx = 0, 5
	for _, c := range []struct {
		method string
		code   int // of the first request
		effect bool
		second int // code of the second request
	}{
		{"pm_drop_before", none, false, 200},
		{"pm_drop_after", none, true, 200},
		{"pm_5xx_before", any5xx, false, 200},
		{"pm_5xx_after", any5xx, true, 200},
		{"pm_429", 429, false, 200},
		{"pm_429_after", none, true, 429},
		{"pm_not_executed", 503, false, 200},
		{"pm_garbage", 200, true, 200},
		{"pm_garbage_before", 200, false, 200},
		{"pm_half_body", 200, true, 200},
		{"pm_redirect", 307, false, 200},
		{"pm_redirect_after", 307, true, 200},
		{"pm_conflict", 409, true, 200},
		{"pm_conflict_before", 409, false, 200},
		{"pm_empty_400", 400, true, 200},
		{"pm_empty_400_before", 400, false, 200},
		{"pm_empty_404", 404, true, 200},
		{"pm_empty_404_before", 404, false, 200},
		{"pm_drop_after_2", none, true, none},
		{"pm_drop_before_always", none, false, none},
		{"pm_drop_before_then_soft", none, false, 402},
		{"pm_drop_after_2_then_pending", none, true, none},
	} {
		t.Run(c.method, func(t *testing.T) {
			s := newShop(t, simulator.Config{Seed: 1})
			s.lawless = true
			first := s.charge("sub_1_20260131-1", c.method)
			if c.code == any5xx {
				require.Contains(t, []int{500, 502, 503, 504}, first.code)
				require.Empty(t, first.header.Get("Not-Executed"))
			} else {
				require.Equal(t, c.code, first.code)
			}
			require.Equal(t, c.effect, len(s.sim.Ledger()) == 1)
			require.Equal(t, c.method == "pm_not_executed", first.header.Get("Not-Executed") == "true")
			require.Equal(t, first.code == 429, first.header.Get("Retry-After") == "0")
			require.Equal(t, c.method == "pm_half_body", first.err != nil && first.code == 200)
			require.Equal(t, first.code == 409 || first.code == 429 || c.method == "pm_not_executed", first.hasError())
			require.Equal(t, first.code == 307, first.header.Get("Location") != "")
			if c.code == 200 {
				require.Empty(t, first.IdempotencyKey)
			}
			second := s.charge("sub_1_20260131-1", c.method)
			require.Equal(t, c.second, second.code)
			if second.code == 200 {
				require.Equal(t, c.effect, second.replayed())
			}
			if c.method == "pm_429_after" {
				require.True(t, s.charge("sub_1_20260131-1", c.method).replayed())
			}
			require.LessOrEqual(t, len(s.sim.Ledger()), 1)
			require.Empty(t, s.sim.BodyViolations())
		})
	}
}

func TestLateRequests(t *testing.T) {
	for _, c := range []struct {
		name string
		act  func(t *testing.T, sim *simulator.Simulator)
		want int // payments in the end
	}{
		{"by itself", func(_ *testing.T, _ *simulator.Simulator) { time.Sleep(10 * time.Second) }, 1},
		{"by the clock", func(_ *testing.T, sim *simulator.Simulator) { sim.Advance(10 * time.Second) }, 1},
		{"not yet", func(_ *testing.T, sim *simulator.Simulator) { sim.Advance(10*time.Second - 1) }, 0},
		{"when closed", func(_ *testing.T, sim *simulator.Simulator) { sim.Close() }, 1},
		{"after the same key again", func(t *testing.T, sim *simulator.Simulator) {
			t.Helper()
			ask(sim, t.Context(), "POST", "/v1/payments", "a-1", body("a-1", "pm_late"))
			time.Sleep(10 * time.Second)
		}, 1},
		{"while the same key is under way", func(t *testing.T, sim *simulator.Simulator) {
			t.Helper()
			sim.Update(func(c *simulator.Config) { c.Latency.Fixed = 15 * time.Second })
			w := ask(sim, t.Context(), "POST", "/v1/payments", "a-1", body("a-1", "pm_late"))
			require.Equal(t, 200, w.Code)
			require.Empty(t, w.Header().Get("Idempotent-Replayed"), "the late one gives way")
		}, 1},
		{"in its own time, though the clock went on for much longer", func(t *testing.T, sim *simulator.Simulator) {
			t.Helper()
			ask(sim, t.Context(), "POST", "/v1/payments", "a-1", body("a-1", "pm_late"))
			sim.Update(func(c *simulator.Config) { c.KeyLife = time.Minute })
			sim.Advance(time.Hour)
		}, 1},
		{"after the key was forgotten", func(t *testing.T, sim *simulator.Simulator) {
			t.Helper()
			ask(sim, t.Context(), "POST", "/v1/payments", "a-1", body("a-1", "pm_late"))
			sim.Update(func(c *simulator.Config) { c.KeyLife = 1 })
			time.Sleep(10 * time.Second)
		}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sim := simulator.New(simulator.Config{Faults: simulator.Faults{LateBy: 10 * time.Second}})
				require.Equal(t, 502, ask(sim, t.Context(), "POST", "/v1/payments", "a-1", body("a-1", "pm_late")).Code)
				require.Empty(t, sim.Ledger())
				require.Equal(t, 1, sim.Stats().StillLate)
				c.act(t, sim)
				synctest.Wait()
				require.Len(t, sim.Ledger(), c.want)
				sim.Close()
				require.Len(t, sim.Ledger(), max(1, c.want), "nothing stays under way")
				require.Zero(t, sim.Stats().StillLate)
			})
		})
	}
}

func TestAfterClose(t *testing.T) {
	sim := simulator.New(simulator.Config{Latency: simulator.Latency{Fixed: time.Hour}})
	sim.Close()
	sim.Close()
	require.Equal(t, 200, ask(sim, t.Context(), "POST", "/v1/payments", "a-1", body("a-1", "pm_ok")).Code)
	ask(sim, t.Context(), "POST", "/v1/payments", "b-1", body("b-1", "pm_late"))
	require.Len(t, sim.Ledger(), 2)
}

func TestSlowAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := simulator.New(simulator.Config{
			Latency: simulator.Latency{Fixed: time.Second}, Faults: simulator.Faults{SlowBy: time.Minute},
		})
		start := time.Now()
		var wg sync.WaitGroup
		var code int
		wg.Go(func() { code = ask(sim, t.Context(), "POST", "/v1/payments", "a-1", body("a-1", "pm_slow")).Code })
		synctest.Wait()
		require.Len(t, sim.Ledger(), 1, "it takes effect at once")
		wg.Wait()
		require.Equal(t, 200, code)
		require.Equal(t, 61*time.Second, time.Since(start))
		require.Equal(t, 61*time.Second, sim.Stats().ServiceTime)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		ask(sim, ctx, "POST", "/v1/payments", "b-1", body("b-1", "pm_slow"))
		require.Equal(t, 63*time.Second, time.Since(start), "nobody waits for a caller who has gone")
		sim.Close()
	})
}

func TestLogNormalLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := simulator.New(simulator.Config{Latency: simulator.Latency{
			Fixed: 10 * time.Millisecond, Median: 150 * time.Millisecond, P99: 1200 * time.Millisecond,
		}})
		var under, over int
		const n = 4000
		for _, key := range keys(n) {
			start := time.Now()
			ask(sim, t.Context(), "POST", "/v1/payments", key, body(key, "pm_ok"))
			if time.Since(start) < 160*time.Millisecond {
				under++
			}
			if time.Since(start) > 1210*time.Millisecond {
				over++
			}
		}
		require.InDelta(t, n/2, under, 0.03*n)
		require.InDelta(t, n/100, over, 0.005*n)
		sim.Close()
	})
}

func TestFaultsByShare(t *testing.T) {
	const n = 6000
	cfg := simulator.Config{Seed: 5, Faults: simulator.DefaultFaults(0.6)}
	cfg.Faults.SlowBy, cfg.Faults.LateBy = time.Microsecond, time.Microsecond
	s := newShop(t, cfg)
	for _, key := range keys(n) {
		ask(s.sim, t.Context(), "POST", "/v1/payments", key, body(key, "card"))
	}
	s.sim.Close()
	stats := s.sim.Stats()
	for _, f := range simulator.FaultNames() {
		require.InDelta(t, 0.04*n, stats.Faults[f], 0.012*n, f)
	}
	// four kinds never take effect, and five may go either way
	require.InDelta(t, (1-4*0.04-5*0.04/2)*n, stats.Payments, 0.02*n)
}

func TestFaultsOfTheFirstRequestsOnly(t *testing.T) {
	s := newShop(t, simulator.Config{Faults: simulator.Faults{DropAfter: 1, First: 2}})
	s.lawless = true
	for _, code := range []int{0, 0, 200, 200} {
		require.Equal(t, code, s.charge("sub_1_20260131-1", "card").code)
	}
	require.Equal(t, map[simulator.Fault]int{simulator.DropAfter: 2}, s.sim.Stats().Faults)
}

func TestFaultsOfLookups(t *testing.T) {
	for _, f := range []struct {
		faults simulator.Faults
		code   int
	}{
		{simulator.Faults{DropBefore: 1}, 0},
		{simulator.Faults{DropAfter: 1}, 0},
		{simulator.Faults{Late: 1, LateBy: time.Microsecond}, 0},
		{simulator.Faults{TooMany: 1, RetryAfter: 1500 * time.Millisecond}, 429},
		{simulator.Faults{NotExecuted: 1}, 503},
		{simulator.Faults{Empty404: 1}, 404},
		{simulator.Faults{Empty400: 1}, 400},
		{simulator.Faults{Conflict: 1}, 409},
		{simulator.Faults{Redirect: 1}, 307},
	} {
		f.faults.First = 1
		s := newShop(t, simulator.Config{LookupFaults: f.faults})
		id := s.charge("sub_1_20260131-1", "pm_ok").ID
		s.lawless = true
		for _, look := range []func() reply{
			func() reply { return s.find("sub_1_20260131-1") },
			func() reply {
				return s.do(list, "/v1/payments?created_from=2026-01-01T00:00:00Z&created_to=2026-01-02T00:00:00Z", "", nil)
			},
		} {
			r := look()
			require.Equal(t, f.code, r.code)
			require.Equal(t, f.code == 429, r.header.Get("Retry-After") == "2")
			require.Equal(t, 200, look().code)
		}
		require.Equal(t, 200, s.get(id).code, "the request about this payment is not its first")
	}
}

func TestARisingShareOfFaults(t *testing.T) {
	const n = 3000
	for name, rise := range map[string]simulator.Rise{
		"by time":     {To: 0.75, Over: n * time.Second},
		"by requests": {To: 0.75, OverRequests: n},
	} {
		for fault, faults := range map[string]simulator.Faults{"all": {}, "one": {TooMany: 0.15}} {
			sim := simulator.New(simulator.Config{Now: still, Faults: faults, Rise: rise})
			sim.Update(func(c *simulator.Config) { c.Faults.SlowBy = 1 })
			struck := func() int {
				sum := 0
				for _, count := range sim.Stats().Faults {
					sum += count
				}
				return sum
			}
			share := func(from, to int) float64 {
				before := struck()
				for _, key := range keys(to)[from:] {
					sim.Advance(time.Second)
					ask(sim, t.Context(), "POST", "/v1/payments", key, body(key, "card"))
				}
				return float64(struck()-before) / float64(to-from)
			}
			start := faults.TooMany
			require.InDelta(t, start+(0.75-start)/8, share(0, n/4), 0.05, "%s, %s", name, fault)
			require.InDelta(t, start+(0.75-start)*7/8, func() float64 { share(n/4, 3*n/4); return share(3*n/4, n) }(), 0.05, "%s, %s", name, fault)
			require.InDelta(t, 0.75, share(n, n+2000), 0.04, "%s, %s", name, fault)
			if fault == "one" {
				require.Len(t, sim.Stats().Faults, 1)
			} else {
				require.Len(t, sim.Stats().Faults, len(simulator.FaultNames()))
			}
			sim.Close()
		}
	}
}

func TestOutages(t *testing.T) {
	s := newShop(t, simulator.Config{Outages: []simulator.Window{{After: time.Hour, For: time.Hour}, {After: 5 * time.Hour, For: time.Minute}}})
	s.sim.Advance(time.Minute)
	require.Equal(t, 200, s.charge("a-1", "pm_ok").code)
	s.sim.Advance(time.Hour)
	require.Equal(t, 503, s.charge("b-1", "pm_ok").code)
	s.sim.Update(func(c *simulator.Config) { c.OutageAnswer = "not_executed" })
	r := s.charge("b-1", "pm_ok")
	require.Equal(t, "true", r.header.Get("Not-Executed"))
	s.lawless = true
	require.Equal(t, 503, s.find("a-1").code)
	s.sim.Update(func(c *simulator.Config) { c.OutageAnswer = "drop" })
	require.Zero(t, s.charge("b-1", "pm_ok").code)
	s.lawless = false
	s.sim.Advance(time.Hour)
	require.Equal(t, 404, s.find("b-1").code, "nothing was executed")
	s.sim.Update(func(c *simulator.Config) { c.Outage, c.OutageAnswer = true, "" })
	require.Equal(t, 503, s.charge("b-1", "pm_ok").code)
}

func TestRateLimit(t *testing.T) {
	now := time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)
	s := newShop(t, simulator.Config{Now: func() time.Time { return now }, RateLimit: 2})
	for range 2 {
		for i, code := range []int{200, 200, 429} {
			r := s.charge(keys(3)[i], "pm_ok")
			require.Equal(t, code, r.code)
			require.Equal(t, code == 429, r.header.Get("Retry-After") == "1")
		}
		s.sim.Advance(time.Second)
	}
	require.Len(t, s.sim.Ledger(), 2)
}

// TestTheSeedDecides sends the same requests one by one and all at once: the same seed says the same to each,
// another seed does not.
func TestTheSeedDecides(t *testing.T) {
	run := func(seed uint64, workers int) (map[string][]int, map[simulator.Fault]int) {
		cfg := simulator.Config{
			Seed: seed, Faults: simulator.DefaultFaults(0.5), Shares: simulator.Shares{Soft: 0.2, Hard: 0.1, Reject: 0.1},
		}
		cfg.Faults.SlowBy, cfg.Faults.Late = 1, 0
		sim := simulator.New(cfg)
		defer sim.Close()
		var mu sync.Mutex
		codes := map[string][]int{}
		work := make(chan string)
		var wg sync.WaitGroup
		for range workers {
			wg.Go(func() {
				for key := range work {
					for range 3 {
						code := ask(sim, t.Context(), "POST", "/v1/payments", key, body(key, "card")).Code
						mu.Lock()
						codes[key] = append(codes[key], code)
						mu.Unlock()
					}
				}
			})
		}
		for _, key := range keys(500) {
			work <- key
		}
		close(work)
		wg.Wait()
		return codes, sim.Stats().Faults
	}
	codes, faults := run(7, 1)
	passed := 0
	for _, c := range codes {
		if c[0] == 429 && c[1] != 429 {
			passed++
		}
	}
	require.Positive(t, passed, "each request of a key is decided for itself")
	again, faultsAgain := run(7, 16)
	require.Equal(t, codes, again)
	require.Equal(t, faults, faultsAgain)
	other, _ := run(8, 1)
	require.NotEqual(t, codes, other)
}

// TestGarbageIsNeverAPayment holds every face of garbage against what a careful client takes for a payment.
func TestGarbageIsNeverAPayment(t *testing.T) {
	s := newShop(t, simulator.Config{Faults: simulator.Faults{Garbage: 1}})
	s.lawless = true
	faces := map[string]bool{}
	for _, key := range keys(200) {
		r := s.charge(key, "card")
		faces[string(r.body)] = true
		var p struct {
			ID, Status, Reference string
			Amount                int64
		}
		err := json.Unmarshal(r.body, &p)
		require.True(t, err != nil || p.Reference == "", "%s", r.body)
	}
	require.Len(t, faces, 8)
}

// TestARedirectThatIsFollowed shows that a client that follows a redirect charges: the simulator counts it.
func TestARedirectThatIsFollowed(t *testing.T) {
	s := newShop(t, simulator.Config{})
	s.client.CheckRedirect = nil
	s.lawless = true
	b, _ := json.Marshal(body("a-1", "pm_redirect"))
	req, err := http.NewRequest(http.MethodPost, s.url+"/v1/payments", bytes.NewReader(b))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", "a-1")
	resp, err := s.client.Do(req)
	require.NoError(t, err)
	_, _ = io.Copy(io.Discard, resp.Body)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, 200, resp.StatusCode)
	require.Equal(t, map[string]int{"a-1": 2}, s.sim.Requests())
}
