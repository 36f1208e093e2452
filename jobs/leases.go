package jobs

import (
	"context"

	"duly/internal/batch"
	"duly/internal/leasewait"
	"duly/internal/query"
)

// watch is a watch over the claims of other runs.
func (w *worker) watch() *leasewait.Watch {
	w.watched = &leasewait.Watch{Clock: w.deps.Clock, Business: w.deps.Business, Heartbeat: w.deps.Heartbeat, Abandon: w.abandon}
	return w.watched
}

// takeOver waits, once a run has nothing else to do, for the leases of those that hold what it was to do, and does it again whenever one
// of them has ended.
func (w *worker) takeOver(ctx context.Context, x *batch.StepExecution, holders func(ctx context.Context) ([]query.Owner, error), again func() error) error {
	return w.watch().Repeat(ctx, x, &leasewait.Holders{DB: w.deps.DB, Run: x.Run, List: holders}, again)
}

// claims says whose the claims of other runs are, and from when the next run takes over those of the dead.
func (w *worker) claims(owners []query.Owner, thing string) []string {
	return w.watched.Claims(owners, thing, w.deps.Business(), w.deps.Zone)
}
