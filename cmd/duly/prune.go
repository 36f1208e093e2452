package main

import (
	"context"
	"fmt"

	"duly/config"
	"duly/internal/batch"
	"duly/jobs"
)

// pruneWork deletes what was kept for long enough.
func pruneWork() work {
	return work{
		name:  jobs.PruneJob,
		takes: []string{flagLimit},
		steps: func(int) []string { return jobs.PruneSteps() },
		job: func(e *execution) (batch.Job, error) {
			r := e.config.Retention
			return jobs.Prune(e.deps, jobs.PruneOptions{Runs: r.Runs, Events: r.Events, Sinks: sinkNames(e.config), Steps: e.flags.Steps}), nil
		},
		foretell: foretellPrune,
	}
}

// foretellPrune says what would be deleted.
func foretellPrune(_ context.Context, e *execution, f forecast) (any, func(), error) {
	r := e.config.Retention
	doc := leftForecast{f, []string{
		fmt.Sprintf("runs that ended more than %s ago would be deleted", config.FormatDuration(r.Runs)),
		fmt.Sprintf("delivered events of more than %s ago would be deleted", config.FormatDuration(r.Events)),
	}}
	return doc, func() {
		for _, line := range doc.Due {
			e.line("%s", line)
		}
	}, nil
}
