package main

import (
	"duly/internal/runs"
)

func paceOf(c runs.Control) (parallelism int, rate float64) {
	if c.Throttle == nil {
		return 0, 0
	}
	return c.Throttle.Parallelism, c.Throttle.Rate
}

// pace is what a throttle comes to.
func pace(c runs.Control) string {
	parallelism, rate := paceOf(c)
	return runs.Throttle{Parallelism: parallelism, Rate: rate}.Pace()
}
