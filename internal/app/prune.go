package app

import (
	"context"

	"duly/internal/preview"

	"duly/internal/batch"
	"duly/internal/cli"
	"duly/internal/session"
	"duly/jobs"
)

// pruneWork deletes what was kept for long enough.
func pruneWork() JobSpec {
	return JobSpec{
		Name:  jobs.PruneJob,
		Does:  "delete old runs and delivered events",
		takes: []string{cli.FlagLimit},
		Steps: func(int) []string { return jobs.PruneSteps() },
		Job:   func(e *Execution) (batch.Job, error) { return jobs.Prune(e.Deps, e.prune()), nil },

		Preview: previewPrune,
	}
}

// prune is what a prune run is told.
func (e *Execution) prune() jobs.PruneOptions {
	r := e.config.Retention
	return jobs.PruneOptions{Runs: r.Runs, Events: r.Events, Sinks: session.SinkNames(e.config), Steps: e.flags.Steps}
}

// PruneForecast is the document of a dry run of prune.
type PruneForecast struct {
	ForecastHead
	preview.PruneForecast
}

// previewPrune says what will be deleted.
func previewPrune(ctx context.Context, e *Execution, f ForecastHead) (any, func(), error) {
	found, err := preview.Prune(ctx, e.Deps, e.prune(), e.flags.Limit)
	doc := PruneForecast{f, found}
	return doc, func() { e.showPrune(doc) }, err
}

// showPrune writes a forecast of prune for people.
func (e *Execution) showPrune(f PruneForecast) {
	if f.RunsBefore != nil {
		e.Screen.Line("%s that ended before %s will be deleted; %d as old are still needed", cli.Plural(f.Runs, "run"), e.when(*f.RunsBefore), f.RunsKept)
	}
	if f.Firings > 0 {
		e.Screen.Line("%s of the schedule as old will be deleted; %d are the newest of their job", cli.Plural(f.Firings, "firing"), f.FiringsKept)
	}
	if f.Firings+f.FiringsKept > 0 {
		e.Screen.Line("%s of a schedule as old will be deleted; %d are the newest of their job", cli.Plural(f.Firings, "firing"), f.FiringsKept)
	}
	if f.EventsBefore != nil {
		e.Screen.Line("%s written before %s will be deleted; %d as old are not delivered", cli.Plural(f.Events, "event"), e.when(*f.EventsBefore), f.EventsKept)
		if f.Events > 0 && f.Untold {
			e.Screen.Line("nobody was told of these events: neither outbox.url nor Slack is configured")
		}
	}
	if f.RunsBefore == nil && f.EventsBefore == nil {
		e.Screen.Line("nothing will be deleted: retention.runs and retention.events keep everything")
	}
	if f.Limited {
		e.Screen.Line("--limit will end the run before everything is deleted")
	}
}
