// Package sum adds amounts of money, in minor units, up to the largest that an int64 holds: a sum that is too large is shown
// as that and never as a negative one, which the built-in addition would make of it.
package sum

import "math"

// Add is a + b, or the nearest number that an int64 holds.
func Add(a, b int64) int64 {
	switch {
	case b > 0 && a > math.MaxInt64-b:
		return math.MaxInt64
	case b < 0 && a < math.MinInt64-b:
		return math.MinInt64
	}
	return a + b
}
