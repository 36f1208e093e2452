package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"duly/bench/inprocess"
	"duly/bench/record"
	"duly/internal/batch"
	"duly/internal/mysql"
)

const (
	scaleTakes  = 200 * time.Millisecond
	scaleSlots  = 32
	scaleChunk  = 32
	scaleRows   = 6400 // for each worker: 40 s
	scaleTarget = 0.97
)

// scaleWorkers are how many work at once.
func scaleWorkers() []int { return []int{1, 2, 4, 8} }

// severalWorkers is B5: while the gateway is the bottleneck, n workers on one database do n times as much as one.
func severalWorkers(ctx context.Context, l *lab) ([]row, error) {
	counts, each := scaleWorkers(), l.size(scaleRows)
	rates, found := make([][]float64, len(counts)), make([][]collisions, len(counts))
	for range l.rounds {
		for i, n := range counts {
			rate, met, err := l.scaleRound(ctx, n, n*each)
			if err != nil {
				return nil, err
			}
			rates[i], found[i] = append(rates[i], rate), append(found[i], met)
			l.say("  %d workers: %s, %d deadlocks in the server, %d of them surfaced", n, perSecond(rate), met.deadlocks, met.surfaced)
		}
	}
	one := median(rates[0])
	var rows []row
	for i, n := range counts[1:] {
		theirs := make([]float64, l.rounds)
		met := collisions{}
		for r, x := range rates[0] {
			theirs[r] = float64(n) * x
			met.deadlocks, met.surfaced = met.deadlocks+found[i+1][r].deadlocks, met.surfaced+found[i+1][r].surfaced
		}
		rows = append(rows, row{
			what:     fmt.Sprintf("%d workers on one database ÷ %d × one", n, n),
			figure:   perSecond(median(rates[i+1])),
			baseline: fmt.Sprintf("%d × %s", n, perSecond(one)),
			ratio:    median(rates[i+1]) / (float64(n) * one),
			rounds:   ratios(rates[i+1], theirs),
			target:   target{limit: scaleTarget, also: "no deadlock surfaces", failed: met.surfaced > 0},
			notes: []string{fmt.Sprintf("%d deadlocks in the server in all rounds, %d of them surfaced: a claim or a settlement met one five times in a row.",
				met.deadlocks, met.surfaced)},
		})
	}
	rows[0].notes = append(rows[0].notes, fmt.Sprintf(
		"Runs of their own, %d slots and chunks of %d each, a gateway in the process that answers after %s, %d due for each worker. From the first claim to the last commit, so that the end, when the last chunk of one worker is all that is left, counts.",
		scaleSlots, scaleChunk, scaleTakes, each))
	return rows, nil
}

// collisions are deadlocks: those that the server broke, and those that reached a claim or a settlement.
type collisions struct {
	deadlocks int64
	surfaced  int
}

func (l *lab) scaleRound(ctx context.Context, workers, n int) (rate float64, met collisions, err error) {
	s, err := l.schema(ctx, n)
	if err != nil {
		return 0, met, err
	}
	defer func() { err = errors.Join(err, s.drop(ctx)) }()
	before, err := l.status(ctx, deadlocks)
	if err != nil {
		return 0, met, err
	}
	recorder := &record.Spans{Now: l.now}
	var group errgroup.Group
	for range workers {
		group.Go(func() error {
			db, err := mysql.Open(s.dsn(), mysql.Options{})
			if err != nil {
				return err
			}
			own := &schema{DB: db, lab: l, name: s.name}
			w := worker{gateway: inprocess.Slow{Takes: scaleTakes}, parallelism: scaleSlots, chunkSize: scaleChunk, trace: recorder.Trace, beside: true}
			_, err = w.bill(ctx, own)
			return errors.Join(err, db.Close())
		})
	}
	if err := group.Wait(); err != nil {
		return 0, met, err
	}
	after, err := l.status(ctx, deadlocks)
	if err != nil {
		return 0, met, err
	}
	met.deadlocks = after[deadlocks] - before[deadlocks]
	for _, failure := range recorder.Failed() {
		if errors.Is(failure, batch.ErrLocked) {
			met.surfaced++
		}
	}
	return float64(n) / recorder.Wall().Seconds(), met, s.paid(ctx, n)
}

// deadlocks is the server's counter of them.
const deadlocks = "Innodb_deadlocks"

// paid fails unless n invoices are paid, with one attempt and one event each.
func (s *schema) paid(ctx context.Context, n int) error {
	var found struct{ Invoices, Attempts, Events int }
	err := s.GetContext(ctx, &found, `SELECT (SELECT COUNT(*) FROM invoices WHERE status = 'paid') AS invoices,
(SELECT COUNT(*) FROM payment_attempts WHERE status = 'succeeded') AS attempts, (SELECT COUNT(*) FROM events) AS events`)
	if err != nil {
		return fmt.Errorf("count what is paid: %w", err)
	}
	if found.Invoices != n || found.Attempts != n || found.Events != n {
		return fmt.Errorf("of %d due, %d invoices are paid, by %d attempts, with %d events", n, found.Invoices, found.Attempts, found.Events)
	}
	return nil
}
