package report

import "math"

// fourth is how much a bucket is longer than the one before.
var fourth = math.Exp2(0.25) //nolint:gochecknoglobals // a constant that the compiler cannot compute

// axis is a scale on which each doubling is as wide as the next.
type axis struct{ low, high float64 } // logarithms of milliseconds

// axisOf reaches over all buckets, and never over less than two doublings.
func axisOf(buckets []Bucket) axis {
	first, last := buckets[0], buckets[len(buckets)-1]
	low := first.From
	if low <= 0 {
		low = first.To / fourth
	}
	a := axis{math.Log2(low), math.Log2(math.Max(last.To, low*fourth))}
	if spread := a.high - a.low; spread < 2 {
		a.low -= (2 - spread) / 2
		a.high += (2 - spread) / 2
	}
	return a
}

// at is where a latency stands, as a percentage.
func (a axis) at(ms float64) float64 {
	p := (math.Log2(math.Max(ms, 1e-3)) - a.low) / (a.high - a.low) * 100
	return math.Min(100, math.Max(0, p))
}

// apart is how far from one another ticks are, as a percentage: so far that their letters do not meet on a phone.
const apart = 23

// ticks are at round numbers.
func (a axis) ticks() []tick {
	var all []float64
	for decade := 0.1; decade < 1e7; decade *= 10 {
		for _, m := range []float64{1, 2, 5} {
			if at := math.Log2(m * decade); at >= a.low && at <= a.high {
				all = append(all, m*decade)
			}
		}
	}
	var out []tick
	last := math.Inf(-1)
	for _, ms := range all {
		if a.at(ms) < last+apart {
			continue
		}
		last = a.at(ms)
		t := tick{percentage(a.at(ms)), millis(ms), "middle"}
		switch {
		case a.at(ms) < 8:
			t.Anchor = "start"
		case a.at(ms) > 92:
			t.Anchor = "end"
		}
		out = append(out, t)
	}
	return out
}
