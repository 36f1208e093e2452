package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"duly/bench/inprocess"
	"duly/bench/plain"
	"duly/internal/gateway"
	"duly/internal/payment"
)

const (
	replacedTakes  = 100 * time.Millisecond
	replacedRows   = 20_000 // by duly: 32 s
	replacedOne    = 200    // one by one: 20 s
	replacedChunks = 2000   // in chunks: 20 s
	replacedChunk  = 10
	replacedAtOnce = 50_000
)

// way is one way to bill, and how many it bills in a round.
type way struct {
	name string
	due  int
	run  func(ctx context.Context, s *schema) error
	rate []float64
}

// replaced is B7: duly beside what it replaces.
func replaced(ctx context.Context, l *lab) ([]row, error) {
	ours := l.dulyWay(l.size(replacedRows), inprocess.Slow{Takes: replacedTakes})
	one := l.plainWay(l.size(replacedOne), "one by one", inprocess.Slow{Takes: replacedTakes}, func(ctx context.Context, j plain.Job) error { return j.OneByOne(ctx) })
	chunks := l.plainWay(l.size(replacedChunks), "in chunks with a barrier", inprocess.Slow{Takes: replacedTakes}, func(ctx context.Context, j plain.Job) error { return j.Chunks(ctx, replacedChunk) })
	atOnce := l.dulyWay(l.size(replacedAtOnce), inprocess.Instant{})
	rows := l.plainWay(atOnce.due, "row by row", inprocess.Instant{}, func(ctx context.Context, j plain.Job) error { return j.RowByRow(ctx, costParallelism) })
	for range l.rounds {
		for _, w := range []*way{one, chunks, ours, rows, atOnce} {
			if err := l.wayRound(ctx, w); err != nil {
				return nil, err
			}
		}
	}
	against := func(what string, ours, theirs *way, limit float64, note string) row {
		return row{
			what: what, figure: perSecond(median(ours.rate)), baseline: fmt.Sprintf("%.1f/s %s", median(theirs.rate), theirs.name),
			ratio: median(ours.rate) / median(theirs.rate), rounds: ratios(ours.rate, theirs.rate), target: target{limit: limit}, notes: []string{note},
		}
	}
	charged := "A plain loop charges, and writes invoice, attempt, date and event when it has the answer; what it had charged when it dies is charged again."
	return []row{
		against(fmt.Sprintf("(a) %s a charge, against one by one", replacedTakes), ours, one, 60,
			fmt.Sprintf("%s Rates are compared: %d due one by one, %d by duly with %d slots; a gateway in the process.", charged, one.due, ours.due, costParallelism)),
		against(fmt.Sprintf("(b) %s a charge, against chunks of %d with a barrier", replacedTakes, replacedChunk), ours, chunks, 6,
			fmt.Sprintf("All charges of a chunk are sent at once and waited for, and written in one transaction; %d due.", chunks.due)),
		against(fmt.Sprintf("(c) at once, against a transaction a row, %d due", atOnce.due), atOnce, rows, 2.5,
			fmt.Sprintf("%d rows under way at once, over 16 connections, so that the server commits many together; a gateway in the process that answers at once.", costParallelism)),
	}, nil
}

func (l *lab) dulyWay(due int, g gateway.Gateway) *way {
	return &way{name: "duly", due: due, run: func(ctx context.Context, s *schema) error {
		_, err := worker{gateway: g, parallelism: costParallelism, chunkSize: costChunk}.bill(ctx, s)
		return err
	}}
}

func (l *lab) plainWay(due int, name string, g gateway.Gateway, run func(ctx context.Context, j plain.Job) error) *way {
	charge := func(ctx context.Context, c payment.Charge) (string, error) {
		o := g.Charge(ctx, c)
		if o.Kind != payment.Paid {
			return "", errors.New(o.Reason)
		}
		return o.PaymentID, nil
	}
	return &way{name: name, due: due, run: func(ctx context.Context, s *schema) error {
		return run(ctx, plain.Job{DB: s.DB, Today: l.today(), Charge: charge, Now: l.now})
	}}
}

func (l *lab) wayRound(ctx context.Context, w *way) (err error) {
	s, err := l.schema(ctx, w.due)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.drop(ctx)) }()
	begun := l.now()
	if err := w.run(ctx, s); err != nil {
		return err
	}
	rate := float64(w.due) / l.now().Sub(begun).Seconds()
	w.rate = append(w.rate, rate)
	l.say("  %s: %.1f/s", w.name, rate)
	return s.paid(ctx, w.due)
}
