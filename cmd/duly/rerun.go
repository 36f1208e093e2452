package main

import (
	"context"
	"log/slog"

	"duly/internal/batch"
	"duly/internal/operator"
)

// recordRerun keeps who had a run repeated, and why. That it could not be written down is no reason not to run.
func (e *execution) recordRerun(ctx context.Context, run *batch.Run) {
	if e.flags.rerun == 0 {
		return
	}
	action := newAction("rerun", "run", e.flags.rerun, e.flags.reason, map[string]uint64{"run": run.ID})
	if err := operator.Record(ctx, e.db.DB, action); err != nil {
		e.logs.WarnContext(ctx, "that this is a re-run could not be recorded", slog.Uint64("run_id", run.ID), problem(err))
	}
}
