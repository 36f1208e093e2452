package gateway_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"duly/internal/gateway"
)

func TestHistogramOfNothing(t *testing.T) {
	var h gateway.Histogram
	require.Zero(t, h.Total())
	require.Zero(t, h.Quantile(0.5))
}

func TestHistogramHoldsWhatIsOutOfItsRange(t *testing.T) {
	var h gateway.Histogram
	h.Add(-time.Second)
	h.Add(0)
	h.Add(time.Hour)
	require.EqualValues(t, 3, h.Total())
	require.EqualValues(t, 2, h.Counts[0])
	require.Equal(t, time.Hour, h.Quantile(1))
	require.Equal(t, time.Hour, h.Max)
}

func TestHistogramIsAValue(t *testing.T) {
	var h gateway.Histogram
	h.Add(time.Millisecond)
	copied := h
	h.Add(time.Millisecond)
	require.EqualValues(t, 1, copied.Total())
}

// Each latency is in the bucket whose bounds it lies between, and quantiles are off by less than a bucket.
func TestHistogramIsRight(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ms := rapid.SliceOfN(rapid.Int64Range(1, 100_000), 1, 200).Draw(t, "ms")
		q := rapid.SampledFrom([]float64{0.01, 0.5, 0.9, 0.95, 0.99, 1}).Draw(t, "q")
		var h gateway.Histogram
		for _, n := range ms {
			var one gateway.Histogram
			d := time.Duration(n) * time.Millisecond
			one.Add(d)
			h.Add(d)
			i := slices.Index(one.Counts[:], 1)
			if d > one.Bound(i)+time.Microsecond || i > 0 && d < one.Bound(i-1) {
				t.Fatalf("%s is in bucket %d, up to %s", d, i, one.Bound(i))
			}
		}
		if h.Total() != int64(len(ms)) {
			t.Fatalf("%d of %d were counted", h.Total(), len(ms))
		}
		slices.Sort(ms)
		exact := float64(ms[int(math.Ceil(q*float64(len(ms))))-1])
		got := float64(h.Quantile(q)) / float64(time.Millisecond)
		width := math.Exp2(0.25) * 1.0001
		if got > exact*width || got < exact/width-1 {
			t.Fatalf("quantile %v is %v ms, not %v ms", q, got, exact)
		}
	})
}
