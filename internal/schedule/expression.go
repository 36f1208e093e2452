package schedule

import (
	"time"

	"github.com/robfig/cron/v3"
)

// Expression is a cron expression in a time zone. It is safe for concurrent use.
//
// Every reading of the clock that it names comes once on every day that it is for. Where the clock is put forward
// over a reading, that reading comes as much later as the clock was put forward (02:30 at 03:30); where the clock
// is put back and shows a reading twice, the first counts. An expression for every hour goes by the time that
// passes instead: it follows the clock through both passes of an hour, and leaves out an hour that is not there.
type Expression struct {
	spec *cron.SpecSchedule
	zone *time.Location
}

// In puts a cron expression of clock readings (config.ParseCron) into a zone.
func In(spec *cron.SpecSchedule, zone *time.Location) Expression { return Expression{spec, zone} }

// everyHour has a bit for each hour of a day.
const everyHour = 1<<24 - 1

// Next is the first firing after an instant, in the expression's zone.
func (e Expression) Next(after time.Time) time.Time {
	after = after.In(e.zone)
	if e.spec.Hour&everyHour == everyHour {
		return e.passing(after)
	}
	wall := e.spec.Next(reading(after))
	next := e.instant(wall)
	for !next.After(after) { // its first pass is over
		wall = e.spec.Next(wall)
		next = e.instant(wall)
	}
	before, behind := after.ZoneBounds()
	for _, change := range []time.Time{before, behind} {
		if moved := e.moved(change, after, next); moved.Before(next) {
			next = moved
		}
	}
	return next
}

// passing is Next by the time that passes: within what is left before the next change of the clock, or behind it.
func (e Expression) passing(after time.Time) time.Time {
	for {
		_, end := after.ZoneBounds()
		next := at(e.spec.Next(reading(after)), offset(after)).In(e.zone)
		if end.IsZero() || next.Before(end) {
			return next
		}
		// From just before the change, by the clock as it is from then on.
		first := at(e.spec.Next(reading(end).Add(-time.Nanosecond)), offset(end)).In(e.zone)
		if _, further := end.ZoneBounds(); further.IsZero() || first.Before(further) {
			return first
		}
		after = end
	}
}

// moved is the first firing after an instant and before next that a change of the clock has put off, or that it
// has put behind one that it put off; next if there is none.
func (e Expression) moved(change, after, next time.Time) time.Time {
	if change.IsZero() {
		return next
	}
	early := offset(change.Add(-time.Nanosecond))
	gap := offset(change) - early
	if gap <= 0 || !after.Before(change.Add(gap)) || !next.After(change) {
		return next
	}
	from := at(change.UTC(), -early)
	for wall := e.spec.Next(from.Add(-time.Nanosecond)); wall.Before(from.Add(2 * gap)); wall = e.spec.Next(wall) {
		if t := e.instant(wall); t.After(after) && t.Before(next) {
			next = t
		}
	}
	return next
}

// Latest is the last firing up to an instant and of its day; false if there was none.
func (e Expression) Latest(now time.Time) (time.Time, bool) {
	year, month, day := now.In(e.zone).Date()
	at := e.Next(e.instant(time.Date(year, month, day, 0, 0, 0, 0, time.UTC)).Add(-time.Nanosecond))
	var latest time.Time
	for ; !at.After(now); at = e.Next(at) {
		latest = at
	}
	return latest, !latest.IsZero()
}

// instant is when the zone's clock shows a reading for the first time; or would, had it not been put forward.
func (e Expression) instant(wall time.Time) time.Time {
	year, month, day := wall.Date()
	t := time.Date(year, month, day, wall.Hour(), wall.Minute(), wall.Second(), 0, e.zone)
	start, _ := t.ZoneBounds()
	if shown := reading(t); shown.Before(wall) {
		return at(wall, offset(t)).In(e.zone) // t was counted by the clock as it is behind the change
	}
	if start.IsZero() {
		return t
	}
	early := at(wall, offset(start.Add(-time.Nanosecond))).In(e.zone)
	if early.Before(start) || reading(t).After(wall) {
		return early
	}
	return t
}

// reading is what the clock shows at an instant, as a time in UTC.
func reading(t time.Time) time.Time { return t.UTC().Add(offset(t)) }

// at is the instant at which a clock that is that far ahead of UTC shows a reading.
func at(wall time.Time, ahead time.Duration) time.Time { return wall.Add(-ahead) }

func offset(t time.Time) time.Duration {
	_, seconds := t.Zone()
	return time.Duration(seconds) * time.Second
}
