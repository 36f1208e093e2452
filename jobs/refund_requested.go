package jobs

import (
	"context"

	"duly/internal/batch"
	"duly/internal/query"
)

// requestedLeft names the selected rows of refunds that are not settled, with numbers.
func (r *reconcileRun) requestedLeft(ctx context.Context) ([]string, error) {
	left, err := query.CountRequestedRefunds(ctx, r.DB, r.o.Selection, r.Business())
	if err != nil || left.Due+left.Waiting == 0 {
		return nil, err
	}
	elsewhere, err := query.RequestedRefundsElsewhere(ctx, r.DB, r.o.Selection, r.Configured())
	if err != nil {
		return nil, err
	}
	reasons := query.ElsewhereReasons(elsewhere, "refund", "executed")
	n, claimed, err := r.unclaimed(ctx, left.Due-query.ElsewhereSum(elsewhere), query.RequestedHolders)
	if reasons = append(reasons, claimed...); err != nil {
		return nil, err
	}
	return append(reasons, left.Reasons(n, "refund", " due and not executed", " not executed yet")...), nil
}

// waits names the refunds in review that others of their payment wait for.
func (r *reconcileRun) waits(ctx context.Context) ([]batch.Waiting, error) {
	if !Selected(r.o.Steps, StepRefund) {
		return nil, nil
	}
	reasons, err := query.BlockingRefunds(ctx, r.DB, r.o.Selection)
	waits := make([]batch.Waiting, len(reasons))
	for i, reason := range reasons {
		waits[i].Reason = reason
	}
	return waits, err
}
