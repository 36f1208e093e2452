package main

import (
	"context"
	"errors"
	"fmt"

	"duly/bench/provider"
	"duly/bench/tuned"
	"duly/jobs"
)

const (
	processorRows   = 50_000
	processorTarget = 1.5
)

// workerTime is B10: the processor time of the worker beside that of a client that does nothing but post the same bodies.
func workerTime(ctx context.Context, l *lab) ([]row, error) {
	if err := l.build(ctx); err != nil {
		return nil, err
	}
	n := l.size(processorRows)
	var ours, theirs []float64
	for range l.rounds {
		bare, err := l.bareRound(ctx, n)
		if err != nil {
			return nil, err
		}
		own, err := l.processorRound(ctx, n)
		if err != nil {
			return nil, err
		}
		ours, theirs = append(ours, own), append(theirs, bare)
		l.say("  for 1,000 charges: %.1f ms, a bare client %.1f ms", own, bare)
	}
	return []row{{
		what:     fmt.Sprintf("processor time of the worker for 1,000 charges, of %d over HTTP", n),
		figure:   fmt.Sprintf("%.1f ms", median(ours)),
		baseline: fmt.Sprintf("%.1f ms by a bare client", median(theirs)),
		ratio:    median(ours) / median(theirs),
		rounds:   ratios(ours, theirs),
		target:   target{atMost: true, limit: processorTarget},
		notes: []string{fmt.Sprintf(
			"User and system time of the whole process, its start included: `duly run billing`, and a Go program that posts the same bodies over %d connections and reads the answers. The simulator, without latency, is another process.",
			tuned.Workers)},
	}}, nil
}

func (l *lab) bareRound(ctx context.Context, n int) (float64, error) {
	sim, err := (&lab{programs: l.programs, gateway: provider.Default}).simulate(ctx) // the client posts the bodies of httpapi
	if err != nil {
		return 0, err
	}
	defer sim.stop()
	bare, err := l.baseline(ctx, baselineBare, "-url", sim.url, "-charges", fmt.Sprint(n))
	if err != nil {
		return 0, err
	}
	took, err := l.timed(bare)
	return thousand(took, n), err
}

func (l *lab) processorRound(ctx context.Context, n int) (figure float64, err error) {
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
	took, err := l.timed(l.duly(ctx, s, sim.url, jobs.BillingJob, sameSlots()))
	if err != nil {
		return 0, err
	}
	return thousand(took, n), s.paid(ctx, n)
}

// sameSlots is the setting by which duly has as many requests open at once as the baselines.
func sameSlots() string { return fmt.Sprintf("DULY_GATEWAYS_MAIN_PARALLELISM=%d", tuned.Workers) }

// thousand is the processor time for 1,000 of n charges, in ms.
func thousand(took spent, n int) float64 { return took.processor.Seconds() * 1e6 / float64(n) }
