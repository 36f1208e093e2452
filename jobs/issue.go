package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/jmoiron/sqlx"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/mysql"
	"duly/internal/store"
	"duly/readers"
	"duly/writers"
)

// issue invoices every due subscription, and moves the dates of paused and cancelled ones on.
func (b *billingRun) issue(ctx context.Context, x *batch.StepExecution) error {
	for _, status := range []billing.SubscriptionStatus{billing.Active, billing.PastDue, billing.Paused, billing.Cancelled} {
		if err := b.issueStatus(ctx, x, status); err != nil {
			return err
		}
	}
	return nil
}

func (b *billingRun) issueStatus(ctx context.Context, x *batch.StepExecution, status billing.SubscriptionStatus) error {
	due := &readers.DueSubscriptions{Selection: b.o.Selection, Status: status}
	failures := readers.NewFailures(x, b.DB)
	for ctx.Err() == nil && x.Lease.Left() > 0 {
		page, tally, err := b.issuePage(x.Work, due)
		if err == nil {
			x.Count(tally)
			failures.Succeeded()
			if due.Took(page) {
				break
			}
			continue
		}
		kind, err := failures.Classify(x.Work, err)
		aside, err := due.Failed(page, b.o.ChunkSize, kind, err)
		switch {
		case aside != 0 && kind == batch.FailureData:
			b.setAside(x, aside, err)
		case aside != 0 && batch.FromDatabase(err):
			b.unwritten.note(x.Work, b.DB, store.FailedRow{Kind: kindSubscription, ID: aside}, "invoiced", err)
			if failures.Leave() {
				return fmt.Errorf("issue: %w", err)
			}
		case aside != 0:
			x.Fail(fmt.Errorf("subscription %d cannot be invoiced: %w", aside, err))
		case errors.Is(err, batch.ErrUnavailable), errors.Is(err, batch.ErrLocked):
			x.Log.WarnContext(ctx, "issuing failed, trying again", slog.Any("error", err))
			if batch.Wait(ctx, lookAgain) != nil {
				return nil
			}
		case err != nil:
			return fmt.Errorf("issue: %w", err)
		}
	}
	if due.Locked() {
		x.Leave("a row stayed locked by another transaction")
	}
	return nil
}

// setAside sends a subscription that no invoice could be written for to review. One that cannot be set aside
// either fails the step in the end, and stops no other.
func (b *billingRun) setAside(x *batch.StepExecution, id uint64, cause error) {
	var news bool
	err := x.Retry(x.Work, func(ctx context.Context) (err error) {
		news, err = writers.ReviewSubscription(ctx, b.DB, id, b.effective(), cause)
		return err
	})
	switch {
	case err != nil:
		x.Fail(fmt.Errorf("subscription %d can neither be invoiced (%w) nor set aside: %w", id, cause, err))
	case news:
		x.Count(batch.Tally{Read: 1, Review: 1})
	}
}

// issuePage issues for one page of due subscriptions in one transaction. After a COMMIT whose answer was lost
// it is simply done again: what was issued is not issued twice.
func (b *billingRun) issuePage(ctx context.Context, due *readers.DueSubscriptions) (readers.DueSubscriptionsPage, batch.Tally, error) {
	var page readers.DueSubscriptionsPage
	var tally batch.Tally
	effective := b.effective()
	policy := billing.IssuePolicy{Business: b.o.Selection.Business, Effective: effective, CatchUp: b.o.CatchUp, KnownGateway: b.Known}
	err := mysql.Tx(ctx, b.DB, "issue", func(tx *sqlx.Tx) error {
		var err error
		if page, err = due.Read(ctx, tx, b.o.ChunkSize); err != nil {
			return err
		}
		issued := make([]billing.Issued, 0, len(page.Rows))
		for _, row := range page.Rows {
			issue := billing.DecideIssue(row.Subscription, row.Newest, row.IsInvoiced, policy)
			issued = append(issued, billing.Issued{Subscription: row.Subscription, Issue: issue})
		}
		tally, err = writers.Issue(ctx, tx, issued, effective, b.Business())
		return err
	})
	return page, tally, err
}

// decided writes decisions about open invoices within the transaction that claimed them.
func (b *billingRun) decided(ctx context.Context, tx *sqlx.Tx, list []billing.Decided) (batch.Tally, error) {
	return writers.Decide(ctx, tx, b.Business(), list)
}
