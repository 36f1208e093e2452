package page

import (
	"context"
	"fmt"
	"slices"
	"time"

	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/query"
	"duly/internal/query/worklist"
	"duly/internal/report"
	"duly/internal/session"
	"duly/internal/view"
	"duly/jobs"
)

// pageReviews is how many rows that wait for an operator are read for a page, of each kind; it shows them by reason.
const pageReviews = 1000

// waitingOf lists what waits for an operator now, of the kinds that the job leaves to one.
func waitingOf(ctx context.Context, db *session.Database, v view.Run) (report.Waiting, error) {
	var w report.Waiting
	business, err := payment.ParseDate(v.BusinessDate)
	if err != nil {
		return w, fmt.Errorf("read the date of run %d: %w", v.ID, err)
	}
	counts, err := query.CountReviews(ctx, db.DB, business)
	if err != nil {
		return w, fmt.Errorf("count what is in review: %w", mysql.Classify(ctx, err))
	}
	var rows []worklist.Review
	total := int64(0)
	w.List = v.WaitingList()
	switch v.Job {
	case jobs.BillingJob:
		total = counts.Invoices + counts.Subscriptions
		if rows, err = worklist.InvoiceReviews(ctx, db.DB, pageReviews); err != nil {
			return w, err
		}
		more, err := worklist.SubscriptionReviews(ctx, db.DB, business, pageReviews)
		if err != nil {
			return w, err
		}
		rows = append(rows, more...)
		slices.SortStableFunc(rows, func(a, b worklist.Review) int { return b.Since.Compare(a.Since) })
	case jobs.ReconcileJob:
		total = counts.Orders
		rows, err = worklist.OrderReviews(ctx, db.DB, pageReviews)
	case jobs.OutboxJob:
		total = counts.Events
		rows, err = worklist.EventReviews(ctx, db.DB, pageReviews)
	case jobs.AuditJob:
		return findingsOf(ctx, db, v)
	}
	for _, r := range rows[:min(pageReviews, len(rows))] {
		w.Rows = append(w.Rows, reviewOf(r, v))
	}
	w.More = max(0, total-int64(len(w.Rows)))
	return w, err
}

func reviewOf(r worklist.Review, v view.Run) report.Review {
	out := report.Review{What: r.What, ID: r.ID, Reason: r.Reason, Since: r.Since, Command: fmt.Sprintf("duly show %s %d", r.What, r.ID)}
	if r.Currency != "" {
		out.Money = &payment.Money{Amount: r.Amount, Currency: r.Currency}
	}
	if r.What == worklist.Event { // when its delivery ended is not stored
		out.Command = fmt.Sprintf("duly requeue event %d", r.ID)
		return out
	}
	out.New = !r.Since.Before(v.StartedAt) && (v.FinishedAt == nil || !r.Since.After(v.FinishedAt.Add(time.Second)))
	return out
}

func findingsOf(ctx context.Context, db *session.Database, v view.Run) (report.Waiting, error) {
	w := report.Waiting{List: v.WaitingList()}
	list, total, err := query.OpenFindings(ctx, db.DB, pageReviews)
	for _, f := range list {
		w.Rows = append(w.Rows, report.Review{
			What: "finding", ID: f.ID, Reason: f.Text(), Since: f.FirstSeen, New: f.RunID != nil && *f.RunID == v.ID, Command: f.Command(),
		})
	}
	w.More = total - int64(len(w.Rows))
	return w, err
}
