package preview

import (
	"context"

	"duly/internal/batch"
	"duly/internal/query"
	"duly/internal/store"
	"duly/jobs"
)

// DueIn counts what a step of the billing job has before it; -1 if that is not known. counted is what was counted before another step when
// that began, -1 if it was not.
func DueIn(ctx context.Context, d jobs.Deps, o jobs.BillingOptions, stages int, step string, counted func(step string) int64) (int64, error) {
	selection := o.Selection
	counts := map[string]func() (int64, error){
		jobs.StepIssue: func() (int64, error) {
			return query.Issuable(ctx, d.DB, query.Issuing{Selection: selection, Effective: o.Effective(d.Today()), CatchUp: o.CatchUp, Named: o.Policy.Named})
		},
		jobs.StepRecover: func() (int64, error) {
			u, err := query.CountUnsettled(ctx, d.DB, selection, store.Gateways{})
			if err != nil || u.InFlight == 0 {
				return u.InDoubt, err
			}
			free, err := unowned(ctx, d, selection)
			return free + u.InDoubt, err
		},
	}
	for stage, name := range jobs.BillingSteps(stages)[2 : 3+stages] {
		counts[name] = func() (int64, error) { return query.Collectable(ctx, d.DB, selection, stage, store.Gateways{}) }
	}
	count, ok := counts[step]
	if !ok {
		return -1, nil
	}
	n, err := count()
	if err == nil && step == jobs.StepCollect && issuesToo(ctx) {
		more := counted(jobs.StepIssue) // a step that goes on has done nothing before this one begins
		if more < 0 {
			more, err = counts[jobs.StepIssue]()
		}
		n += more
	}
	return n, err
}

// issuesToo reports whether the step that ctx belongs to issues what it collects, so that it has before it what the step issue has.
func issuesToo(ctx context.Context) bool {
	x := batch.Execution(ctx)
	if x == nil {
		return false
	}
	issue := x.Sibling(jobs.StepIssue)
	return issue != nil && issue.Begun() && !issue.Ended()
}

// unowned counts the charges in flight that belong to no run whose lease holds.
func unowned(ctx context.Context, d jobs.Deps, selection store.Selection) (int64, error) {
	owners, free, err := query.Claims(ctx, d.DB, selection, store.Gateways{}, 0)
	for _, o := range owners {
		if !o.FreeAt().After(d.Business()) {
			free += o.Claimed // the step takes over what it held
		}
	}
	return free, err
}
