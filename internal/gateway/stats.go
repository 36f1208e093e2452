package gateway

import (
	"time"

	"duly/internal/payment"
)

// Stats counts what was asked of a gateway.
type Stats struct {
	// Charges counts the requests that moved money or meant to, by what came back.
	Charges map[payment.Kind]int64
	// LookUps counts the requests that asked for one payment.
	LookUps int64
	// Listings counts the requests for a page of payments.
	Listings int64
	// Cancels and Refunds count the requests that changed a payment or meant to.
	Cancels int64
	Refunds int64
	// Misconfigured counts the requests of any kind that refused our credentials: the run has failed.
	Misconfigured int64
	// Retries counts the requests that were not the first of their call.
	Retries int64
	// Openings counts how often the circuit opened, half-open probes that failed included.
	Openings int64
	// Latency is the time that all these requests took together.
	Latency time.Duration
	// Times are the latencies of all these requests.
	Times Histogram
}

// Requests is the number of all requests.
func (s Stats) Requests() int64 {
	n := s.LookUps + s.Listings + s.Cancels + s.Refunds
	for _, count := range s.Charges {
		n += count
	}
	return n
}
