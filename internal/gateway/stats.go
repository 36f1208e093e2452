package gateway

import (
	"time"

	"duly/internal/payment"
)

// Stats counts what was asked of a gateway.
type Stats struct {
	// Charges counts the requests that moved money or meant to, by what came back.
	Charges map[payment.Kind]int64
	// LookUps counts the requests that only asked.
	LookUps int64
	// Misconfigured counts the requests, look-ups included, that refused our credentials: the run has failed.
	Misconfigured int64
	// Retries counts those of both that were not the first of their call.
	Retries int64
	// Openings counts how often the circuit opened, half-open probes that failed included.
	Openings int64
	// Latency is the time that all these requests took together.
	Latency time.Duration
}

// Requests is the number of all requests.
func (s Stats) Requests() int64 {
	n := s.LookUps
	for _, count := range s.Charges {
		n += count
	}
	return n
}
