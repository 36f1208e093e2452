package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/mysql"
	"duly/internal/orders"
	"duly/internal/payment"
)

const (
	fewOrders = 100
	lookTakes = 500 * time.Millisecond
)

// tenAtATime is R1: orders are asked about ten at a time, not one by one.
func tenAtATime(ctx context.Context, l *lab) ([]row, error) {
	gateway := taker{takes: lookTakes}
	var ours, theirs []float64
	for range l.rounds {
		for _, way := range []struct {
			took *[]float64
			run  func(s *schema) (time.Duration, error)
		}{
			{&theirs, func(s *schema) (time.Duration, error) { return oneByOne(ctx, s, gateway) }},
			{&ours, func(s *schema) (time.Duration, error) {
				done, err := worker{gateway: gateway, parallelism: orderSlots, chunkSize: orderChunk}.reconcile(ctx, s)
				return done.took, err
			}},
		} {
			took, err := l.staleRound(ctx, way.run)
			if err != nil {
				return nil, err
			}
			*way.took = append(*way.took, took.Seconds())
		}
		l.say("  one by one %.1f s, ten at a time %.1f s", theirs[len(theirs)-1], ours[len(ours)-1])
	}
	return []row{{
		what:     fmt.Sprintf("%d stale orders × %s, %d at a time ÷ one by one", fewOrders, lookTakes, orderSlots),
		figure:   fmt.Sprintf("%.1f s", median(ours)),
		baseline: fmt.Sprintf("%.1f s one by one", median(theirs)),
		ratio:    median(theirs) / median(ours),
		rounds:   ratios(theirs, ours),
		target:   target{limit: 9},
		notes: []string{
			"A gateway in the process that answers each look-up after its time. One by one: a look-up and a transaction for each order in turn, with no claim, no check and no event.",
			fmt.Sprintf("No more than %d look-ups are open at once; what is above ×%d is the plain loop's own writing between two look-ups.", orderSlots, orderSlots),
		},
	}}, nil
}

func (l *lab) staleRound(ctx context.Context, run func(s *schema) (time.Duration, error)) (took time.Duration, err error) {
	s, err := l.stale(ctx, fewOrders, 1)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.drop(ctx)) }()
	if took, err = run(s); err != nil {
		return 0, err
	}
	return took, s.settled(ctx, fewOrders)
}

// oneByOne settles the stale orders as a plain loop does.
func oneByOne(ctx context.Context, s *schema, gateway taker) (time.Duration, error) {
	begun := s.lab.now()
	var ids []int
	if err := s.SelectContext(ctx, &ids, `SELECT id FROM orders WHERE status = ? ORDER BY created_at, id`, staleStatus); err != nil {
		return 0, fmt.Errorf("list the orders: %w", err)
	}
	for _, id := range ids {
		seen := gateway.Look(ctx, payment.Ref{Key: staleKey(id)})
		if seen.Payment == nil {
			return 0, errors.New(seen.Reason)
		}
		err := mysql.Tx(ctx, s.DB, "one", func(tx *sqlx.Tx) error { return completeOne(ctx, tx, id, seen.Payment.ID) })
		if err != nil {
			return 0, err
		}
	}
	return s.lab.now().Sub(begun), nil
}

func completeOne(ctx context.Context, tx *sqlx.Tx, id int, paymentID string) error {
	for _, do := range []struct {
		query string
		args  []any
	}{
		{`UPDATE products p JOIN order_items i ON i.product_id = p.id SET p.stock = p.stock - i.quantity WHERE i.order_id = ?`, []any{id}},
		{`UPDATE payments SET status = 'succeeded', transaction_key = ? WHERE order_id = ?`, []any{paymentID, id}},
		{`UPDATE orders SET status = ?, completed_at = UTC_TIMESTAMP(6) WHERE id = ?`, []any{string(orders.OrderCompleted), id}},
	} {
		if _, err := tx.ExecContext(ctx, do.query, do.args...); err != nil {
			return err
		}
	}
	return nil
}
