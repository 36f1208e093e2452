package report

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestNumbersForPeople(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1391: "1,391", 12_345_678: "12,345,678", -1000: "-1,000"} {
		require.Equal(t, want, number(n))
	}
	for _, c := range []struct {
		part, of int64
		want     string
	}{{0, 0, "–"}, {0, 5, "0%"}, {5, 5, "100%"}, {1, 3, "33.3%"}, {1, 100_000, "<0.1%"}, {99_999, 100_000, ">99.9%"}, {927, 1000, "92.7%"}} {
		require.Equal(t, c.want, percent(c.part, c.of))
	}
	for seconds, want := range map[float64]string{
		0: "0s", -1: "0s", 0.0004: "<0.1s", 0.31: "0.3s", 0.9996: "1s", 1: "1s", 4.25: "4.2s", 9.96: "10s", 59.4: "59s", 59.96: "1m", 60: "1m",
		80: "1m20s", 3600: "1h", 11_040: "3h4m",
	} {
		require.Equal(t, want, length(seconds), seconds)
	}
	for ms, want := range map[float64]string{0.44: "0.4 ms", 1: "1 ms", 9.96: "10 ms", 310: "310 ms", 999.6: "1s", 1250: "1.2s"} {
		require.Equal(t, want, millis(ms), ms)
	}
	for n, want := range map[float64]string{0: "0", 0.5: "0.5", 250: "250", 1500: "1.5k", 2e6: "2M"} {
		require.Equal(t, want, short(n))
	}
	require.Equal(t, "31 January 2026", longDate("2026-01-31"))
	require.Equal(t, "whenever", longDate("whenever"))
	require.Equal(t, "31 Jan", shortDate("2026-01-31"))
}

// Every time of a page is in its zone, wherever its text comes from.
func TestLocalTimes(t *testing.T) {
	zone := time.FixedZone("Asia/Seoul", 9*60*60)
	latest := time.Date(2026, 11, 20, 17, 31, 34, 0, time.UTC) // 21 Nov 02:31:34 in Seoul
	for text, want := range map[string]string{
		"5 charges in doubt, next check 18:12:05 UTC":        "5 charges in doubt, next check 03:12:05",
		"next check 17:31:30 UTC":                            "next check 02:31:30",
		"next check 15:12:05 UTC":                            "next check 22 Nov 00:12:05",
		"paused (ada, since 2026-11-20 09:00:00 UTC): moves": "paused (ada, since 20 Nov 18:00:00): moves",
		"at 2026-11-20T09:00:00Z":                            "at 20 Nov 18:00:00",
		"at 2025-12-30 09:00:00 UTC":                         "at 30 Dec 2025 18:00:00",
		"12:00:00 is no time of ours, nor is 99:99:99 UTC":   "12:00:00 is no time of ours, nor is 99:99:99 UTC",
	} {
		require.Equal(t, want, localTimes(text, latest, zone))
	}
}

// A bar is as wide as it is, whatever its parts, and every part that is not nothing can be seen.
func TestSegments(t *testing.T) {
	require.Nil(t, segments([]slice{{"a", 0, ""}}))
	rapid.Check(t, func(t *rapid.T) {
		var parts []slice
		some := 0
		for _, n := range rapid.SliceOfN(rapid.Int64Range(-1, 1_000_000), 1, 8).Draw(t, "parts") {
			parts = append(parts, slice{"class", n, ""})
			if n > 0 {
				some++
			}
		}
		got := segments(parts)
		if len(got) != some {
			t.Fatalf("%d of %d parts are drawn", len(got), some)
		}
	})
}

// An axis has three to seven ticks that are round, and reaches over everything.
func TestNice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.Float64Range(1e-3, 1e9).Draw(t, "most")
		step, top := nice(most)
		if ticks := top / step; top < most*(1-1e-9) || ticks < 1.5 || ticks > 4.5 {
			t.Fatalf("%v in steps of %v up to %v", most, step, top)
		}
	})
}

// Merging buckets for the chart loses nothing, and leaves none that is a sliver.
func TestBuckets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 120).Draw(t, "buckets")
		p := Pace{Width: 0.25, Seconds: (float64(n-1) + rapid.Float64Range(0.001, 1).Draw(t, "last")) * 0.25}
		var sum int64
		for i := range n {
			p.Succeeded = append(p.Succeeded, int64(i))
			sum += int64(i)
		}
		p.Held = []int{n - 1}
		got := bucketsOf(p)
		at, all := 0.0, int64(0)
		for _, b := range got {
			if b.from != at || b.to <= b.from {
				t.Fatalf("a bucket from %v to %v follows %v", b.from, b.to, at)
			}
			at, all = b.to, all+b.all()
		}
		last := got[len(got)-1]
		if all != sum || at != p.Seconds || len(got) > mostColumns || !last.held {
			t.Fatalf("%d of %d until %v of %v in %d", all, sum, at, p.Seconds, len(got))
		}
		if first := got[0]; len(got) > 1 && last.to-last.from < (first.to-first.from)/2-1e-9 {
			t.Fatalf("the last of %d is %v wide, the first %v", len(got), last.to-last.from, first.to-first.from)
		}
	})
}
