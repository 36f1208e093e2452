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
		Job: func(e *Execution) (batch.Job, error) {
			return jobs.Billing(e.Deps, e.billing(), e.stages), nil
		},
		due: func(ctx context.Context, e *Execution, step string) (int64, error) {
			return preview.DueIn(ctx, e.Deps, e.selection(), e.stages, step)
		},
		Preview: previewBilling,
		next:    nextReviews, waits: "duly list unknown",
	}
}

// checkSubscriptions refuses subscriptions that are not there.
func checkSubscriptions(ctx context.Context, e *Execution) ([]error, error) {
	missing, err := query.Missing(ctx, e.DB.DB, e.selection())
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
func (e *Execution) billing() jobs.BillingOptions {
	b := e.config.Billing
	return jobs.BillingOptions{
		Selection: e.selection(), Policy: billing.Policy{RetryDays: b.RetryDays}, CatchUp: billing.CatchUp(b.CatchUp),
		ChunkSize: b.ChunkSize, BrakePercent: b.BrakePercent, GiveUpAfter: b.GiveUpAfter, Steps: e.flags.Steps,
		Withheld: e.withheld(), Suspected: func() bool { return e.suspicion != "" },
		AllowFuture: e.flags.AllowFuture,
	}
}

// countStages sets how many stages a run has: those of the configuration, or more if it had more before.
func (e *Execution) countStages(ctx context.Context) error {
	open, err := query.MaxOpenStage(ctx, e.DB.DB)
	if err != nil {
		return fmt.Errorf("look for the highest stage: %w", mysql.Classify(ctx, err))
	}
	e.stages = max(open, len(e.config.Billing.RetryDays))
	return nil
}

// nextReviews is the command that lists what the run sent to review.
func nextReviews(_ context.Context, _ *Execution, run *batch.Run) ([]string, error) {
	return []string{fmt.Sprintf("duly list review --run %d", run.ID)}, nil
}
