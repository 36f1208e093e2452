package report

import (
	"regexp"
	"time"
)

const (
	dayOf = "2 Jan 2006"
	clock = "15:04:05"
)

// longDate writes 2026-01-31 as 31 January 2026.
func longDate(date string) string { return dateAs(date, "2 January 2006") }

// shortDate writes 2026-01-31 as 31 Jan.
func shortDate(date string) string { return dateAs(date, "2 Jan") }

func dateAs(date, layout string) string {
	d, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return date
	}
	return d.Format(layout)
}

// dated is noon of a date; the zero time if it is none.
func dated(date string) time.Time {
	d, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return time.Time{}
	}
	return d.Add(12 * time.Hour)
}

// instant writes a time in the zone of the page, which the page names once.
func instant(t time.Time, zone *time.Location) string {
	return t.In(zone).Format(dayOf + " " + clock)
}

// brief writes a time in the zone of the page, without the year if near is in the same one.
func brief(t, near time.Time, zone *time.Location) string {
	if t.In(zone).Year() != near.In(zone).Year() {
		return instant(t, zone)
	}
	return t.In(zone).Format("2 Jan " + clock)
}

// utcTimes are times of day in UTC, with or without a date, as reasons and what is left for a later run contain them.
var utcTimes = regexp.MustCompile(`(\d{4}-\d{2}-\d{2}[ T])?\d{2}:\d{2}:\d{2}(?: UTC|Z)`)

// localTimes writes the UTC times of a text in the zone of the page. A time without a date is the next one after the text was
// written, at about latest.
func localTimes(s string, latest time.Time, zone *time.Location) string {
	return utcTimes.ReplaceAllStringFunc(s, func(found string) string {
		for _, layout := range []string{"2006-01-02 15:04:05 UTC", "2006-01-02T15:04:05Z"} {
			if t, err := time.Parse(layout, found); err == nil {
				return brief(t, latest, zone)
			}
		}
		of, err := time.Parse("15:04:05 UTC", found)
		if err != nil {
			return found
		}
		day := latest.UTC().Truncate(24 * time.Hour)
		t := day.Add(of.Sub(of.Truncate(24 * time.Hour)))
		if t.Before(latest.Add(-time.Hour)) {
			t = t.AddDate(0, 0, 1)
		}
		if t.In(zone).Format(dayOf) == latest.In(zone).Format(dayOf) {
			return t.In(zone).Format(clock)
		}
		return brief(t, latest, zone)
	})
}
