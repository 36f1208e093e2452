package jobs

import (
	"context"
	"time"

	"duly/internal/query"
	"duly/internal/text"
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
	if n > 0 {
		reasons = append(reasons, text.Plural(n, "refund")+" due and not executed")
	}
	if left.Waiting > 0 {
		reasons = append(reasons, text.Plural(left.Waiting, "refund")+" not executed yet, next try "+left.Next.UTC().Format(time.TimeOnly)+" UTC")
	}
	return reasons, nil
}
