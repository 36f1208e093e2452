package jobs

import (
	"context"
	"errors"
	"time"

	"duly/internal/batch"
	"duly/internal/failedrows"
	"duly/internal/orders"
	"duly/internal/query"
	"duly/internal/refunding"
	"duly/internal/store"
	"duly/readers"
	"duly/steps"
	"duly/writers"
)

// refund works through the payments that are to be refunded, marked by duly or by the shop.
func (r *reconcileRun) refund(ctx context.Context, x *batch.StepExecution) error {
	r.id = x.Run.ID
	if _, err := r.abandon(ctx, x); err != nil {
		return err
	}
	if err := r.giveBack(ctx, x); err != nil {
		return err
	}
	checking := x.Sibling(StepReconcile)
	if checking != nil {
		defer checking.Conclude(nil)
	}
	return r.takeOver(ctx, x, r.holders, func() error {
		if r.rechecks {
			if err := r.check(ctx, checking); err != nil {
				return err
			}
		}
		return r.giveBack(ctx, x)
	})
}

// giveBack refunds every payment that is due to be refunded.
func (r *reconcileRun) giveBack(ctx context.Context, x *batch.StepExecution) error {
	window := x.Run.Lease
	unkeyed := func(name string) time.Duration {
		g, ok := r.Gateways[name]
		if !ok || g.Capabilities().KeyLife > 0 {
			return 0
		}
		return window + g.Capabilities().LongestRequest
	}
	defer r.denied(x)
	bookings := &store.Bookings{Today: r.Accounts}
	reserve := func(ctx context.Context, p orders.Payment) (string, error) {
		return writers.ReserveRefund(ctx, r.DB, bookings, p)
	}
	requested := refunding.Options{
		DB: r.DB, Gateways: r.Gateways, Selection: r.o.Selection, Controls: r.controls, Source: r.controlReader(), Bookings: bookings, Unkeyed: unkeyed,
		Unwritten: r.unwritten, Now: r.Business, Run: r.run, Probe: r.probe, Size: r.o.ChunkSize, Parallelism: r.o.Parallelism, FlushEvery: flushEvery,
	}
	marked := r.run(ctx, x, &batch.Chunk[orders.RefundClaim, orders.RefundResult]{
		StepName:  x.Step,
		Reader:    &readers.DueRefunds{DB: r.DB, Selection: r.o.Selection, Unkeyed: unkeyed, Now: r.Business},
		Processor: &steps.DueRefunds{Gateways: r.Gateways, Now: r.Business, Controls: r.controls, Source: r.controlReader(), Window: window, Reserve: reserve, Freeze: requested.Freeze},
		Writer:    &writers.DueRefunds{DB: r.DB, Unkeyed: unkeyed, Now: r.Business},
		Fail:      steps.FailRefund,
		Lane:      func(item orders.RefundClaim) string { return item.Due[0].Gateway },
		Width:     func(string) int { return r.o.Parallelism },
		State:     r.Gateways.State,
		Probe:     r.probe,
		Unwritten: func(ctx context.Context, result orders.RefundResult, cause error) {
			r.unwritten.Note(ctx, r.DB, store.FailedRow{Kind: failedrows.KindOrder, ID: result.RefundClaim.ID}, "refunded", cause)
		},
		Size: r.o.ChunkSize, FlushEvery: flushEvery,
	})
	return errors.Join(marked, requested.Execute(ctx, x)) // what keeps the one up says nothing about the other
}

// refundsLeft names the selected payments that are still to be refunded, with numbers.
func (r *reconcileRun) refundsLeft(ctx context.Context) ([]string, error) {
	left, err := query.CountRefunds(ctx, r.DB, r.o.Selection, r.Business())
	if err != nil {
		return nil, err
	}
	elsewhere, err := query.RefundsElsewhere(ctx, r.DB, r.o.Selection, r.Configured())
	if err != nil {
		return nil, err
	}
	reasons := query.ElsewhereReasons(elsewhere, "payment", "refunded")
	n := left.Due - query.ElsewhereSum(elsewhere)
	n, claimed, err := r.unclaimed(ctx, n, query.RefundHolders)
	if reasons = append(reasons, claimed...); err != nil {
		return nil, err
	}
	reasons = append(reasons, left.Reasons(n, "payment", " due to be refunded", " to be refunded")...)
	more, err := r.requestedLeft(ctx)
	return append(reasons, more...), err
}

// unclaimed is how many of n refunds no other run has claimed, and says whose the others are.
func (r *reconcileRun) unclaimed(ctx context.Context, n int64, holders query.Holders) (rest int64, claimed []string, err error) {
	if n == 0 {
		return 0, nil, nil
	}
	owners, err := holders(ctx, r.DB, r.o.Selection, r.Business(), r.id)
	for _, o := range owners {
		n -= o.Claimed
	}
	return n, r.claims(owners, "refund"), err
}
