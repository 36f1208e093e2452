package methods

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"duly/internal/batch"
	"duly/internal/mysql"
)

const (
	// aheadTries is how often in a row a page is read that cannot be, and aheadWait how long is waited between.
	aheadTries = 6
	aheadWait  = 200 * time.Millisecond
)

// All makes the invoices of the stage due, page by page. Invoices that cannot be read now wait for a later run, or for their date.
func (a *Ahead) All(ctx context.Context, x *batch.StepExecution) {
	if a.AtOnce == nil && !a.Policy.RetryOnNewMethod {
		return
	}
	a.run = x.Run.ID
	for tries := 1; ctx.Err() == nil; {
		more, refused, err := a.advance(ctx)
		for _, id := range slices.Sorted(maps.Keys(refused)) {
			if a.AtOnce != nil && err == nil {
				x.Log.WarnContext(ctx, "an invoice is not charged at once", slog.Uint64("invoice_id", id), slog.String("reason", refused[id].Error()))
				x.Leave(fmt.Sprintf("invoice %d is not charged at once: %v", id, refused[id]))
			}
		}
		switch {
		case err == nil && !more, ctx.Err() != nil:
			return
		case err == nil:
			tries = 1
		case tries < aheadTries && (errors.Is(err, batch.ErrUnavailable) || errors.Is(err, batch.ErrLocked)):
			tries++
			_ = batch.Wait(ctx, aheadWait) // the loop sees that the run ends
		default:
			x.Leave("payment methods that were changed could not be looked for: " + mysql.Reason(err))
			return
		}
	}
}
