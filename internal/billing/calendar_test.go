package billing_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/billing"
	"duly/internal/payment"
	"duly/internal/test/sample"
)

// monthOf is a month of the oracle's calendar: the number of its first day, and its length.
type monthOf struct{ first, days int }

// countedMonths counts 400 years of months by hand, day by day from 1 January 2000, which is day 730120.
func countedMonths() []monthOf {
	lengths := [12]int{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}
	months, next := []monthOf{}, 730120
	for year := 2000; year <= 2400; year++ {
		for m, days := range lengths {
			if m == 1 && (year%4 == 0 && year%100 != 0 || year%400 == 0) {
				days++
			}
			months = append(months, monthOf{next, days})
			next += days
		}
	}
	return months
}

func (m monthOf) date(anchor int) payment.Date {
	return payment.Date(m.first + min(anchor, m.days) - 1)
}

func TestFollowingKeepsTheAnchorFor400Years(t *testing.T) {
	months := countedMonths()
	for _, i := range []billing.Interval{
		sample.Monthly(), {Unit: "month", Count: 5}, {Unit: "month", Count: 12}, {Unit: "year", Count: 1}, {Unit: "year", Count: 3},
	} {
		step := i.Count
		if i.Unit == "year" {
			step *= 12
		}
		for anchor := 1; anchor <= 31; anchor++ {
			for start := range min(step, 12) { // from every month that there is a way through
				stored, at := 0, months[start].date(anchor)
				if months[start].days >= anchor {
					stored = billing.Anchor(at, stored, i)
				} else {
					stored = anchor
				}
				for k := start + step; k < len(months); k += step {
					next := billing.Following(at, billing.Anchor(at, stored, i), i)
					if want := months[k].date(anchor); next != want {
						t.Fatalf("every %d %s on day %d: after %s comes %s, not %s", i.Count, i.Unit, anchor, at, want, next)
					}
					at = next
				}
			}
		}
	}
}

func TestFollowing(t *testing.T) {
	for _, c := range []struct {
		name, from string
		anchor     int
		unit       string
		count      int
		want       string
	}{
		{"the 31st goes to the end of February", "2026-01-31", 31, "month", 1, "2026-02-28"},
		{"and comes back in March", "2026-02-28", 31, "month", 1, "2026-03-31"},
		{"the 30th comes back to the 30th", "2026-02-28", 30, "month", 1, "2026-03-30"},
		{"a leap February", "2028-01-31", 31, "month", 1, "2028-02-29"},
		{"2100 is no leap year", "2100-01-31", 31, "month", 1, "2100-02-28"},
		{"over the end of a year", "2026-12-31", 31, "month", 2, "2027-02-28"},
		{"quarters", "2026-11-30", 30, "month", 3, "2027-02-28"},
		{"29 February a year on", "2028-02-29", 29, "year", 1, "2029-02-28"},
		{"still 28 February", "2030-02-28", 29, "year", 1, "2031-02-28"},
		{"29 February in the next leap year", "2031-02-28", 29, "year", 1, "2032-02-29"},
		{"28 February stays in leap years", "2031-02-28", 28, "year", 1, "2032-02-28"},
		{"days", "2026-02-28", 28, "day", 10, "2026-03-10"},
		{"weeks", "2026-12-28", 28, "week", 2, "2027-01-11"},
		{"the last day there is", "9999-12-30", 30, "day", 1, "9999-12-31"},
		{"days past the last", "9999-12-31", 31, "day", 1, none},
		{"months past the last", "9999-12-31", 31, "month", 1, none},
		{"the last month there is", "9999-11-30", 31, "month", 1, "9999-12-31"},
		{"years past the last", "9999-01-01", 1, "year", 1, none},
		{"far past the last", "2026-01-31", 31, "year", 999, "3025-01-31"},
		{"an unknown unit", "2026-01-31", 31, "fortnight", 1, none},
		{"no length", "2026-01-31", 31, "month", 0, none},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := billing.Following(sample.Day(c.from), c.anchor, billing.Interval{Unit: c.unit, Count: c.count})
			require.Equal(t, c.want, got.String())
		})
	}
}

func TestAnchor(t *testing.T) {
	for _, c := range []struct {
		name, next string
		stored     int
		unit       string
		want       int
	}{
		{"none is stored yet", "2026-01-31", 0, "month", 31},
		{"the stored day", "2026-03-30", 30, "month", 30},
		{"the end of February stands for the 31st", "2026-02-28", 31, "month", 31},
		{"and for the 29th", "2026-02-28", 29, "month", 29},
		{"but not in a leap year", "2028-02-28", 31, "month", 28},
		{"30 April stands for the 31st", "2026-04-30", 31, "month", 31},
		{"moved to an earlier day", "2026-04-15", 31, "month", 15},
		{"moved to a later day", "2026-04-30", 15, "month", 30},
		{"moved off a day that the month has", "2026-03-28", 31, "month", 28},
		{"years", "2027-02-28", 29, "year", 29},
		{"a stored day that is none", "2026-02-28", 99, "month", 28},
		{"weeks have none", "2026-02-28", 31, "week", 28},
		{"nor have days", "2026-02-28", 31, "day", 28},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.want, billing.Anchor(sample.Day(c.next), c.stored, billing.Interval{Unit: c.unit, Count: 1}))
		})
	}
}

func TestIntervalValidate(t *testing.T) {
	for _, c := range []struct {
		i    billing.Interval
		want string
	}{
		{billing.Interval{Unit: "day", Count: 1}, ""},
		{billing.Interval{Unit: "week", Count: 2}, ""},
		{billing.Interval{Unit: "month", Count: 1000}, ""},
		{billing.Interval{Unit: "year", Count: 1}, ""},
		{billing.Interval{Unit: "Month", Count: 1}, `interval_unit "Month" is not one of day, week, month, year`},
		{billing.Interval{Count: 1}, `interval_unit "" is not one of day, week, month, year`},
		{billing.Interval{Unit: "month"}, "interval_count 0 is not between 1 and 1000"},
		{billing.Interval{Unit: "month", Count: -1}, "interval_count -1 is not between 1 and 1000"},
		{billing.Interval{Unit: "day", Count: 1001}, "interval_count 1001 is not between 1 and 1000"},
	} {
		err := c.i.Validate()
		if c.want == "" {
			require.NoError(t, err, c.i)
			continue
		}
		require.EqualError(t, err, c.want)
	}
}
