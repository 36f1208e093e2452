package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"duly/internal/batch"
	"duly/internal/mysql"
	"duly/internal/query"
	"duly/internal/query/worklist"
	"duly/jobs"
)

// reviewsShown is how many rows a run names of those that it sent to review, and of those that it left.
const reviewsShown = 5

// errEnough ends a walk.
var errEnough = errors.New("enough rows")

// name adds the rows that the run sent to review, and those that it left, to the summary.
func (e *execution) name(ctx context.Context, s *summary, run *batch.Run, reviews int64) {
	now, canAsk := e.deps.Business(), asks(e.config)
	var err error
	if reviews > 0 {
		if s.Reviewed, err = e.reviewed(ctx, run, run.Started, reviewsShown); err != nil {
			e.logs.WarnContext(ctx, "rows in review could not be listed", problem(mysql.Classify(ctx, err)))
		}
	}
	if len(s.Left) > 0 {
		if s.LeftRows, err = e.leftRows(ctx); err != nil {
			e.logs.WarnContext(ctx, "what is left could not be listed", problem(mysql.Classify(ctx, err)))
		}
	}
	for _, rows := range [][]listed{s.Reviewed, s.LeftRows} {
		for i := range rows {
			rows[i].Next = waysOut(rows[i].Row, now, canAsk)
		}
	}
}

// reviewed lists the first rows, at most so many, that the run sent to review, or that one before it did since the instant.
func (e *execution) reviewed(ctx context.Context, run *batch.Run, since time.Time, most int) ([]listed, error) {
	var rows []worklist.Row
	switch run.Job {
	case jobs.BillingJob:
		ids, err := query.NewReviews(ctx, e.db.DB, since, most)
		if err != nil {
			return nil, err
		}
		if rows, err = worklist.Invoices(ctx, e.db.DB, ids); err != nil {
			return nil, err
		}
		f := worklist.Filter{What: []string{worklist.Subscription}, Since: since}
		if rows, err = more(ctx, e.db.DB, rows, worklist.Subscriptions(e.business), f, most); err != nil {
			return nil, err
		}
	case jobs.ReconcileJob:
		ids, err := query.NewOrderReviews(ctx, e.db.DB, since, most)
		if err != nil {
			return nil, err
		}
		if rows, err = worklist.Orders(ctx, e.db.DB, ids); err != nil {
			return nil, err
		}
	}
	return asListed(rows), nil
}

// leftRows lists the first rows that the run has left undone, of those that it was to do.
func (e *execution) leftRows(ctx context.Context) ([]listed, error) {
	var rows []worklist.Row
	var err error
	selection := e.selection()
	f := worklist.Filter{What: []string{worklist.Attempt}}
	switch e.work.name {
	case jobs.BillingJob:
		if len(selection.Subscriptions) == 0 {
			if rows, err = worklist.OpenAndDue(ctx, e.db.DB, e.business, reviewsShown); err != nil {
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
	rows, err = more(ctx, e.db.DB, rows, worklist.InDoubt(), f, reviewsShown)
	return asListed(rows), err
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

func asListed(rows []worklist.Row) []listed {
	list := make([]listed, len(rows))
	for i, l := range rows {
		list[i].Row = l
	}
	return list
}

// nextOf are the usual commands about rows. A word on money that a gateway may have taken is said by who has looked: the command that
// shows the row comes first.
func nextOf(rows []listed) []string {
	var next []string
	for _, row := range rows {
		if len(row.Next) == 0 {
			continue
		}
		command := row.Next[0].Command
		if strings.HasPrefix(command, "duly resolve attempt ") || strings.HasPrefix(command, "duly resolve payment ") {
			switch {
			case row.What == worklist.Order:
				command = fmt.Sprintf("duly show order %d", row.ID)
			case row.Invoice != 0:
				command = fmt.Sprintf("duly show invoice %d", row.Invoice)
			}
		}
		next = append(next, command)
	}
	return next
}
