package registry

import (
	"context"

	"duly/internal/batch"
	"duly/internal/cli"
	"duly/internal/preview"
	"duly/internal/session"
	"duly/jobs"
)

// pruneWork deletes what was kept for long enough.
func pruneWork() Job {
	return Job{
		Name:  jobs.PruneJob,
		Does:  "delete old runs and delivered events",
		Takes: []string{cli.FlagLimit},
		Steps: func(int) []string { return jobs.PruneSteps() },
		Build: func(r *Request) (batch.Job, error) { return jobs.Prune(r.Deps, r.prune()), nil },

		Preview: previewPrune,
	}
}

// prune configures a prune run.
func (r *Request) prune() jobs.PruneOptions {
	kept := r.Config.Retention
	return jobs.PruneOptions{Runs: kept.Runs, Events: kept.Events, Sinks: session.SinkNames(r.Config), Steps: r.Flags.Steps}
}

// PruneForecast is the document of a dry run of prune.
type PruneForecast struct {
	Head
	preview.PruneForecast
}

// previewPrune says what will be deleted.
func previewPrune(ctx context.Context, r *Request, f Head) (any, func(), error) {
	found, err := preview.Prune(ctx, r.Deps, r.prune(), r.Flags.Limit)
	doc := PruneForecast{f, found}
	return doc, func() { r.showPrune(doc) }, err
}

// showPrune writes a forecast of prune for people.
func (r *Request) showPrune(f PruneForecast) {
	if f.RunsBefore != nil {
		r.Session.Screen.Line("%s that ended before %s will be deleted; %d as old are still needed", cli.Plural(f.Runs, "run"), r.when(*f.RunsBefore), f.RunsKept)
	}
	if f.Firings+f.FiringsKept > 0 {
		r.Session.Screen.Line("%s of a schedule as old will be deleted; %d are the newest of their job", cli.Plural(f.Firings, "firing"), f.FiringsKept)
	}
	if f.EventsBefore != nil {
		r.Session.Screen.Line("%s written before %s will be deleted; %d as old are not delivered", cli.Plural(f.Events, "event"), r.when(*f.EventsBefore), f.EventsKept)
		if f.Events > 0 && f.Untold {
			r.Session.Screen.Line("nobody was told of these events: neither outbox.url nor Slack is configured")
		}
	}
	if f.RunsBefore == nil && f.EventsBefore == nil {
		r.Session.Screen.Line("nothing will be deleted: retention.runs and retention.events keep everything")
	}
	if f.Limited {
		r.Session.Screen.Line("--limit will end the run before everything is deleted")
	}
}
