package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"duly/bench/provider"
	"duly/bench/record"
	"duly/internal/gateway/simulator"
	"duly/internal/gateway/simulator/core"
	"duly/jobs"
)

const (
	slotRows    = 20_000
	slotsInUse  = 64
	slotMedian  = 150 * time.Millisecond
	slotP99     = 1200 * time.Millisecond
	slotTimeout = 30 * time.Second
	slotSeed    = 1
)

// slots is B1: while there is work, every gateway slot has a request in it.
func slots(ctx context.Context, l *lab) ([]row, error) {
	n := l.size(slotRows)
	var shares, whole []float64
	var service, wall, least []float64
	for range l.rounds {
		done, served, best, err := l.slotRound(ctx, n)
		if err != nil {
			return nil, err
		}
		collect := done.steps[jobs.StepCollect]
		share := served.Seconds() / (slotsInUse * collect.Seconds())
		shares = append(shares, share)
		whole = append(whole, served.Seconds()/(slotsInUse*done.took.Seconds()))
		service, wall = append(service, served.Seconds()), append(wall, collect.Seconds())
		least = append(least, best)
		l.say("  %.1f s of service in %.1f s of collecting, %.1f s in all: %.3f", served.Seconds(), collect.Seconds(), done.took.Seconds(), share)
	}
	return []row{{
		what:     fmt.Sprintf("gateway slots stay busy, %d invoices", n),
		figure:   fmt.Sprintf("%.0f s of service", median(service)),
		baseline: fmt.Sprintf("%d slots × %.1f s", slotsInUse, median(wall)),
		ratio:    median(shares),
		rounds:   shares,
		target:   target{limit: 0.98},
		notes: []string{
			fmt.Sprintf("Simulator over loopback HTTP, log-normal latency (median %s, 99th percentile %s), parallelism %d. Service time is from a request's arrival at the simulator to its answer; the wall is the collect step's, from its first claim to its last commit.",
				slotMedian, slotP99, slotsInUse),
			fmt.Sprintf("At the end of the step slots stand empty while the slowest requests finish; of the wall of the whole run, with issuing, it is %.3f. With these latencies, in this order, on slots that lose no time between two requests, it is %.3f at most.", median(whole), median(least)),
		},
	}}, nil
}

// slotRound also returns the share of slots that no program can exceed with the latencies that it met.
func (l *lab) slotRound(ctx context.Context, n int) (done worked, served time.Duration, best float64, err error) {
	s, err := l.schema(ctx, n)
	if err != nil {
		return done, 0, 0, err
	}
	defer func() { err = errors.Join(err, s.drop(ctx)) }()
	latency := simulator.Latency{Median: slotMedian, P99: slotP99}
	sim, err := simulator.Speak(l.gateway, simulator.Config{Token: gatewayToken, Seed: slotSeed, Latency: latency, Now: l.now})
	if err != nil {
		return done, 0, 0, err
	}
	url, stop, err := serve(ctx, sim)
	if err != nil {
		return done, 0, 0, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	client, err := provider.Adapter(l.gateway, url, gatewayToken, slotsInUse, l.now)
	if err != nil {
		return done, 0, 0, err
	}
	if done, err = (worker{gateway: client, parallelism: slotsInUse, chunkSize: costChunk}).bill(ctx, s); err != nil {
		return done, 0, 0, err
	}
	var keys []string
	if err := s.SelectContext(ctx, &keys, "SELECT idempotency_key FROM payment_attempts ORDER BY id"); err != nil {
		return done, 0, 0, fmt.Errorf("read the keys: %w", err)
	}
	drawn, sum := make([]time.Duration, len(keys)), time.Duration(0)
	for i, key := range keys {
		drawn[i] = latency.Draw(slotSeed, core.OpCreate+" "+key, 1)
		sum += drawn[i]
	}
	return done, sim.Stats().ServiceTime, sum.Seconds() / (slotsInUse * record.Schedule(slotsInUse, drawn).Seconds()), nil
}
