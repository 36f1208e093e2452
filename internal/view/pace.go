package view

import (
	"duly/internal/runs"
)

func PaceOf(c runs.Control) (parallelism int, rate float64) {
	if c.Throttle == nil {
		return 0, 0
	}
	return c.Throttle.Parallelism, c.Throttle.Rate
}

// Pace is what a throttle comes to.
func Pace(c runs.Control) string {
	parallelism, rate := PaceOf(c)
	return runs.Throttle{Parallelism: parallelism, Rate: rate}.Pace()
}
