package leasewait

import (
	"fmt"
	"time"

	"duly/internal/query"
	"duly/internal/text"
)

// Claims says in a line whose claims o has and from when they are free, in the time of a zone. thing is what is claimed. lives: the run has
// shown that it lives.
func Claims(o query.Owner, thing string, lives bool, now time.Time, zone *time.Location) string {
	things, be, them := text.Plural(o.Claimed, thing), "are", "they are"
	if o.Claimed == 1 {
		be, them = "is", "it is"
	}
	free := o.FreeAt()
	at := MinuteAfter(free).In(zone).Format("15:04")
	switch {
	case lives:
		return fmt.Sprintf("run %d is live and has claimed %s", o.ID, things)
	case !free.After(now):
		return fmt.Sprintf("run %d died; its %s %s free", o.ID, things, be)
	case Silent(o.Beat, time.Duration(o.LeaseMS)*time.Millisecond, now):
		return fmt.Sprintf("run %d died; its %s %s free at %s", o.ID, things, be, at)
	}
	return fmt.Sprintf("run %d (%s, last heartbeat %s ago) has claimed %s; if it is dead, %s free at %s",
		o.ID, o.Host, max(now.Sub(o.Beat), 0).Truncate(time.Second), things, them, at)
}

// Silent reports whether a run is shown as dead: half of its lease, which is several heartbeats long, has passed since the heartbeat at
// beat. It keeps its claims until the whole lease has passed.
func Silent(beat time.Time, lease time.Duration, now time.Time) bool { return now.Sub(beat) > lease/2 }

// MinuteAfter is the first full minute after t.
func MinuteAfter(t time.Time) time.Time {
	return t.Add(time.Minute - time.Nanosecond).Truncate(time.Minute)
}
