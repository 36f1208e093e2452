package app

import (
	"context"
	"log/slog"

	"duly/internal/batch"
	"duly/internal/operator"
	"duly/internal/session"
)

// recordRerun keeps who had a run repeated, and why. That it could not be written down is no reason not to run.
func (e *Execution) recordRerun(ctx context.Context, run *batch.Run) {
	if e.Flags.Rerun == 0 {
		return
	}
	action := session.ActionOn("rerun", "run", e.Flags.Rerun, e.Flags.Reason, map[string]uint64{"run": run.ID})
	if err := operator.Record(ctx, e.Database.DB, action); err != nil {
		e.logs.WarnContext(ctx, "that this is a re-run could not be recorded", slog.Uint64("run_id", run.ID), session.Problem(err))
	}
}
