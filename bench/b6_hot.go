package main

import (
	"context"
	"errors"
	"fmt"
)

const (
	hotOrders     = 10_000
	orderSlots    = 10  // the default of reconcile.parallelism
	orderChunk    = 100 // the default of reconcile.chunk_size
	hotTargetRate = 0.9
)

// hot is B6: ten thousand orders of one product are settled nearly as fast as of ten thousand products.
func hot(ctx context.Context, l *lab) ([]row, error) {
	n := l.size(hotOrders)
	sides := []*side{{name: "one product", chunk: 1}, {name: "as many products", chunk: n}}
	for range l.rounds {
		for _, x := range sides {
			rate, err := l.hotRound(ctx, n, x.chunk)
			if err != nil {
				return nil, err
			}
			x.rates = append(x.rates, rate)
			l.say("  %d orders of %s: %s", n, x.name, perSecond(rate))
		}
	}
	one, many := median(sides[0].rates), median(sides[1].rates)
	return []row{{
		what:     fmt.Sprintf("hot product, %d stale orders of one product ÷ of %d", n, n),
		figure:   perSecond(one),
		baseline: perSecond(many),
		ratio:    one / many,
		rounds:   ratios(sides[0].rates, sides[1].rates),
		target:   target{limit: hotTargetRate},
		notes: []string{
			fmt.Sprintf("The whole run of reconcile, chunks of %d, %d orders at a time, a gateway in the process that answers at once that it took the money. All orders are completed and all of the stock is sold.", orderChunk, orderSlots),
			fmt.Sprintf("Rounds: %s of one product, %s of as many as there are orders.", sides[0], sides[1]),
		},
	}}, nil
}

func (l *lab) hotRound(ctx context.Context, n, products int) (rate float64, err error) {
	s, err := l.stale(ctx, n, products)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.drop(ctx)) }()
	done, err := worker{gateway: taker{}, parallelism: orderSlots, chunkSize: orderChunk}.reconcile(ctx, s)
	if err != nil {
		return 0, err
	}
	return float64(n) / done.took.Seconds(), s.settled(ctx, n)
}
