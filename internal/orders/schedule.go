package orders

import "time"

// Later is how long an order waits for its next check after it was checked that often without a decision,
// this check included: 10 minutes, 30 minutes, 1 hour, then 6 hours.
func Later(checks int) time.Duration {
	waits := [...]time.Duration{10 * time.Minute, 30 * time.Minute, time.Hour}
	return scheduled(waits[:], checks)
}

// RefundSchedule is how long a refund that was tried that often, this try included, waits for the next one:
// 1, 5 and 15 minutes, 1 hour, then 6 hours, for as long as it takes.
func RefundSchedule(tries int) time.Duration {
	waits := [...]time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour}
	return scheduled(waits[:], tries)
}

// scheduled is the wait after the nth time, counted from 1; after the last of waits it is 6 hours.
func scheduled(waits []time.Duration, n int) time.Duration {
	n = max(n, 1) - 1
	if n < len(waits) {
		return waits[n]
	}
	return 6 * time.Hour
}

// refundPatience is how long a refund may take before somebody is told.
const refundPatience = 24 * time.Hour

// RefundOverdue reports whether a refund that is due since then is told of as overdue. It stays in the queue.
func RefundOverdue(since, now time.Time) bool { return now.Sub(since) > refundPatience }
