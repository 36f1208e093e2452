package jobs

import (
	"context"
	"log/slog"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/changes"
	"duly/internal/payment"
)

// issuePolicy is what the run's issues go by on an effective date.
func (b *billingRun) issuePolicy(on payment.Date) billing.IssuePolicy {
	return billing.IssuePolicy{Business: b.o.Selection.Business, Effective: on, CatchUp: b.o.CatchUp, KnownGateway: b.Known, Named: b.o.Policy.Named}
}

// lookForChanges asks once in a run whether any planned change is due. While none is, nothing more is read for them.
func (b *billingRun) lookForChanges(x *batch.StepExecution) error {
	if b.looked {
		return nil
	}
	var denied error
	err := x.Retry(x.Work, func(ctx context.Context) (err error) {
		b.changes, denied, err = changes.Open(ctx, b.DB, b.issuePolicy(b.effective()))
		return err
	})
	if err == nil && denied != nil {
		x.Log.WarnContext(x.Work, "planned changes are not applied: the login may not read subscription_changes", slog.Any("error", denied))
	}
	b.looked = err == nil
	return err
}
