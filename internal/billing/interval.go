package billing

import "fmt"

// The units of an interval.
const (
	unitDay   = "day"
	unitWeek  = "week"
	unitMonth = "month"
	unitYear  = "year"
)

// maxCount bounds an interval: a longer one is a mistake, not a plan.
const maxCount = 1000

// Interval is how long a period lasts: Count times Unit, which is day, week, month or year.
type Interval struct {
	Unit  string
	Count int
}

// Validate says what is wrong with i, in words that an operator can act on.
func (i Interval) Validate() error {
	switch i.Unit {
	case unitDay, unitWeek, unitMonth, unitYear:
	default:
		return fmt.Errorf("interval_unit %q is not one of day, week, month, year", cut(i.Unit, MaxQuoted))
	}
	if i.Count < 1 || i.Count > maxCount {
		return fmt.Errorf("interval_count %d is not between 1 and %d", i.Count, maxCount)
	}
	return nil
}

// days is the length of a day or week interval; 0 for the others, whose length depends on the calendar.
func (i Interval) days() int {
	switch i.Unit {
	case unitDay:
		return i.Count
	case unitWeek:
		return 7 * i.Count
	}
	return 0
}

// months is the length of a month or year interval; 0 for the others.
func (i Interval) months() int {
	switch i.Unit {
	case unitMonth:
		return i.Count
	case unitYear:
		return 12 * i.Count
	}
	return 0
}

// ByMonth reports whether periods begin on a day of the month.
func (i Interval) ByMonth() bool { return i.months() > 0 }
