package schedule_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"duly/config"
	"duly/internal/schedule"
)

func expression(t require.TestingT, text, zone string) schedule.Expression {
	spec, err := config.ParseCron(text)
	require.NoError(t, err)
	return schedule.In(spec, location(t, zone))
}

func location(t require.TestingT, zone string) *time.Location {
	l, err := time.LoadLocation(zone)
	require.NoError(t, err)
	return l
}

// firings are those from one instant to before another, as the zone's clock shows them.
func firings(e schedule.Expression, from, to time.Time) []string {
	var all []string
	for at := e.Next(from.Add(-time.Nanosecond)); at.Before(to); at = e.Next(at) {
		all = append(all, at.Format("02T15:04-0700"))
	}
	return all
}

// The days on which clocks are changed, and what fires on them.
func TestChangesOfTheClock(t *testing.T) {
	const berlin, newYork = "Europe/Berlin", "America/New_York"
	for _, c := range []struct {
		zone, day, expression string
		want                  []string
	}{
		{berlin, "2026-03-29", "30 2 * * *", []string{"29T03:30+0200"}}, // 02:30 is not there
		{berlin, "2026-03-29", "0 2 * * *", []string{"29T03:00+0200"}},
		{berlin, "2026-03-29", "30 1 * * *", []string{"29T01:30+0100"}},
		{berlin, "2026-03-29", "0 3 * * *", []string{"29T03:00+0200"}},
		{berlin, "2026-03-29", "30 2,3 * * *", []string{"29T03:30+0200"}}, // both at one time: once
		{berlin, "2026-03-29", "0,30 2 * * *", []string{"29T03:00+0200", "29T03:30+0200"}},
		{berlin, "2026-03-29", "45 2-4 * * *", []string{"29T03:45+0200", "29T04:45+0200"}},
		{berlin, "2026-03-29", "59 1-23/22 * * *", []string{"29T01:59+0100", "29T23:59+0200"}},
		{berlin, "2026-10-25", "30 2 * * *", []string{"25T02:30+0200"}}, // 02:30 is there twice
		{berlin, "2026-10-25", "0 2 * * *", []string{"25T02:00+0200"}},
		{berlin, "2026-10-25", "0 3 * * *", []string{"25T03:00+0100"}},
		{berlin, "2026-10-25", "15,45 2 * * *", []string{"25T02:15+0200", "25T02:45+0200"}},
		{berlin, "2026-10-25", "30 1-3 * * *", []string{"25T01:30+0200", "25T02:30+0200", "25T03:30+0100"}},
		{newYork, "2026-03-08", "30 2 * * *", []string{"08T03:30-0400"}},
		{newYork, "2026-03-08", "30 1 * * *", []string{"08T01:30-0500"}},
		{newYork, "2026-11-01", "30 2 * * *", []string{"01T02:30-0500"}}, // there it is 01:30 that is there twice
		{newYork, "2026-11-01", "30 1 * * *", []string{"01T01:30-0400"}},
		{newYork, "2026-11-01", "0,30 1 * * 0", []string{"01T01:00-0400", "01T01:30-0400"}},
		{"Australia/Lord_Howe", "2026-10-04", "15 2 * * *", []string{"04T02:45+1100"}}, // by half an hour
		{"Africa/Cairo", "2026-04-24", "0 0 * * *", []string{"24T01:00+0300"}},         // midnight is not there
		{"America/Havana", "2026-11-01", "0 0 * * *", []string{"01T00:00-0400"}},       // midnight is there twice
		{"Asia/Seoul", "2026-03-29", "30 2 * * *", []string{"29T02:30+0900"}},
	} {
		t.Run(c.zone+" "+c.day+" "+c.expression, func(t *testing.T) {
			zone := location(t, c.zone)
			day, err := time.ParseInLocation(time.DateOnly, c.day, zone)
			require.NoError(t, err)
			end := time.Date(day.Year(), day.Month(), day.Day()+1, 0, 0, 0, 0, zone)
			e := expression(t, c.expression, c.zone)
			require.Equal(t, c.want, firings(e, day, end))
			latest, ok := e.Latest(end.Add(-time.Second))
			require.True(t, ok)
			require.Equal(t, c.want[len(c.want)-1], latest.Format("02T15:04-0700"))
		})
	}
}

// What is for every hour goes on through the hour that comes twice, and leaves out the one that is not there.
func TestEveryHourGoesByTheTimeThatPasses(t *testing.T) {
	for _, text := range []string{"*/20 * * * *", "*/20 0-23 * * *", "*/20 */1 * * *"} {
		e := expression(t, text, "Europe/Berlin")
		for _, day := range []int{0, 210} { // 29 March and 25 October
			from := time.Date(2026, 3, 29, 0, 0, 0, 0, location(t, "Europe/Berlin")).AddDate(0, 0, day)
			at := from.Add(-time.Nanosecond)
			for want := from; want.Before(from.Add(30 * time.Hour)); want = want.Add(20 * time.Minute) {
				at = e.Next(at)
				require.Equal(t, want.UTC(), at.UTC(), text)
			}
		}
	}
	once := expression(t, "30 * * * *", "Europe/Berlin")
	twice := time.Date(2026, 10, 25, 0, 0, 0, 0, time.UTC)
	require.Equal(t, []string{"25T02:30+0200", "25T02:30+0100", "25T03:30+0100"}, firings(once, twice, twice.Add(3*time.Hour)))
}

func TestLatest(t *testing.T) {
	e := expression(t, "30 2,14 * * *", "Europe/Berlin")
	zone := location(t, "Europe/Berlin")
	at := func(hour, minute int) time.Time { return time.Date(2026, 7, 1, hour, minute, 0, 0, zone) }
	for _, c := range []struct{ now, want time.Time }{
		{at(0, 0), time.Time{}}, // those of yesterday are over
		{at(2, 29), time.Time{}},
		{at(2, 30), at(2, 30)},
		{at(14, 29), at(2, 30)},
		{at(23, 59).UTC(), at(14, 30)},
	} {
		got, ok := e.Latest(c.now)
		require.Equal(t, !c.want.IsZero(), ok, c.now)
		require.True(t, got.Equal(c.want), "%s: %s", c.now, got)
	}
	midnight := expression(t, "0 0 * * *", "Europe/Berlin")
	got, ok := midnight.Latest(at(0, 0))
	require.True(t, ok)
	require.True(t, got.Equal(at(0, 0)))
}

// Next lists exactly the instants that a walk over every minute of the days around it finds.
func TestNextAgreesWithAWalkOverEveryMinute(t *testing.T) {
	zones := []string{
		"Europe/Berlin", "America/New_York", "Asia/Seoul", "Australia/Lord_Howe", "Africa/Cairo", "America/Havana",
		"Pacific/Chatham", "America/St_Johns", "UTC",
	}
	rapid.Check(t, func(t *rapid.T) {
		zone := rapid.SampledFrom(zones).Draw(t, "zone")
		hours := rapid.SliceOfNDistinct(rapid.IntRange(0, 23), 1, 4, rapid.ID[int]).Draw(t, "hours")
		minutes := rapid.SliceOfNDistinct(rapid.IntRange(0, 59), 1, 3, rapid.ID[int]).Draw(t, "minutes")
		e := expression(t, fmt.Sprintf("%s %s * * *", list(minutes), list(hours)), zone)
		// Around a change of the clock, if the zone has any.
		near := time.Date(rapid.IntRange(2020, 2030).Draw(t, "year"), 1, 15, 12, 0, 0, 0, location(t, zone))
		for range rapid.IntRange(0, 1).Draw(t, "changes") + 1 {
			if _, end := near.ZoneBounds(); !end.IsZero() {
				near = end
			}
		}
		want := walk(near, minutes, hours)
		var got []time.Time
		for at := e.Next(near.Add(-36 * time.Hour)); at.Before(near.Add(36 * time.Hour)); at = e.Next(at) {
			got = append(got, at.UTC())
		}
		require.Equal(t, want, got)
		from := rapid.Int64Range(-36*3600, 30*3600).Draw(t, "from")
		after := near.Add(time.Duration(from) * time.Second)
		i := slices.IndexFunc(want, func(w time.Time) bool { return w.After(after) })
		if i >= 0 {
			require.Equal(t, want[i], e.Next(after).UTC(), "from anywhere, also from within the hour that comes twice")
		}
	})
}

func list(numbers []int) string {
	text := ""
	for i, n := range numbers {
		if i > 0 {
			text += ","
		}
		text += fmt.Sprint(n)
	}
	return text
}

// walk finds the firings within 36 hours of near: it looks at the clock each minute, and puts those readings that it
// never saw as much later as the clock was put forward.
func walk(near time.Time, minutes, hours []int) []time.Time {
	matches := func(wall time.Time) bool {
		return slices.Contains(minutes, wall.Minute()) && slices.Contains(hours, wall.Hour())
	}
	wall := func(t time.Time) time.Time {
		_, ahead := t.Zone()
		return t.UTC().Add(time.Duration(ahead) * time.Second)
	}
	found, seen := map[time.Time]bool{}, map[time.Time]bool{}
	last := wall(near.Add(-72*time.Hour - time.Minute))
	for at := near.Add(-72 * time.Hour); at.Before(near.Add(72 * time.Hour)); at = at.Add(time.Minute) {
		now := wall(at)
		for skipped := last.Add(time.Minute); skipped.Before(now); skipped = skipped.Add(time.Minute) {
			if matches(skipped) && !seen[skipped] {
				found[at.UTC().Add(skipped.Sub(last.Add(time.Minute)))] = true
			}
		}
		if matches(now) && !seen[now] {
			found[at.UTC()] = true
		}
		seen[now], last = true, now
	}
	var all []time.Time
	for at := range found {
		if at.After(near.Add(-36*time.Hour)) && at.Before(near.Add(36*time.Hour)) {
			all = append(all, at)
		}
	}
	slices.SortFunc(all, time.Time.Compare)
	return all
}
