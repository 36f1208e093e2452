package main

import (
	"context"
	"fmt"
	"os/exec"
	"time"

	"duly/bench/inprocess"
	"duly/bench/tuned"
	"duly/internal/payment"
	"duly/jobs"
)

const (
	tunedRows   = 100_000
	tunedTarget = 1.3
)

// againstTuned is B11: the whole run beside the tuned job, with a gateway in the process and over HTTP.
func againstTuned(ctx context.Context, l *lab) ([]row, error) {
	n := l.size(tunedRows)
	if err := l.build(ctx); err != nil {
		return nil, err
	}
	inside, err := l.tunedInside(ctx, n)
	if err != nil {
		return nil, err
	}
	overHTTP, err := l.tunedOverHTTP(ctx, n)
	if err != nil {
		return nil, err
	}
	return []row{overHTTP, inside}, nil
}

func (l *lab) tunedInside(ctx context.Context, n int) (row, error) {
	ours := &side{name: "duly", chunk: costChunk, run: func(ctx context.Context, s *schema) (time.Duration, error) {
		done, err := worker{gateway: inprocess.Instant{}, parallelism: tuned.Workers, chunkSize: costChunk}.bill(ctx, s)
		return done.took, err
	}}
	theirs := &side{name: "the tuned job", chunk: tuned.Chunk, run: func(ctx context.Context, s *schema) (time.Duration, error) {
		begun := l.now()
		err := runTuned(ctx, s.dsn(), l.today(), atOnce)
		return l.now().Sub(begun), err
	}}
	if err := l.inTurn(ctx, []*side{theirs, ours}, n, noLeases); err != nil {
		return row{}, err
	}
	return row{
		what:     fmt.Sprintf("in the process against the tuned job, %d due", n),
		figure:   perSecond(median(ours.rates)),
		baseline: perSecond(median(theirs.rates)) + " by the tuned job",
		ratio:    median(ours.rates) / median(theirs.rates),
		rounds:   ratios(ours.rates, theirs.rates),
		target:   target{limit: tunedTarget},
		notes: []string{
			fmt.Sprintf("In the process: a gateway that answers at once, %d requests open, chunks of %d on both sides. Rounds: %s; the tuned job %s.", tuned.Workers, tuned.Chunk, ours, theirs),
		},
	}, nil
}

// atOnce is the gateway of the tuned job that [inprocess.Instant] is of ours.
func atOnce(ctx context.Context, c payment.Charge) (string, error) {
	o := inprocess.Instant{}.Charge(ctx, c)
	return o.PaymentID, nil
}

func (l *lab) tunedOverHTTP(ctx context.Context, n int) (row, error) {
	var ourTime, theirTime []float64
	ours := &side{name: "duly", chunk: costChunk, apart: true, run: l.processOn(&ourTime, func(ctx context.Context, s *schema, url string) (*exec.Cmd, error) {
		return l.duly(ctx, s, url, jobs.BillingJob, sameSlots()), nil
	})}
	theirs := &side{name: "the tuned job", chunk: tuned.Chunk, apart: true, run: l.processOn(&theirTime, func(ctx context.Context, s *schema, url string) (*exec.Cmd, error) {
		return l.baseline(ctx, baselineTuned, "-dsn", s.dsn(), "-url", url)
	})}
	if err := l.inTurn(ctx, []*side{theirs, ours}, n, noNumbers); err != nil {
		return row{}, err
	}
	return row{
		what:     fmt.Sprintf("over HTTP against the tuned job, %d due", n),
		figure:   perSecond(median(ours.rates)),
		baseline: perSecond(median(theirs.rates)) + " by the tuned job",
		ratio:    median(ours.rates) / median(theirs.rates),
		rounds:   ratios(ours.rates, theirs.rates),
		target:   target{limit: tunedTarget},
		notes: []string{
			fmt.Sprintf("Processes of their own from start to end, %d requests open, chunks of %d on both sides, a simulator without latency over loopback HTTP. Rounds: %s; the tuned job %s. Processor time of the process for an item: %.0f µs; the tuned job %.0f µs.",
				tuned.Workers, tuned.Chunk, ours, theirs, median(ourTime), median(theirTime)),
			"The tuned job is a stand-in in Go (bench/tuned): issue and collect are steps of their own, an attempt is committed before its request, rows are written many at a time; no leases, no row locks, no decisions. The rows of both sides were compared by check sum, but for ids, leases, instants and, over HTTP, the numbers that the simulator gives.",
		},
	}, nil
}

// processOn returns the run of a side that is a process: the whole of it is timed, and its processor time for an item
// is added to spent, in µs.
func (l *lab) processOn(spent *[]float64, command func(ctx context.Context, s *schema, url string) (*exec.Cmd, error)) func(context.Context, *schema) (time.Duration, error) {
	return func(ctx context.Context, s *schema) (time.Duration, error) {
		sim, err := l.simulate(ctx)
		if err != nil {
			return 0, err
		}
		defer sim.stop()
		process, err := command(ctx, s, sim.url)
		if err != nil {
			return 0, err
		}
		took, err := l.timed(process)
		*spent = append(*spent, took.processor.Seconds()*1e6/float64(l.size(tunedRows)))
		return took.wall, err
	}
}
