// Package pace says by how much a simulated gateway is slower than usual: the more calls are open at once past its knee, and from a moment
// in the run on.
package pace

import (
	"errors"
	"math"
	"time"
)

// Slowdown makes the gateway slower from a moment in the run on: once After has passed since the start, by the
// simulator's clock, or once AfterCharges charges have arrived, whichever comes first. The zero Slowdown never begins.
type Slowdown struct {
	After        time.Duration `json:"after"`
	AfterCharges int           `json:"after_charges"`
	// Factor multiplies the latency of every request; 0: as before.
	Factor float64 `json:"factor"`
	// Knee replaces Config.Knee; 0: as before.
	Knee int `json:"knee"`
}

// Check returns what is wrong with d.
func (d Slowdown) Check() error {
	if d.After < 0 || d.AfterCharges < 0 || d.Factor < 0 || d.Knee < 0 {
		return errors.New("slowdown: after, after_charges, factor and knee must not be negative")
	}
	return nil
}

// begun reports whether the gateway is slower now.
func (d Slowdown) begun(since time.Duration, charges int) bool {
	return d.After > 0 && since >= d.After || d.AfterCharges > 0 && charges >= d.AfterCharges
}

// Stretch is by how much the latency of a request is multiplied that arrives as one of open, so long since the start and after so many charges. Beyond the knee it grows
// with the square of their number, so that the gateway serves fewer a second the more it is sent at once. 0 is no knee.
func Stretch(knee int, slow Slowdown, since time.Duration, charges, open int) float64 {
	factor := 1.0
	if slow.begun(since, charges) {
		if slow.Factor > 0 {
			factor = slow.Factor
		}
		if slow.Knee > 0 {
			knee = slow.Knee
		}
	}
	if knee > 0 && open > knee {
		factor *= math.Pow(float64(open)/float64(knee), 2)
	}
	return factor
}
