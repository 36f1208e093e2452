package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"duly/config"
)

// throttleFlags are the flags of `duly throttle`.
type throttleFlags struct{ parallelism, rate, reason string }

// read is the pace that was asked for; nil for what was not given, 0 for none.
func (f throttleFlags) read() (parallelism *int, rate *float64, err error) {
	var found []error
	if f.parallelism == "" && f.rate == "" {
		found = append(found, errors.New("say the pace: --parallelism 5, --rate 20/s, or none"))
	}
	if f.parallelism != "" {
		n := 0
		if f.parallelism != "none" {
			if n, err = strconv.Atoi(f.parallelism); err != nil || n < 1 {
				found = append(found, fmt.Errorf("--parallelism: %q is neither a whole number from 1 nor none; `duly stop` and `duly pause` hold all of it", f.parallelism))
			}
		}
		parallelism = &n
	}
	if f.rate != "" {
		n, err := config.ParseRate(f.rate)
		switch {
		case err != nil:
			found = append(found, fmt.Errorf("--rate: %w", err))
		case n == 0 && strings.TrimSpace(f.rate) != "none":
			found = append(found, fmt.Errorf("--rate: %q is no pace: `duly stop` and `duly pause` hold all of it; none gives it back", f.rate))
		}
		rate = &n
	}
	return parallelism, rate, errors.Join(found...)
}
