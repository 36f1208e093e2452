package main

import (
	"context"

	"duly/internal/batch"
	"duly/internal/preview"
	"duly/jobs"
)

// pruneWork deletes what was kept for long enough.
func pruneWork() jobSpec {
	return jobSpec{
		name:  jobs.PruneJob,
		does:  "delete old runs and delivered events",
		takes: []string{flagLimit},
		steps: func(int) []string { return jobs.PruneSteps() },
		job:   func(e *execution) (batch.Job, error) { return jobs.Prune(e.deps, e.prune()), nil },

		preview: previewPrune,
	}
}

// prune is what a prune run is told.
func (e *execution) prune() jobs.PruneOptions {
	r := e.config.Retention
	return jobs.PruneOptions{Runs: r.Runs, Events: r.Events, Sinks: sinkNames(e.config), Steps: e.flags.Steps}
}

// pruneForecast is the document of a dry run of prune.
type pruneForecast struct {
	forecast
	preview.PruneForecast
}

// previewPrune says what will be deleted.
func previewPrune(ctx context.Context, e *execution, f forecast) (any, func(), error) {
	found, err := preview.Prune(ctx, e.deps, e.prune(), e.flags.Limit)
	doc := pruneForecast{f, found}
	return doc, func() { e.showPrune(doc) }, err
}

// showPrune writes a forecast of prune for people.
func (e *execution) showPrune(f pruneForecast) {
	if f.RunsBefore != nil {
		e.line("%s that ended before %s will be deleted; %d as old are still needed", plural(f.Runs, "run"), e.when(*f.RunsBefore), f.RunsKept)
	}
	if f.Firings > 0 {
		e.line("%s of the schedule as old will be deleted; %d are the newest of their job", plural(f.Firings, "firing"), f.FiringsKept)
	}
	if f.Firings+f.FiringsKept > 0 {
		e.line("%s of a schedule as old will be deleted; %d are the newest of their job", plural(f.Firings, "firing"), f.FiringsKept)
	}
	if f.EventsBefore != nil {
		e.line("%s written before %s will be deleted; %d as old are not delivered", plural(f.Events, "event"), e.when(*f.EventsBefore), f.EventsKept)
		if f.Events > 0 && f.Untold {
			e.line("nobody was told of these events: neither outbox.url nor Slack is configured")
		}
	}
	if f.RunsBefore == nil && f.EventsBefore == nil {
		e.line("nothing will be deleted: retention.runs and retention.events keep everything")
	}
	if f.Limited {
		e.line("--limit will end the run before everything is deleted")
	}
}
