package gateway

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// measured puts a trial together of so many requests of each kind, and how long each took.
func measured(t *testing.T, usual map[RequestKind]float64, at float64, took map[RequestKind]time.Duration) level {
	t.Helper()
	start := time.Unix(0, 0)
	var of trial
	of.restart(leastTrial)
	for range leastTrial {
		for kind, d := range took {
			of.end(of.add(sample{kind: kind, start: start}), start.Add(d), answered)
		}
	}
	of.extend(len(of.samples))
	return of.measure(start.Add(time.Hour), usual, at)
}

// A step of look-ups, which are ten times as fast, is no faster gateway.
func TestEachKindOfRequestHasItsUsualLatency(t *testing.T) {
	usual := map[RequestKind]float64{}
	first := measured(t, usual, 0, map[RequestKind]time.Duration{RequestCharge: time.Second})
	require.InDelta(t, 0, first.cost, 1e-9, "the first measure is the measure of the rest")
	slower := measured(t, usual, first.cost, map[RequestKind]time.Duration{RequestCharge: 2 * time.Second})
	require.InDelta(t, math.Ln2, slower.cost, 1e-9)
	mixed := measured(t, usual, slower.cost, map[RequestKind]time.Duration{RequestCharge: 2 * time.Second, RequestLookUp: 100 * time.Millisecond})
	require.InDelta(t, math.Ln2, mixed.cost, 1e-9, "what is seen for the first time changes nothing")
	alone := measured(t, usual, mixed.cost, map[RequestKind]time.Duration{RequestLookUp: 100 * time.Millisecond})
	require.InDelta(t, math.Ln2, alone.cost, 1e-9)
	faster := measured(t, usual, alone.cost, map[RequestKind]time.Duration{RequestLookUp: 50 * time.Millisecond})
	require.InDelta(t, 0, faster.cost, 1e-9)
}

// What has not ended when a trial is judged counts as long as it has taken until then.
func TestAnUnansweredRequestHoldsUpNobody(t *testing.T) {
	start := time.Unix(0, 0)
	var of trial
	of.restart(leastTrial)
	for range leastTrial {
		of.add(sample{kind: RequestCharge, start: start})
	}
	for i := range leastTrial - 2 {
		require.False(t, of.ready(), "%d have ended", i)
		of.end(i, start.Add(time.Second), answered)
	}
	require.True(t, of.ready())
	l := of.measure(start.Add(10*time.Second), map[RequestKind]float64{RequestCharge: 0}, 0)
	require.InDelta(t, math.Log(10)*2/leastTrial, l.cost, 1e-9)
}

// A share of requests that is dropped costs as much at every limit: what differs between two limits is what their latencies do.
func TestWhatIsDroppedAtEveryLimitCancelsOut(t *testing.T) {
	start := time.Unix(0, 0)
	cost := func(took time.Duration, drops int) level {
		var of trial
		of.restart(100)
		for i := range 100 {
			how := answered
			if i >= 100-drops {
				how = dropped
			}
			of.end(of.add(sample{kind: RequestCharge, start: start}), start.Add(took), how)
		}
		return of.measure(start.Add(time.Hour), map[RequestKind]float64{RequestCharge: 0}, 0)
	}
	for _, drops := range []int{0, 1, 20, 40} {
		require.InDelta(t, math.Ln2, cost(2*time.Second, drops).cost-cost(time.Second, drops).cost, 1e-9)
		require.InDelta(t, float64(drops)/100, cost(time.Second, drops).share, 1e-9)
	}
	require.Greater(t, cost(time.Second, 20).cost, cost(time.Second, 10).cost+0.1)
}

func TestWhatAnAnswerSaysOfTheLimit(t *testing.T) {
	for name, c := range map[string]struct {
		r    reading
		says ending
	}{
		"paid, declined, found, absent": {reading{}, answered},
		"a time-out":                    {reading{failure: true, again: true}, dropped},
		"429":                           {reading{again: true}, dropped},
		"come back later":               {reading{wish: time.Second}, dropped},
		"our credentials":               {reading{misconfigured: true, failure: true}, saysNothing},
	} {
		require.Equal(t, c.says, c.r.ending(), name)
	}
}
