package main

import (
	"context"
	"errors"
	"fmt"

	"duly/jobs"
)

const (
	memoryMany = 2_000_000
	memoryFew  = 100_000
	memoryMax  = 48 << 20
)

// memory is B3: how much the worker holds does not depend on how much is due.
func memory(ctx context.Context, l *lab) ([]row, error) {
	if err := l.build(ctx); err != nil {
		return nil, err
	}
	sizes := []int{l.size(memoryFew), l.size(memoryMany)}
	peaks := make([][]float64, len(sizes))
	for range l.rounds {
		for i, n := range sizes {
			peak, err := l.memoryRound(ctx, n)
			if err != nil {
				return nil, err
			}
			peaks[i] = append(peaks[i], float64(peak))
			l.say("  %d due: %s at its peak", n, mebibytes(float64(peak)))
		}
	}
	few, many := median(peaks[0]), median(peaks[1])
	return []row{{
		what:     fmt.Sprintf("flat memory, %d ÷ %d due", sizes[1], sizes[0]),
		figure:   mebibytes(many),
		baseline: mebibytes(few),
		ratio:    many / few,
		rounds:   ratios(peaks[1], peaks[0]),
		target:   target{atMost: true, limit: 1.1, also: "< 48 MiB", failed: many >= memoryMax},
		notes:    []string{"Peak resident size (VmHWM) of a `duly run billing` process of its own with the default configuration; the simulator, without latency, is another process."},
	}}, nil
}

func mebibytes(n float64) string { return fmt.Sprintf("%.1f MiB", n/(1<<20)) }

func (l *lab) memoryRound(ctx context.Context, n int) (peak int64, err error) {
	s, err := l.schema(ctx, n)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.drop(ctx)) }()
	sim, err := l.simulate(ctx)
	if err != nil {
		return 0, err
	}
	defer sim.stop()
	return l.peak(ctx, s, sim.url, jobs.BillingJob)
}
