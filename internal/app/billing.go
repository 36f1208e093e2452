package app

import (
	"context"
	"fmt"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/cli"
	"duly/internal/mysql"
	"duly/internal/preview"
	"duly/internal/query"
	"duly/jobs"
)

// billingWork charges what is due.
func billingWork() JobSpec {
	return JobSpec{
		Name:     jobs.BillingJob,
		Does:     "charge what is due, retry what was declined",
		takes:    []string{cli.FlagDate, cli.FlagSubscription, cli.FlagLimit, cli.FlagParallelism, cli.FlagRate, cli.FlagChunkSize, cli.FlagAllowFuture},
		writes:   []string{"subscriptions", "invoices", "payment_attempts", "gateway_answers", "bookings", "events"},
		Gateways: true, charges: true, chunk: "billing.chunk_size", width: "gateways.<name>.parallelism",
		Steps: jobs.BillingSteps,
		check: checkSubscriptions,
		Job: func(r *Request) (batch.Job, error) {
			return jobs.Billing(r.Deps, r.billing(), r.stages), nil
		},
		due: func(ctx context.Context, r *Request, step string) (int64, error) {
			return preview.DueIn(ctx, r.Deps, r.selection(), r.stages, step)
		},
		Preview: previewBilling,
		next:    nextReviews, waits: "duly list unknown",
	}
}

// checkSubscriptions refuses subscriptions that are not there.
func checkSubscriptions(ctx context.Context, r *Request) ([]error, error) {
	missing, err := query.Missing(ctx, r.db, r.selection())
	if err != nil {
		return nil, fmt.Errorf("look for the subscriptions: %w", err)
	}
	var found []error
	for _, id := range missing {
		found = append(found, fmt.Errorf("--subscription: %w", cli.NoSubscription(id)))
	}
	return found, nil
}

// billing is what a billing run is told.
func (r *Request) billing() jobs.BillingOptions {
	b := r.config.Billing
	return jobs.BillingOptions{
		Selection: r.selection(), Policy: billing.Policy{RetryDays: b.RetryDays}, CatchUp: billing.CatchUp(b.CatchUp),
		ChunkSize: b.ChunkSize, BrakePercent: b.BrakePercent, GiveUpAfter: b.GiveUpAfter, Steps: r.flags.Steps,
		Withheld: r.withheld(), Suspected: func() bool { return r.suspicion != "" },
		AllowFuture: r.flags.AllowFuture,
	}
}

// countStages sets how many stages a run has: those of the configuration, or more if it had more before.
func (r *Request) countStages(ctx context.Context) error {
	open, err := query.MaxOpenStage(ctx, r.db)
	if err != nil {
		return fmt.Errorf("look for the highest stage: %w", mysql.Classify(ctx, err))
	}
	r.stages = max(open, len(r.config.Billing.RetryDays))
	return nil
}

// nextReviews is the command that lists what the run sent to review.
func nextReviews(_ context.Context, _ *Request, run *batch.Run) ([]string, error) {
	return []string{fmt.Sprintf("duly list review --run %d", run.ID)}, nil
}
