package gateway_test

import (
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

// ration is how many requests a gateway takes in each window. It answers the others at once that they are too many.
type ration struct {
	latency time.Duration
	most    int // 0: all
	window  time.Duration
	burst   bool          // a bucket of most tokens that fills in a window, instead of windows by the clock
	wish    time.Duration // Retry-After; negative: until the window ends
	odd     float64       // share of requests that are answered so however few there are
}

// rationed is a gateway with a ration.
type rationed struct {
	ration

	mu      sync.Mutex
	random  *rand.Rand
	at      time.Time // of the window, or when the bucket was last filled
	used    float64
	refused int
	left    int
}

func (r *rationed) charge(int) payment.Outcome {
	if wait, over := r.take(time.Now()); over {
		time.Sleep(time.Millisecond)
		o := tooMany
		o.RetryAfter = wait
		return o
	}
	time.Sleep(r.latency)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.random.Float64() < r.odd {
		r.refused++
		o := tooMany
		o.RetryAfter = r.wish
		return o
	}
	return paid
}

func (r *rationed) take(now time.Time) (wait time.Duration, over bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.most == 0 {
		return 0, false
	}
	if r.burst {
		r.used = max(0, r.used-now.Sub(r.at).Seconds()*float64(r.most)/r.window.Seconds())
		r.at = now
	} else if at := now.Truncate(r.window); at.After(r.at) {
		r.at, r.used = at, 0
	}
	if r.used+1 <= float64(r.most) {
		r.used++
		return 0, false
	}
	r.refused++
	if r.wish < 0 {
		return r.at.Add(r.window).Sub(now), true
	}
	return r.wish, true
}

// billed is what charging rows came to.
type billed struct {
	took    time.Duration
	refused int // requests
	left    int // rows that were not charged
	found   int
	rate    float64
}

// bill charges so many rows at a gateway with that ration: with `parallelism: auto`, or with a fixed number.
func bill(t *testing.T, rows, fixed int, of ration, change ...func(*gateway.Limits)) (b billed) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &rationed{ration: of, random: rand.New(rand.NewPCG(1, 1))}
		time.Sleep(300 * time.Millisecond) // a run begins within a window
		lanes := fixed
		if fixed == 0 {
			lanes = 256
			change = append(change, func(l *gateway.Limits) { l.Auto, l.Timeout = 256, 30*time.Second })
		}
		p := pace(t, &fake{charge: r.charge}, change...)
		start := time.Now()
		all := make(chan int)
		var workers sync.WaitGroup
		for range lanes {
			workers.Go(func() {
				for range all {
					if o, _ := p.Charge(t.Context(), payment.Charge{Key: "k"}, false); o.Kind != payment.Paid {
						r.mu.Lock()
						r.left++
						r.mu.Unlock()
					}
				}
			})
		}
		for i := range rows {
			all <- i
		}
		close(all)
		workers.Wait()
		b = billed{took: time.Since(start), refused: r.refused, left: r.left, found: p.Found(), rate: p.FoundRate()}
	})
	return b
}

// A limit of the gateway slows the gateway down, and no row is left for it.
func TestAutoAtALimitOfRequests(t *testing.T) {
	for name, c := range map[string]struct {
		rows int
		r    ration
	}{
		"60 a second":                   {1500, ration{latency: 50 * time.Millisecond, most: 60, window: time.Second, wish: time.Second}},
		"150 a second":                  {600, ration{latency: 50 * time.Millisecond, most: 150, window: time.Second, wish: time.Second}},
		"20 a second":                   {200, ration{latency: 50 * time.Millisecond, most: 20, window: time.Second, wish: time.Second}},
		"20 a second, it does not say":  {200, ration{latency: 50 * time.Millisecond, most: 20, window: time.Second}},
		"2 a second":                    {40, ration{latency: 50 * time.Millisecond, most: 2, window: time.Second, wish: time.Second}},
		"100 a minute":                  {300, ration{latency: 50 * time.Millisecond, most: 100, window: time.Minute}},
		"100 a minute, it says when":    {300, ration{latency: 50 * time.Millisecond, most: 100, window: time.Minute, wish: -1}},
		"a bucket of 100, 100 a second": {2000, ration{latency: 50 * time.Millisecond, most: 100, window: time.Second, burst: true}},
		"30 a second, slow answers":     {600, ration{latency: 2 * time.Second, most: 30, window: time.Second, wish: time.Second}},
	} {
		t.Run(name, func(t *testing.T) {
			got, eight := bill(t, c.rows, 0, c.r), bill(t, c.rows, 8, c.r)
			require.Zero(t, got.left)
			if eight.left == 0 {
				require.LessOrEqual(t, got.took, eight.took+eight.took/10+5*time.Second)
			}
			if c.r.wish != 0 && c.r.latency < time.Second {
				least := time.Duration(math.Ceil(float64(c.rows)/float64(c.r.most)-1)) * c.r.window
				require.LessOrEqual(t, got.took, least*13/10+10*time.Second)
			}
			require.LessOrEqual(t, got.refused, max(eight.refused, 40))
		})
	}
}

// A gateway that says so of a share of requests, whatever their number, is not slowed down for long.
func TestAutoAndRefusalsAtAnyRate(t *testing.T) {
	for name, odd := range map[string]float64{"one in a thousand": 0.001, "two in a hundred": 0.02, "one in ten": 0.1} {
		t.Run(name, func(t *testing.T) {
			const rows = 10_000
			odd := ration{latency: 60 * time.Millisecond, wish: time.Second, odd: odd}
			got, eight := bill(t, rows, 0, odd), bill(t, rows, 8, odd)
			require.Zero(t, got.left)
			require.LessOrEqual(t, got.took, eight.took*3/2)
		})
	}
}
