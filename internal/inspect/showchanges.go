package inspect

import (
	"context"
	"fmt"

	"duly/internal/billing"
	"duly/internal/billing/explain"
	"duly/internal/billing/planned"
	"duly/internal/cli"
	"duly/internal/exit"
	"duly/internal/query/details"
	"duly/internal/session"
)

// applyPlanned reads the planned changes of a subscription, and applies to its standing those that the next run will apply.
func applyPlanned(ctx context.Context, db *session.Database, id uint64, standing *explain.Standing) ([]details.PlannedChange, error) {
	rows, err := details.PlannedChanges(ctx, db.DB, id, changesShown)
	if err != nil || standing.Gone || len(rows) == 0 {
		return rows, exit.Failed(err)
	}
	list := make([]planned.Change, len(rows))
	for i, c := range rows {
		list[i] = c.Rules()
	}
	was := standing.Subscription.Status
	plan := planned.ForIssue(standing.Subscription, list, standing.Issue, nil)
	standing.Subscription, standing.Stuck = plan.After, plan.Problem
	standing.Subscription.MethodProblem = plan.Claimed(standing.Issue.Effective, nil).MethodProblem
	if billing.StatusOf(string(was)) == billing.Paused || was == billing.Trialing {
		standing.Resumes = plan.Resumes()
	}
	return rows, nil
}

// plannedText writes what is planned, a line a change.
func plannedText(screen *cli.Screen, w SubscriptionView) {
	for _, c := range w.Planned {
		line := []string{c.Rules().Words(w.Subscription.Currency), fmt.Sprintf("change %d", c.ID)}
		if c.Outcome != "" {
			line = append(line, "cannot be applied")
		}
		screen.Item("Planned:", 9, line...)
	}
}
