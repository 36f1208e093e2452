package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/jmoiron/sqlx"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/billing/planned"
	"duly/internal/claims"
	"duly/internal/failedrows"
	"duly/internal/inserted"
	"duly/internal/leasewait"
	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/store"
	"duly/readers"
	"duly/writers"
)

// issuing is what a run has still to issue: the due subscriptions of one status after the other. Those that are paused or cancelled
// move on without an invoice. It is used by one goroutine at a time.
type issuing struct {
	job      *billingRun
	x        *batch.StepExecution // of the step issue
	statuses []billing.SubscriptionStatus
	due      *readers.DueSubscriptions // the walk over the first of the statuses; nil: it has not begun
	failures batch.Failures
	failed   error // that ended it
	// on is the effective date at the begin. It counts until the end, so that a run which passes midnight issues once for a subscription.
	on payment.Date
}

// issue invoices every due subscription, and moves the dates of paused and cancelled ones on. In a run that collects as well, that step
// does it, and claims what it issues. A run that was stopped before it, or is in it, issues what is left within the drain.
func (b *billingRun) issue(ctx context.Context, x *batch.StepExecution) error {
	if err := b.lookForChanges(x); err != nil {
		return err
	}
	b.issuing = &issuing{
		job: b, x: x, failures: claims.NewFailures(x, b.DB), on: b.effective(),
		statuses: []billing.SubscriptionStatus{billing.Active, billing.PastDue, billing.Paused, billing.Cancelled},
	}
	if b.planned.Source != nil {
		b.issuing.statuses = slices.Insert(b.issuing.statuses, 0, planned.ByChanges)
	}
	if b.has(StepCollect) && ctx.Err() == nil {
		x.GoOn(b.issuing.rest)
		return nil
	}
	b.issuing.rest()
	return b.issuing.failed
}

// walk is the walk that goes on; nil: everything is issued, or the run must not go on.
func (i *issuing) walk() *readers.DueSubscriptions {
	if i.failed != nil || len(i.statuses) == 0 {
		return nil
	}
	if i.due == nil {
		i.due = &readers.DueSubscriptions{Selection: i.job.o.Selection, Status: i.statuses[0], Changes: i.job.planned.Source}
	}
	return i.due
}

// took moves on behind a page that was committed.
func (i *issuing) took(page readers.DueSubscriptionsPage, issued batch.Tally) {
	i.x.Count(issued)
	i.failures.Succeeded()
	if !i.due.Took(page) {
		return
	}
	i.locked()
	if i.statuses, i.due = i.statuses[1:], nil; len(i.statuses) == 0 {
		i.x.Conclude(nil)
	}
}

func (i *issuing) locked() {
	if i.due != nil && i.due.Locked() {
		i.x.Leave("a row stayed locked by another transaction")
	}
}

// page issues for the next page, open; false: there is none, or the run must not go on.
func (i *issuing) page(ctx context.Context) (more bool) {
	due := i.walk()
	if due == nil || i.x.Work.Err() != nil || i.x.Lease.Left() <= 0 {
		return false
	}
	page, tally, err := i.write(i.x.Work, due)
	if err == nil {
		i.took(page, tally)
		return i.walk() != nil
	}
	if i.x.Work.Err() != nil { // the drain ended meanwhile, and rest says what it left
		return false
	}
	kind, err := i.failures.Classify(i.x.Work, err)
	aside, err := due.Failed(page, i.job.o.ChunkSize, kind, err)
	switch {
	case aside != 0 && kind == batch.FailureData:
		i.setAside(aside, err)
	case aside != 0 && batch.FromDatabase(err):
		i.job.unwritten.Note(i.x.Work, i.job.DB, store.FailedRow{Kind: failedrows.KindSubscription, ID: aside}, "invoiced", err)
		if i.failures.Leave() {
			i.failed = fmt.Errorf("issue: %w", err)
		}
	case aside != 0:
		i.x.Fail(fmt.Errorf("subscription %d cannot be invoiced: %w", aside, err))
	case errors.Is(err, batch.ErrUnavailable), errors.Is(err, batch.ErrLocked):
		i.x.Log.WarnContext(ctx, "issuing failed, trying again", slog.Any("error", err))
		return batch.Wait(ctx, leasewait.LookAgain) == nil
	case err != nil:
		i.failed = fmt.Errorf("issue: %w", err)
	}
	return i.failed == nil
}

// rest issues what is left once nothing more is claimed, whatever ended that: a period of a day or a week that is not issued today is
// skipped tomorrow.
func (i *issuing) rest() {
	for i.page(i.x.Work) {
	}
	if i.x.Work.Err() != nil && i.walk() != nil {
		i.x.Leave("the drain ended before every due subscription was invoiced")
	}
	i.locked()
	i.x.Conclude(i.failed)
}

// charges claims what is issued, and what open does.
func (i *issuing) charges(open *readers.OpenInvoices) *readers.DueCharges {
	issue := func(ctx context.Context, tx *sqlx.Tx, list []billing.Issued) (inserted.Invoices, batch.Tally, error) {
		return writers.IssueCharging(ctx, tx, i.job.Server, list, i.on, i.job.Business())
	}
	return &readers.DueCharges{Open: open, Next: i.walk, Took: i.took, Alone: i.page, Decide: i.decide, Issue: issue}
}

func (i *issuing) decide(row readers.DueSubscription, plan *planned.Plan) billing.Issue {
	return plan.Decide(row.Subscription, row.Newest, row.IsInvoiced, i.job.issuePolicy(i.on))
}

// setAside sends a subscription that no invoice could be written for to review. One that cannot be set aside
// either fails the step in the end, and stops no other.
func (i *issuing) setAside(id uint64, cause error) {
	var news bool
	err := i.x.Retry(i.x.Work, func(ctx context.Context) (err error) {
		news, err = writers.ReviewSubscription(ctx, i.job.DB, id, i.on, cause)
		return err
	})
	switch {
	case err != nil:
		i.x.Fail(fmt.Errorf("subscription %d can neither be invoiced (%w) nor set aside: %w", id, cause, err))
	case news:
		i.x.Count(batch.Tally{Read: 1, Review: 1})
	}
}

// write issues for one page of due subscriptions in one transaction. After a COMMIT whose answer was lost
// it is simply done again: what was issued is not issued twice.
func (i *issuing) write(ctx context.Context, due *readers.DueSubscriptions) (readers.DueSubscriptionsPage, batch.Tally, error) {
	var page readers.DueSubscriptionsPage
	var tally batch.Tally
	err := mysql.Tx(ctx, i.job.DB, "issue", func(tx *sqlx.Tx) error {
		var err error
		if page, err = due.Read(ctx, tx, i.job.o.ChunkSize); err != nil {
			return err
		}
		issued := make([]billing.Issued, 0, len(page.Rows))
		for at := range page.Rows {
			row := &page.Rows[at]
			issued = append(issued, billing.Issued{Subscription: &row.Subscription, Issue: i.decide(*row, page.Plans[row.ID])})
		}
		if err = page.Plans.Write(ctx, tx, due.Changes, i.job.Business()); err != nil {
			return err
		}
		tally, err = writers.Issue(ctx, tx, issued, i.on, i.job.Business())
		return err
	})
	return page, tally, err
}

// decided writes decisions about open invoices within the transaction that claimed them.
func (b *billingRun) decided(ctx context.Context, tx *sqlx.Tx, list []billing.Decided) (batch.Tally, error) {
	return writers.Decide(ctx, tx, b.Business(), list)
}
