package decide

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"duly/config"
)

// ThrottleFlags are the flags of `duly throttle`.
type ThrottleFlags struct{ Parallelism, Rate, Reason string }

// Read is the pace that was asked for; nil for what was not given, 0 for none.
func (f ThrottleFlags) Read() (parallelism *int, rate *float64, err error) {
	var found []error
	if f.Parallelism == "" && f.Rate == "" {
		found = append(found, errors.New("say the pace: --parallelism 5, --rate 20/s, or none"))
	}
	if f.Parallelism != "" {
		n := 0
		if f.Parallelism != "none" {
			if n, err = strconv.Atoi(f.Parallelism); err != nil || n < 1 {
				found = append(found, fmt.Errorf("--parallelism: %q is neither a whole number from 1 nor none; `duly stop` and `duly pause` hold all of it", f.Parallelism))
			}
		}
		parallelism = &n
	}
	if f.Rate != "" {
		n, err := config.ParseRate(f.Rate)
		switch {
		case err != nil:
			found = append(found, fmt.Errorf("--rate: %w", err))
		case n == 0 && strings.TrimSpace(f.Rate) != "none":
			found = append(found, fmt.Errorf("--rate: %q is no pace: `duly stop` and `duly pause` hold all of it; none gives it back", f.Rate))
		}
		rate = &n
	}
	return parallelism, rate, errors.Join(found...)
}
