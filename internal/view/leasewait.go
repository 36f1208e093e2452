package view

import (
	"fmt"
	"time"

	"duly/internal/batch"
	"duly/internal/cli"
)

// LeaseWait says whose lease a step waits for, and for how long at most; empty for none. now is of the clock that w's instants are of.
func LeaseWait(w batch.LeaseWait, now time.Time) string {
	if w.Run == 0 {
		return ""
	}
	return fmt.Sprintf("waiting up to %s for the lease of run %d (%s, %s)", UpTo(w.Until.Sub(now)), w.Run, w.Host, LastHeartbeat(w.Beat, now))
}

// UpTo writes a time that is left, in whole seconds that are not too few.
func UpTo(d time.Duration) string {
	return cli.Took((max(d, 0) + time.Second - 1).Truncate(time.Second))
}

// LastHeartbeat says how long ago a run gave a sign of life.
func LastHeartbeat(beat, now time.Time) string {
	return "last heartbeat " + cli.Took(max(now.Sub(beat), 0).Truncate(time.Second)) + " ago"
}
