package gateway

import (
	"math"
	"time"
)

const (
	// perOctave buckets share each doubling of latency, so that a quantile is off by a tenth at most.
	perOctave = 4
	// octaves from 1 ms on: the last bucket holds all above two minutes.
	octaves = 17
)

// Histogram counts latencies in buckets that grow by the fourth root of two from 1 ms on. It is a value: copies are
// independent. The zero Histogram is empty.
type Histogram struct {
	Counts [octaves*perOctave + 1]int64
	// Max is the longest latency.
	Max time.Duration
}

// Add counts one latency.
func (h *Histogram) Add(d time.Duration) {
	i := 0
	if d > time.Millisecond {
		i = int(math.Ceil(math.Log2(float64(d)/float64(time.Millisecond)) * perOctave))
	}
	h.Counts[min(i, len(h.Counts)-1)]++
	h.Max = max(h.Max, d)
}

// Total is how many latencies were counted.
func (h *Histogram) Total() int64 {
	var n int64
	for _, count := range h.Counts {
		n += count
	}
	return n
}

// Bound is the longest latency that bucket i holds; that of the last one is Max.
func (h *Histogram) Bound(i int) time.Duration {
	if i >= len(h.Counts)-1 {
		return h.Max
	}
	return time.Duration(float64(time.Millisecond) * math.Exp2(float64(i)/perOctave))
}

// Quantile is the latency that the share q of all did not exceed, by interpolation within its bucket; 0 if there
// are none. It is never above Max.
func (h *Histogram) Quantile(q float64) time.Duration {
	total := h.Total()
	if total == 0 {
		return 0
	}
	rank, below := q*float64(total), int64(0)
	for i, count := range h.Counts {
		if count > 0 && float64(below+count) >= rank {
			low := time.Duration(0)
			if i > 0 {
				low = h.Bound(i - 1)
			}
			inside := max(0, (rank-float64(below))/float64(count))
			return min(h.Max, low+time.Duration(inside*float64(h.Bound(i)-low)))
		}
		below += count
	}
	return h.Max
}
