package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	pretty "github.com/jedib0t/go-pretty/v6/text"

	"duly/internal/payment"
	"duly/internal/text"
)

// Item writes a line of parts, joined by " · ", behind a label that is padded to the width of the column. What does not fit goes on
// below, behind the label. A part that is a command stays in one piece.
func (s *Screen) Item(label string, column int, parts ...string) {
	parts = slices.DeleteFunc(parts, func(part string) bool { return part == "" })
	for i, part := range parts {
		parts[i] = text.Finished(part)
	}
	width := s.columns(s.Out)
	begin := fmt.Sprintf("%-*s", column, label)
	indent := strings.Repeat(" ", max(column, 2))
	var lines []string
	line := begin
	for i, part := range parts {
		joined := line + part
		if i > 0 {
			joined = line + " · " + part
		}
		if i > 0 && width > 0 && pretty.StringWidth(joined) > width {
			lines = append(lines, line)
			joined = indent + part
		}
		line = joined
	}
	for _, l := range append(lines, line) {
		l = s.Symbols(strings.TrimRight(l, " "))
		if width > 0 {
			l = wrapAt(l, width, len(indent))
		}
		fmt.Fprintln(s.Out, l)
	}
}

// Calendar writes days and instants for people, in the time zone of the business.
type Calendar struct {
	Zone  *time.Location
	today payment.Date
}

// NewCalendar is the calendar of a screen of now, in the time zone of the business.
func NewCalendar(now time.Time, zone *time.Location) Calendar {
	return CalendarOn(payment.DateOf(now.In(zone)), zone)
}

// CalendarOn is the calendar of a screen on a day.
func CalendarOn(day payment.Date, zone *time.Location) Calendar { return Calendar{zone, day} }

// Day writes 28 Nov, with its year where that is not this one.
func (c Calendar) Day(d payment.Date) string {
	if !d.Valid() {
		return d.String()
	}
	year, _, _ := d.Split()
	if this, _, _ := c.today.Split(); year == this {
		return d.Time().Format("2 Jan")
	}
	return d.Time().Format("2 Jan 2006")
}

// On is the day of an instant.
func (c Calendar) On(t time.Time) string { return c.Day(payment.DateOf(t.In(c.Zone))) }

// At writes 11:07, with the day where that is not today.
func (c Calendar) At(t time.Time) string {
	clock := t.In(c.Zone).Format("15:04")
	if day := payment.DateOf(t.In(c.Zone)); day != c.today {
		return c.Day(day) + " " + clock
	}
	return clock
}

// Header is what begins a screen: the moment, and in which zone its times are.
func (c Calendar) Header(now time.Time) []string {
	return []string{now.In(c.Zone).Format("2 Jan 2006 15:04"), "times in " + c.Zone.String()}
}

// Lasting writes how long something has lasted in its largest unit: 32s, 3m, 5h, 2d.
func Lasting(d time.Duration) string {
	switch d = max(d, 0); {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}

// Rounded writes 25s, 1m20s and 12m.
func Rounded(d time.Duration) string {
	if d%time.Minute == 0 {
		return strings.TrimSuffix(d.String(), "0s")
	}
	return d.String()
}
