package simulator_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/gateway/simulator"
	"duly/internal/gateway/simulator/pace"
)

// crowd charges that many keys at the same time and says how long each took, from the shortest to the longest.
func crowd(t *testing.T, sim *simulator.Simulator, keys []string) (took []time.Duration) {
	t.Helper()
	start := time.Now()
	var all sync.WaitGroup
	var mu sync.Mutex
	for _, key := range keys {
		all.Go(func() {
			ask(sim, t.Context(), "POST", "/v1/payments", key, body(key, "pm_ok"))
			mu.Lock()
			defer mu.Unlock()
			took = append(took, time.Since(start))
		})
	}
	all.Wait()
	return took
}

func TestLatencyClimbsPastTheKnee(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := simulator.New(simulator.Config{Latency: simulator.Latency{Fixed: 100 * time.Millisecond}, Knee: 4})
		ms := func(n ...int) (d []time.Duration) {
			for _, n := range n {
				d = append(d, time.Duration(n)*time.Millisecond)
			}
			return d
		}
		require.Equal(t, ms(100, 100, 100, 100), crowd(t, sim, keys(4)))
		require.Equal(t, ms(100, 100, 100, 100, 156, 225, 306, 400), rounded(crowd(t, sim, keys(8))))
		sim.Close()
	})
}

func rounded(all []time.Duration) []time.Duration {
	for i, d := range all {
		all[i] = d.Truncate(time.Millisecond)
	}
	return all
}

func TestASlowdown(t *testing.T) {
	for name, slow := range map[string]pace.Slowdown{
		"by the clock":   {After: time.Minute, Factor: 3},
		"by the charges": {AfterCharges: 5, Factor: 3},
		"of the knee":    {After: time.Minute, Knee: 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sim := simulator.New(simulator.Config{Latency: simulator.Latency{Fixed: 100 * time.Millisecond}, Knee: 4, Slowdown: slow})
				took := crowd(t, sim, keys(4))
				require.Equal(t, 100*time.Millisecond, took[3], "it has not begun")
				sim.Advance(time.Minute)
				took = crowd(t, sim, keys(4))
				if slow.Knee > 0 {
					require.Equal(t, 1600*time.Millisecond, took[3])
				} else {
					require.Equal(t, 300*time.Millisecond, took[3])
				}
				sim.Close()
			})
		})
	}
}
