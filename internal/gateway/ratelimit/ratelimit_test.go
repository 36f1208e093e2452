package ratelimit

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// limit takes so many requests in each window of the clock, or out of a bucket that fills in one.
type limit struct {
	most   float64
	window time.Duration
	bucket bool
	at     time.Time
	used   float64
}

func (l *limit) takes(now time.Time) bool {
	if l.bucket {
		l.used = max(0, l.used-now.Sub(l.at).Seconds()*l.most/l.window.Seconds())
		l.at = now
	} else if at := now.Truncate(l.window); at.After(l.at) {
		l.at, l.used = at, 0
	}
	if l.used+1 > l.most {
		return false
	}
	l.used++
	return true
}

// Whatever the limit, most of it is used, few requests are refused, and nothing is sent while the gateway asks to wait.
func TestALimitIsFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := &limit{
			most:   float64(rapid.IntRange(5, 300).Draw(t, "limit")),
			window: time.Second,
			bucket: rapid.Bool().Draw(t, "bucket"),
		}
		wish := time.Duration(rapid.IntRange(0, 3).Draw(t, "wish")) * 500 * time.Millisecond
		latency := time.Duration(rapid.IntRange(1, 50).Draw(t, "latency")) * time.Millisecond
		var (
			limiter        Limiter
			taken, refused int
			until          time.Time
		)
		start := time.Unix(1_000_000, int64(rapid.IntRange(0, 999).Draw(t, "start"))*1e6)
		const lasts = 2 * time.Minute
		for now := start; now.Sub(start) < lasts; {
			if wait := limiter.Reserve(now); wait > 0 {
				now = now.Add(wait)
			}
			if now.Before(until) {
				t.Fatalf("sent %s before it may", until.Sub(now))
			}
			left := now
			limiter.Began(left)
			now = now.Add(min(latency, time.Millisecond)) // many are under way
			if l.takes(left) {
				taken++
				limiter.Accepted(left)
				continue
			}
			refused++
			limiter.TooMany(now, left, wish, true)
			until = now.Add(wish)
		}
		if least := 0.7 * l.most * lasts.Seconds(); float64(taken) < least {
			t.Fatalf("%d were taken, %.0f are the least", taken, least)
		}
		if refused > 40 {
			t.Fatalf("%d were refused", refused)
		}
	})
}

// One answer after another that left before the rate was cut cuts it once.
func TestTheRateIsCutOnceForWhatWasUnderWay(t *testing.T) {
	var limiter Limiter
	now := time.Unix(1_000_000, 0)
	for range 100 {
		now = now.Add(5 * time.Millisecond)
		limiter.Began(now)
		limiter.Accepted(now)
	}
	require.True(t, limiter.TooMany(now.Add(time.Millisecond), now, time.Second, true))
	rate := limiter.Rate(now.Add(time.Second))
	require.InDelta(t, 80, rate, 2, "four fifths of the hundred in the last second")
	for i := range 8 {
		limiter.TooMany(now.Add(2*time.Millisecond), now.Add(-time.Duration(i)*time.Millisecond), time.Second, true)
	}
	require.InDelta(t, rate, limiter.Rate(now.Add(time.Second)), 0.5)
	require.Greater(t, limiter.Reserve(now), 990*time.Millisecond)
}

// A limit that is lifted bounds nothing for long.
func TestARateEndsWithItsReason(t *testing.T) {
	var limiter Limiter
	now := time.Unix(1_000_000, 0)
	for range 50 {
		now = now.Add(20 * time.Millisecond)
		limiter.Began(now)
		limiter.Accepted(now)
	}
	limiter.TooMany(now, now, 0, true)
	end := now.Add(time.Minute)
	for now.Before(end) {
		now = now.Add(max(limiter.Reserve(now), 10*time.Millisecond))
		limiter.Began(now)
		limiter.Accepted(now)
	}
	require.Zero(t, limiter.Rate(now))
	require.False(t, limiter.Active(now))
}

// How long nothing but refusals came is known until something is taken.
func TestHowLongAGatewayRefuses(t *testing.T) {
	var limiter Limiter
	now := time.Unix(1_000_000, 0)
	require.Zero(t, limiter.RefusedFor(now))
	limiter.Began(now)
	limiter.TooMany(now, now, time.Minute, true)
	later := now.Add(time.Hour)
	require.Equal(t, time.Hour, limiter.RefusedFor(later))
	limiter.Began(later)
	limiter.Accepted(later)
	require.Zero(t, limiter.RefusedFor(later))
}
