package payment_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"duly/internal/payment"
)

func zone(t rapid.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	require.NoError(t, err)
	return z
}

func TestDaysAsTheZoneHasThem(t *testing.T) {
	for _, c := range []struct {
		zone       string
		date       payment.Date
		from, till string
	}{
		{"UTC", payment.NewDate(2026, time.January, 31), "2026-01-31T00:00:00Z", "2026-02-01T00:00:00Z"},
		{"Asia/Seoul", payment.NewDate(2026, time.January, 31), "2026-01-30T15:00:00Z", "2026-01-31T15:00:00Z"},
		{"America/New_York", payment.NewDate(2026, time.March, 8), "2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z"},    // 23 h
		{"America/New_York", payment.NewDate(2026, time.November, 1), "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z"}, // 25 h
		{"Europe/Berlin", payment.NewDate(2026, time.March, 29), "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"},
		{"Europe/Berlin", payment.NewDate(2026, time.October, 25), "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"},
		{"Africa/Cairo", payment.NewDate(2026, time.April, 24), "2026-04-23T22:00:00Z", "2026-04-24T21:00:00Z"},     // begins at 01:00
		{"America/Havana", payment.NewDate(2026, time.November, 1), "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z"}, // midnight twice
		{"Pacific/Kiritimati", payment.NewDate(2026, time.January, 1), "2025-12-31T10:00:00Z", "2026-01-01T10:00:00Z"},
		{"Pacific/Apia", payment.NewDate(2011, time.December, 30), "2011-12-30T10:00:00Z", "2011-12-30T10:00:00Z"}, // left out
	} {
		w := c.date.In(zone(t, c.zone))
		require.Equal(t, []string{c.from, c.till}, []string{w.From.Format(time.RFC3339), w.To.Format(time.RFC3339)}, "%s in %s", c.date, c.zone)
	}
}

// Every instant lies in exactly the day that clocks show at it, and days leave nothing out.
func TestEveryInstantIsInItsDay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		z := zone(t, rapid.SampledFrom([]string{"UTC", "Asia/Seoul", "America/New_York", "Europe/Berlin", "Africa/Cairo", "America/Havana", "Australia/Lord_Howe"}).Draw(t, "zone"))
		from := time.Date(2010, time.January, 1, 0, 0, 0, 0, time.UTC).Unix()
		at := time.Unix(rapid.Int64Range(from, from+20*365*86400).Draw(t, "at"), 0)
		day := payment.DateOf(at.In(z))
		w := day.In(z)
		require.False(t, at.Before(w.From), "%s before %s", at, w.From)
		require.True(t, at.Before(w.To), "%s not before %s", at, w.To)
		require.Equal(t, w.To, (day + 1).In(z).From)
		require.Equal(t, day, payment.DateOf(w.From.In(z)))
	})
}
