package simulator

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

func (d Slowdown) check() error {
	if d.After < 0 || d.AfterCharges < 0 || d.Factor < 0 || d.Knee < 0 {
		return errors.New("slowdown: after, after_charges, factor and knee must not be negative")
	}
	return nil
}

// begun reports whether the gateway is slower now.
func (d Slowdown) begun(since time.Duration, charges int) bool {
	return d.After > 0 && since >= d.After || d.AfterCharges > 0 && charges >= d.AfterCharges
}

// stretch is by how much the latency of a request is multiplied that arrives as one of open. Beyond the knee it grows
// with the square of their number, so that the gateway serves fewer a second the more it is sent at once.
func (c *Config) stretch(since time.Duration, charges, open int) float64 {
	factor, knee := 1.0, c.Knee
	if c.Slowdown.begun(since, charges) {
		if c.Slowdown.Factor > 0 {
			factor = c.Slowdown.Factor
		}
		if c.Slowdown.Knee > 0 {
			knee = c.Slowdown.Knee
		}
	}
	if knee > 0 && open > knee {
		factor *= math.Pow(float64(open)/float64(knee), 2)
	}
	return factor
}
