package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	pretty "github.com/jedib0t/go-pretty/v6/text"

	"duly/internal/payment"
	"duly/internal/text"
)

// item writes a line of parts, joined by " · ", behind a label that is padded to the width of the column. What does not fit goes on
// below, behind the label. A part that is a command stays in one piece.
func (s *Screen) item(label string, column int, parts ...string) {
	parts = slices.DeleteFunc(parts, func(part string) bool { return part == "" })
	for i, part := range parts {
		parts[i] = text.Finished(part)
	}
	width := s.columns(s.out)
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
		l = s.symbols(strings.TrimRight(l, " "))
		if width > 0 {
			l = wrapAt(l, width, len(indent))
		}
		fmt.Fprintln(s.out, l)
	}
}

// calendar writes days and instants for people, in the time zone of the business.
type calendar struct {
	zone  *time.Location
	today payment.Date
}

// calendarOf is the calendar of a screen of now, in the time zone of the business.
func calendarOf(now time.Time, zone *time.Location) calendar {
	return calendar{zone, payment.DateOf(now.In(zone))}
}

// day writes 28 Nov, with its year where that is not this one.
func (c calendar) day(d payment.Date) string {
	if !d.Valid() {
		return d.String()
	}
	year, _, _ := d.Split()
	if this, _, _ := c.today.Split(); year == this {
		return d.Time().Format("2 Jan")
	}
	return d.Time().Format("2 Jan 2006")
}

// on is the day of an instant.
func (c calendar) on(t time.Time) string { return c.day(payment.DateOf(t.In(c.zone))) }

// at writes 11:07, with the day where that is not today.
func (c calendar) at(t time.Time) string {
	clock := t.In(c.zone).Format("15:04")
	if day := payment.DateOf(t.In(c.zone)); day != c.today {
		return c.day(day) + " " + clock
	}
	return clock
}

// header is what begins a screen: the moment, and in which zone its times are.
func (c calendar) header(now time.Time) []string {
	return []string{now.In(c.zone).Format("2 Jan 2006 15:04"), "times in " + c.zone.String()}
}

// lasting writes how long something has lasted in its largest unit: 32s, 3m, 5h, 2d.
func lasting(d time.Duration) string {
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

// rounded writes 25s, 1m20s and 12m.
func rounded(d time.Duration) string {
	if d%time.Minute == 0 {
		return strings.TrimSuffix(d.String(), "0s")
	}
	return d.String()
}
