package payment

import (
	"sort"
	"time"
)

// In is the span of d on the clocks of a zone, up to the first instant of the day after: 23 or 25 hours where
// clocks are changed, none for a day that the zone left out.
func (d Date) In(zone *time.Location) Window {
	return Window{From: d.begins(zone), To: (d + 1).begins(zone)}
}

// begins is the first instant at which a zone's calendar shows d or a later day. It is searched for: midnight
// does not exist everywhere every day, and elsewhere it comes twice.
func (d Date) begins(zone *time.Location) time.Time {
	const furthest = 16 * time.Hour // no zone is further from UTC
	earliest := d.Time().Add(-furthest)
	seconds := sort.Search(int(2*furthest/time.Second), func(i int) bool {
		return DateOf(earliest.Add(time.Duration(i)*time.Second).In(zone)) >= d
	})
	return earliest.Add(time.Duration(seconds) * time.Second)
}
