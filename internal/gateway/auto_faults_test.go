package gateway_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/gateway"
	"duly/internal/payment"
)

// broken is a request that failed, and was not executed.
var broken = payment.Outcome{Kind: payment.NotExecuted, Failure: true, Reason: "503"}

// failingAt fails that share of requests.
func failingAt(s *service, share float64) func(int) payment.Outcome {
	return func(int) payment.Outcome {
		if s.random.Float64() < share {
			return broken
		}
		return paid
	}
}

// Faults that come however few requests are open at once are no reason to send fewer.
func TestAutoAndFaultsAtAnyLimit(t *testing.T) {
	for name, share := range map[string]float64{"a tenth": 0.1, "a fifth": 0.2, "a third": 0.33, "half": 0.52} {
		t.Run(name, func(t *testing.T) {
			s := &service{median: 60 * time.Millisecond, knee: 40}
			s.answer = failingAt(s, share)
			hurry(t, 200, s, func(r *rush) {
				low := 0
				for range 120 {
					r.pass(time.Second)
					if r.paced.Auto() < 8 {
						low++
					}
				}
				require.Less(t, low, 12, "seconds of 120")
				require.GreaterOrEqual(t, r.paced.Auto(), 8)
			})
		})
	}
}

// After faults the number of requests is soon as high as before.
func TestAutoRecoversFromFaults(t *testing.T) {
	for name, c := range map[string]struct {
		share float64
		first time.Duration // without faults
	}{
		"at the start": {0.3, 0}, "in mid-run": {0.3, 30 * time.Second}, "half": {0.5, 30 * time.Second}, "most": {0.8, 30 * time.Second}, "most at the start": {0.8, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := &service{median: 60 * time.Millisecond, knee: 40}
			hurry(t, 200, s, func(r *rush) {
				r.pass(c.first)
				r.set(func(s *service) { s.answer = failingAt(s, c.share) })
				r.pass(6 * time.Second)
				r.set(func(s *service) { s.answer = nil })
				r.pass(5 * time.Second)
				require.GreaterOrEqual(t, r.paced.Auto(), 16)
			})
		})
	}
}

// The search itself makes no answer come too late.
func TestAutoStaysBelowTheTimeOut(t *testing.T) {
	for name, s := range map[string]*service{
		"400 ms, four at once":   {median: 400 * time.Millisecond, knee: 4},
		"100 ms, two at once":    {median: 100 * time.Millisecond, knee: 2},
		"400 ms, two at once":    {median: 400 * time.Millisecond, knee: 2},
		"50 ms, ten at once":     {median: 50 * time.Millisecond, knee: 10},
		"1 s, forty at once":     {median: time.Second, knee: 40},
		"1.2 s, eight at once":   {median: 1200 * time.Millisecond, knee: 8},
		"as long as it may take": {median: 1500 * time.Millisecond, knee: 1000},
	} {
		t.Run(name, func(t *testing.T) {
			s.timeout = 5 * time.Second
			hurry(t, 200, s, func(r *rush) {
				r.pass(3 * time.Minute)
				r.set(func(s *service) { require.LessOrEqual(t, s.late, int(r.paced.Stats().Requests()/100)) })
			}, func(l *gateway.Limits) { l.Timeout = 5 * time.Second })
		})
	}
}
