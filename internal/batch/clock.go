package batch

import "time"

// Since is how much time has passed from then to now: the larger of what the wall clock and the monotonic
// clock say. One stops while the machine is suspended, the other can be set back.
func Since(then, now time.Time) time.Duration {
	return max(now.Sub(then), now.Round(0).Sub(then.Round(0)))
}
