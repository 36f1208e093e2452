package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"duly/jobs"
)

const (
	costRows        = 300_000
	costParallelism = 64
	costChunk       = 500 // the default of billing.chunk_size
)

// side is one way to write the rows, and how fast it was, in items a second.
type side struct {
	name  string
	chunk int
	run   func(ctx context.Context, s *schema) (time.Duration, error)
	rates []float64
}

// cost is B2: what duly adds to the SQL that the same rows need in any case.
func cost(ctx context.Context, l *lab) ([]row, error) {
	n := l.size(costRows)
	var last worked
	ours := &side{name: "duly", chunk: costChunk, run: func(ctx context.Context, s *schema) (time.Duration, error) {
		var err error
		last, err = worker{gateway: instant{}, parallelism: costParallelism, chunkSize: costChunk}.bill(ctx, s)
		return last.took, err
	}}
	split := l.bulkSide(costChunk)
	split.name, split.run = "bulk SQL in three transactions", bulk{chunk: costChunk, split: true, now: l.now, today: l.today()}.run
	baselines := []*side{l.bulkSide(costChunk), l.bulkSide(2 * costChunk), split}
	var written string
	var load load
	for range l.rounds {
		for _, x := range append(baselines, ours) {
			sum, spent, err := l.costRound(ctx, x, n)
			if err != nil {
				return nil, err
			}
			if written != "" && sum != written {
				return nil, fmt.Errorf("%s wrote other rows: %s, not %s", x.name, sum, written)
			}
			written, load = sum, spent
		}
	}
	best := slices.MaxFunc(baselines, func(a, b *side) int { return cmp.Compare(median(a.rates), median(b.rates)) })
	return []row{{
		what:     fmt.Sprintf("cost of our own, %d due", n),
		figure:   perSecond(median(ours.rates)),
		baseline: perSecond(median(best.rates)) + " by bulk SQL",
		ratio:    median(ours.rates) / median(best.rates),
		target:   target{limit: 0.75},
		notes: []string{
			fmt.Sprintf("Ours: the whole run (recover, issue, collect, retries, recover), %d slots, chunks of %d, a gateway in the process that answers at once. Rounds: %s.",
				costParallelism, costChunk, ours),
			fmt.Sprintf("Baseline: the same rows in the same tables by the least SQL, sequentially on one connection; nothing but ids leaves the server, and nothing is decided or checked. Rounds: %s in chunks of %d, %s in chunks of %d, and with a transaction more for the claim %s in chunks of %d; the best median counts.",
				baselines[0], baselines[0].chunk, baselines[1], baselines[1].chunk, split, split.chunk),
			"The rows of both sides were compared by check sum, but for ids, leases and instants.",
			fmt.Sprintf("Our last round: issue %.1f s, collect %.1f s, all %.1f s; %s.",
				last.steps[jobs.StepIssue].Seconds(), last.steps[jobs.StepCollect].Seconds(), last.took.Seconds(), load),
		},
	}}, nil
}

func (l *lab) bulkSide(chunk int) *side {
	return &side{name: "bulk SQL", chunk: chunk, run: bulk{chunk: chunk, now: l.now, today: l.today()}.run}
}

func perSecond(rate float64) string { return fmt.Sprintf("%.0f/s", rate) }

func (x *side) String() string {
	texts := make([]string, len(x.rates))
	for i, r := range x.rates {
		texts[i] = perSecond(r)
	}
	return strings.Join(texts, ", ")
}

// load is what one item cost the database, and the processors.
type load struct{ statements, rows, server, client float64 }

func (c load) String() string {
	return fmt.Sprintf("%.3f statements and %.1f rows read an item, %.0f µs of processor time in the server and %.0f µs in the worker",
		c.statements, c.rows, c.server, c.client)
}

// costRound measures one side on rows of its own.
func (l *lab) costRound(ctx context.Context, x *side, n int) (sum string, spent load, err error) {
	s, err := l.schema(ctx, n)
	if err != nil {
		return "", load{}, err
	}
	defer func() { err = errors.Join(err, s.drop(ctx)) }()
	before, err := l.meter(ctx)
	if err != nil {
		return "", load{}, err
	}
	took, err := x.run(ctx, s)
	if err != nil {
		return "", load{}, err
	}
	after, err := l.meter(ctx)
	if err != nil {
		return "", load{}, err
	}
	rate := float64(n) / took.Seconds()
	x.rates, spent = append(x.rates, rate), after.since(before, n)
	l.say("  %s, chunks of %d: %s; %s", x.name, x.chunk, perSecond(rate), spent)
	sum, err = s.sum(ctx)
	return sum, spent, err
}

// What both sides must have written alike, one line a table.
const (
	sumSubscriptions = `SELECT CONCAT(COUNT(*), ':', SUM(CRC32(CONCAT_WS('|', id, status, next_billing_date, anchor_day)))) FROM subscriptions`
	sumInvoices      = `SELECT CONCAT(COUNT(*), ':', SUM(CRC32(CONCAT_WS('|', subscription_id, due_date, amount, currency, status, stage, attempts,
next_attempt_date, issued_date, paid_at IS NULL)))) FROM invoices`
	sumAttempts = `SELECT CONCAT(COUNT(*), ':', SUM(CRC32(CONCAT_WS('|', subscription_id, attempt_no, stage, idempotency_key, reference, customer_id,
amount, currency, gateway, payment_method, method_type, description, body_version, status, doubted, message, gateway_payment_id,
lease IS NULL, settled_at IS NULL)))) FROM payment_attempts`
	sumEvents = `SELECT CONCAT(COUNT(*), ':', SUM(CRC32(CONCAT_WS('|', type, subject, JSON_REMOVE(payload, '$.invoice_id'), dedupe_key)))) FROM events`
)

// sum is a check sum of everything that a billing run writes but for ids, leases and instants.
func (s *schema) sum(ctx context.Context) (string, error) {
	var sums []string
	for _, query := range []string{sumSubscriptions, sumInvoices, sumAttempts, sumEvents} {
		var sum string
		if err := s.GetContext(ctx, &sum, query); err != nil {
			return "", fmt.Errorf("sum the rows up: %w", err)
		}
		sums = append(sums, sum)
	}
	return strings.Join(sums, " "), nil
}
