package registry

import (
	"context"
	"fmt"

	"github.com/jmoiron/sqlx"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/cli"
	"duly/internal/methods"
	"duly/internal/mysql"
	"duly/internal/preview"
	"duly/internal/query"
	"duly/internal/session"
	"duly/jobs"
)

// billingWork charges what is due.
func billingWork() Job {
	return Job{
		Name:     jobs.BillingJob,
		Does:     "charge what is due, retry what was declined",
		Takes:    []string{cli.FlagDate, cli.FlagSubscription, cli.FlagLimit, cli.FlagParallelism, cli.FlagRate, cli.FlagChunkSize, cli.FlagAllowFuture, cli.FlagNow},
		Writes:   []string{"subscriptions", "invoices", "payment_attempts", "gateway_answers", "bookings", "events"},
		Gateways: true, Charges: true, chunk: "billing.chunk_size", width: "gateways.<name>.parallelism",
		Steps: jobs.BillingSteps,
		Check: checkSubscriptions,
		Build: func(r *Request) (batch.Job, error) {
			return jobs.Billing(r.Deps, r.billing(), r.Stages), nil
		},
		Due: func(ctx context.Context, r *Request, step string) (int64, error) {
			return preview.DueIn(ctx, r.Deps, r.billing(), r.Stages, step, r.before)
		},
		Preview: previewBilling,
		Next:    nextReviews,
	}
}

// checkSubscriptions refuses subscriptions that are not there.
func checkSubscriptions(ctx context.Context, r *Request) ([]error, error) {
	missing, err := query.Missing(ctx, r.DB, r.Selection())
	if err != nil {
		return nil, fmt.Errorf("look for the subscriptions: %w", err)
	}
	var found []error
	for _, id := range missing {
		found = append(found, fmt.Errorf("--subscription: %w", cli.NoSubscription(id)))
	}
	return found, nil
}

// billing configures a billing run.
func (r *Request) billing() jobs.BillingOptions {
	b := r.Config.Billing
	return jobs.BillingOptions{
		Selection: r.Selection(), Policy: session.BillingPolicy(r.Config), CatchUp: billing.CatchUp(b.CatchUp),
		ChunkSize: b.ChunkSize, BrakePercent: b.BrakePercent, GiveUpAfter: b.GiveUpAfter, Steps: r.Flags.Steps,
		Blocked: r.blocked(), Suspected: func() bool { return r.Suspicion != "" },
		AllowFuture: r.Flags.AllowFuture, AtOnce: r.atOnce(),
	}
}

// atOnce records the invoices that --now charges; nil: without --now.
func (r *Request) atOnce() methods.Recorder {
	if !r.Flags.Now {
		return nil
	}
	return func(ctx context.Context, tx *sqlx.Tx, invoices []uint64) error {
		for _, id := range invoices {
			if err := session.ActionOn("charge_now", "invoice", id, r.Flags.Reason, nil).Write(ctx, tx); err != nil {
				return err
			}
		}
		return nil
	}
}

// CountStages sets the number of stages of a run: the most of any dunning policy, now or before.
func (r *Request) CountStages(ctx context.Context) error {
	open, err := query.MaxOpenStage(ctx, r.DB)
	if err != nil {
		return fmt.Errorf("look for the highest stage: %w", mysql.Classify(ctx, err))
	}
	r.Stages = max(open, session.BillingPolicy(r.Config).MostStages())
	return nil
}

// nextReviews is the command that lists what the run sent to review.
func nextReviews(_ context.Context, _ *Request, run *batch.Run) ([]string, error) {
	return []string{fmt.Sprintf("duly list review --run %d", run.ID)}, nil
}
