// Package refunding executes rows of refunds within a step of a job.
package refunding

import (
	"context"
	"time"

	"duly/internal/batch"
	"duly/internal/failedrows"
	"duly/internal/mysql"
	"duly/internal/orders"
	"duly/internal/refundrows"
	"duly/internal/refunds"
	"duly/internal/store"
	"duly/steps"
	"duly/writers"
)

// Options configure the execution of refunds.
type Options struct {
	DB        *mysql.DB
	Gateways  steps.Gateways
	Selection store.Selection
	Controls  *steps.Controls
	Source    *store.Controls
	Bookings  *store.Bookings
	// Unkeyed is the pause after a request to a gateway that keeps no keys; 0 for gateways that keep keys.
	Unkeyed   func(gateway string) time.Duration
	Unwritten *failedrows.Rows
	Now       func() time.Time // the business clock
	// Run runs a step of the job.
	Run               func(ctx context.Context, x *batch.StepExecution, step batch.Step) error
	Probe             func(ctx context.Context) error
	Size, Parallelism int
	FlushEvery        time.Duration
}

// Execute executes the due refunds. Several refunds of a payment follow each other: the walk is repeated for refunds that waited for another, as
// long as one of them is settled.
func (o Options) Execute(ctx context.Context, x *batch.StepExecution) error {
	processor := &steps.RequestedRefunds{
		Gateways: o.Gateways, Now: o.Now, Controls: o.Controls, Source: o.Source, Window: x.Run.Lease, Elsewhere: o.elsewhere,
		Reserve: func(ctx context.Context, c refunds.Claimed) (string, error) {
			return writers.ReserveTarget(ctx, o.DB, o.Bookings, c)
		},
		Freeze: func(ctx context.Context, c refunds.Claimed, sent refunds.Sent, gatewayID string) (bool, error) {
			return writers.FreezeRefund(ctx, o.DB, c, sent, gatewayID)
		},
	}
	for again := true; again; {
		reader := &refundrows.Reader{DB: o.DB, Selection: o.Selection, Now: o.Now}
		writer := &writers.RequestedRefunds{DB: o.DB, Unkeyed: o.Unkeyed, Longest: o.longest, Now: o.Now}
		err := o.Run(ctx, x, &batch.Chunk[refunds.Claimed, refunds.Result]{
			StepName: x.Step, Reader: reader, Processor: processor, Writer: writer, Fail: steps.FailRequestedRefund,
			Lane:  func(item refunds.Claimed) string { return item.Gateway },
			Width: func(string) int { return o.Parallelism },
			State: o.Gateways.State,
			Probe: o.Probe,
			Unwritten: func(ctx context.Context, result refunds.Result, cause error) {
				o.Unwritten.Note(ctx, o.DB, store.FailedRow{Kind: failedrows.KindRefund, ID: result.Claimed.Refund.ID}, "settled", cause)
			},
			Size: o.Size, FlushEvery: o.FlushEvery,
		})
		if err != nil {
			return err
		}
		again = reader.More() && writer.Settled() > 0
	}
	return nil
}

// longest is how long a request to a gateway can be on its way; to one that is not configured, as long as to any.
func (o Options) longest(name string) (longest time.Duration) {
	if g, ok := o.Gateways[name]; ok {
		return g.Capabilities().LongestRequest
	}
	for _, g := range o.Gateways {
		longest = max(longest, g.Capabilities().LongestRequest)
	}
	return longest
}

// Freeze stores the amount that the refund of a payment in refund_due is about to request.
func (o Options) Freeze(ctx context.Context, item orders.RefundClaim, end orders.RefundEnd) (bool, error) {
	return writers.FreezeMark(ctx, o.DB, item, end, o.Now())
}

// elsewhere returns why a payment must not be refunded at the current address of its gateway.
func (o Options) elsewhere(ctx context.Context, c refunds.Claimed) (string, error) {
	return refundrows.Elsewhere(ctx, o.Source, c)
}
