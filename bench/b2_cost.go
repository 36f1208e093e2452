package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"duly/bench/inprocess"
	"duly/bench/leastsql"
	"duly/jobs"
)

const (
	costRows        = 300_000
	costParallelism = 64
	costChunk       = 500 // the default of billing.chunk_size
)

// costs is what a run of B2 measured; B9 reads its figures from the same run.
type costs struct {
	due       int
	ours      *side
	last      worked // our last round
	best      *side  // of the baselines
	baselines []*side
}

// cost is B2: what duly adds to the SQL that the same rows need in any case.
func cost(ctx context.Context, l *lab) ([]row, error) {
	c, err := l.measureCosts(ctx)
	if err != nil {
		return nil, err
	}
	b := c.baselines
	return []row{{
		what:     fmt.Sprintf("cost of our own, %d due", c.due),
		figure:   perSecond(median(c.ours.rates)),
		baseline: perSecond(median(c.best.rates)) + " by bulk SQL",
		ratio:    median(c.ours.rates) / median(c.best.rates),
		rounds:   ratios(c.ours.rates, c.best.rates),
		target:   target{limit: 1, least: 0.9},
		notes: []string{
			fmt.Sprintf("Ours: the whole run (recover, issue, collect, retries, recover), %d slots, chunks of %d, a gateway in the process that answers at once. Rounds: %s.",
				costParallelism, costChunk, c.ours),
			fmt.Sprintf("Baseline: the same rows in the same tables by the least SQL, sequentially on one connection; nothing but ids leaves the server, and nothing is decided or checked. Rounds: %s in chunks of %d, %s in chunks of %d, and with a transaction more for the claim %s in chunks of %d; the best median counts.",
				b[0], b[0].chunk, b[1], b[1].chunk, b[2], b[2].chunk),
			"The rows of both sides were compared by check sum, but for ids, leases and instants.",
			fmt.Sprintf("Our last round: issue %.1f s, collect %.1f s, all %.1f s; %s.",
				c.last.steps[jobs.StepIssue].Seconds(), c.last.steps[jobs.StepCollect].Seconds(), c.last.took.Seconds(), c.ours.loads[len(c.ours.loads)-1]),
		},
	}}, nil
}

// measureCosts measures both sides in turn, once for all cases that read the figures.
func (l *lab) measureCosts(ctx context.Context) (*costs, error) {
	if l.costs != nil {
		return l.costs, nil
	}
	c := &costs{due: l.size(costRows)}
	c.ours = &side{name: "duly", chunk: costChunk, run: func(ctx context.Context, s *schema) (time.Duration, error) {
		var err error
		c.last, err = worker{gateway: inprocess.Instant{}, parallelism: costParallelism, chunkSize: costChunk}.bill(ctx, s)
		return c.last.took, err
	}}
	split := l.bulkSide(costChunk)
	split.name, split.run = "bulk SQL in three transactions", l.leastSQL(leastsql.Bulk{Chunk: costChunk, Split: true})
	c.baselines = []*side{l.bulkSide(costChunk), l.bulkSide(2 * costChunk), split}
	if err := l.inTurn(ctx, append(slices.Clone(c.baselines), c.ours), c.due, everyColumn); err != nil {
		return nil, err
	}
	c.best = slices.MaxFunc(c.baselines, func(a, b *side) int { return cmp.Compare(median(a.rates), median(b.rates)) })
	l.costs = c
	return c, nil
}

func (l *lab) bulkSide(chunk int) *side {
	return &side{name: "bulk SQL", chunk: chunk, run: l.leastSQL(leastsql.Bulk{Chunk: chunk})}
}

func (l *lab) leastSQL(b leastsql.Bulk) func(ctx context.Context, s *schema) (time.Duration, error) {
	b.Now = l.now
	return func(ctx context.Context, s *schema) (time.Duration, error) {
		b.Today = l.today()
		return b.Run(ctx, s.DB)
	}
}
