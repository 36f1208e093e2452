package report_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"duly/internal/report"
)

func TestSampler(t *testing.T) {
	var s report.Sampler
	require.Equal(t, report.Pace{}, s.Pace())
	s.Add(0, report.Totals{}, false)
	s.Add(250*time.Millisecond, report.Totals{Succeeded: 2}, false)
	s.Add(500*time.Millisecond, report.Totals{Succeeded: 3, Declined: 1}, true)
	s.Add(1100*time.Millisecond, report.Totals{Succeeded: 3, Declined: 1, Others: 4}, false)
	require.Equal(t, report.Pace{
		Seconds: 1.1, Width: 0.25, Succeeded: []int64{2, 1, 0, 0, 0}, Declined: []int64{0, 1, 0, 0, 0}, Others: []int64{0, 0, 0, 0, 4}, Held: []int{1},
	}, s.Pace())
}

// Nothing gets lost, whatever the run's length, and what is kept stays small.
func TestSamplerKeepsEverything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s report.Sampler
		var at time.Duration
		var total report.Totals
		held := false
		for range rapid.IntRange(1, 200).Draw(t, "samples") {
			at += time.Duration(rapid.Int64Range(0, int64(10*time.Minute)).Draw(t, "later"))
			total.Succeeded += rapid.Int64Range(0, 9).Draw(t, "succeeded")
			total.Others += rapid.Int64Range(0, 9).Draw(t, "others")
			open := rapid.Bool().Draw(t, "held")
			held = held || open
			s.Add(at, total, open)
		}
		p := s.Pace()
		var sum report.Totals
		for i := range p.Succeeded {
			sum.Succeeded += p.Succeeded[i]
			sum.Others += p.Others[i]
		}
		if sum != total || held != (len(p.Held) > 0) || p.Seconds != at.Seconds() {
			t.Fatalf("%+v became %+v in %v s, held %v", total, sum, p.Seconds, p.Held)
		}
		n := float64(len(p.Succeeded))
		if n > 120 || n*p.Width < p.Seconds || (n-1)*p.Width >= p.Seconds && p.Seconds > 0 {
			t.Fatalf("%v buckets of %v s for %v s", n, p.Width, p.Seconds)
		}
		b, err := json.Marshal(p)
		if err != nil || len(b) > 4096 {
			t.Fatalf("%d bytes, %v", len(b), err)
		}
	})
}
