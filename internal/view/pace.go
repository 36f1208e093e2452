package view

import (
	"duly/internal/runs"
)

// PaceOf is what an instruction says of the pace: 0 for what it leaves as it is.
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
