package jobs

import (
	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/payment"
)

// issuePolicy is what the run's issues go by on an effective date.
func (b *billingRun) issuePolicy(on payment.Date) billing.IssuePolicy {
	return billing.IssuePolicy{Business: b.o.Selection.Business, Effective: on, CatchUp: b.o.CatchUp, KnownGateway: b.Known, Named: b.o.Policy.Named}
}

// lookForChanges asks once in a run whether any planned change is due.
func (b *billingRun) lookForChanges(x *batch.StepExecution) error {
	return b.planned.Look(x, b.DB, b.issuePolicy(b.effective()))
}
