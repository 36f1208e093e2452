package app

import (
	"context"
	"errors"
	"slices"
	"time"

	"duly/internal/batch"
	"duly/internal/mysql"
	"duly/internal/query"
	"duly/internal/query/worklist"
	"duly/internal/registry"
	"duly/internal/session"
	"duly/internal/view"
	"duly/jobs"
)

// errEnough ends a walk.
var errEnough = errors.New("enough rows")

// name adds the rows that the run sent to review, and those that it left, to the summary.
func (e *Execution) name(ctx context.Context, s *view.Summary, run *batch.Run, reviews int64) {
	now, canAsk := e.Deps.Business(), view.Asks(e.Config)
	var err error
	if reviews > 0 {
		if s.Reviewed, err = e.reviewed(ctx, run, run.Started, registry.ReviewsShown); err != nil {
			e.logs.WarnContext(ctx, "rows in review could not be listed", session.Problem(mysql.Classify(ctx, err)))
		}
	}
	if len(s.Left) > 0 {
		if s.LeftRows, err = e.leftRows(ctx); err != nil {
			e.logs.WarnContext(ctx, "what is left could not be listed", session.Problem(mysql.Classify(ctx, err)))
		}
	}
	for _, rows := range [][]view.Listed{s.Reviewed, s.LeftRows} {
		for i := range rows {
			rows[i].Next = view.WaysOut(rows[i].Row, now, canAsk)
		}
	}
}

// reviewed lists the first rows, at most so many, that the run sent to review, or that one before it did since the instant.
func (e *Execution) reviewed(ctx context.Context, run *batch.Run, since time.Time, most int) ([]view.Listed, error) {
	var rows []worklist.Row
	switch run.Job {
	case jobs.BillingJob:
		ids, err := query.NewReviews(ctx, e.Database.DB, since, most)
		if err != nil {
			return nil, err
		}
		if rows, err = worklist.Invoices(ctx, e.Database.DB, ids); err != nil {
			return nil, err
		}
		f := worklist.Filter{What: []string{worklist.Subscription}, Since: since}
		if rows, err = more(ctx, e.Database.DB, rows, worklist.Subscriptions(e.Business), f, most); err != nil {
			return nil, err
		}
	case jobs.ReconcileJob:
		ids, err := query.NewOrderReviews(ctx, e.Database.DB, since, most)
		if err != nil {
			return nil, err
		}
		if rows, err = worklist.Orders(ctx, e.Database.DB, ids); err != nil {
			return nil, err
		}
	}
	return view.AsListed(rows), nil
}

// leftRows lists the first rows that the run has left undone, of those that it was to do.
func (e *Execution) leftRows(ctx context.Context) ([]view.Listed, error) {
	var rows []worklist.Row
	var err error
	selection := e.Selection()
	f := worklist.Filter{What: []string{worklist.Attempt}}
	switch e.Job.Name {
	case jobs.BillingJob:
		if len(selection.Subscriptions) == 0 {
			if rows, err = worklist.OpenAndDue(ctx, e.Database.DB, e.Business, registry.ReviewsShown); err != nil {
				return nil, err
			}
		}
	case jobs.ReconcileJob:
		f.What = []string{worklist.Order}
	default:
		return nil, nil
	}
	f.Only = func(l worklist.Row) bool {
		return (len(selection.Subscriptions) == 0 || slices.Contains(selection.Subscriptions, l.Subscription)) &&
			(len(selection.Orders) == 0 || slices.Contains(selection.Orders, l.ID))
	}
	rows, err = more(ctx, e.Database.DB, rows, worklist.InDoubt(), f, registry.ReviewsShown)
	return view.AsListed(rows), err
}

// more adds rows of a list, until there are that many.
func more(ctx context.Context, db *mysql.DB, rows []worklist.Row, list worklist.List, f worklist.Filter, most int) ([]worklist.Row, error) {
	if len(rows) >= most {
		return rows, nil
	}
	err := list.Each(ctx, db, f, func(l worklist.Row) error {
		if rows = append(rows, l); len(rows) == most {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return rows, err
}

// groupReviews groups the rows that went to review since the instant by their reasons, the most rows first.
func (e *Execution) groupReviews(ctx context.Context, s *view.Summary, run *batch.Run, since time.Time) error {
	if s.Reviews == 0 && !since.Before(run.Started) {
		return nil
	}
	rows, err := e.reviewed(ctx, run, since, view.ReviewsGrouped)
	if err != nil {
		return err
	}
	now, canAsk := e.Deps.Business(), view.Asks(e.Config)
	for i := range rows {
		rows[i].Next = view.WaysOut(rows[i].Row, now, canAsk)
	}
	s.Reviews = max(s.Reviews, int64(len(rows)))
	s.Groups = view.Grouped(rows)
	return nil
}
