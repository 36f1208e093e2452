package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"duly/internal/cli"
	"duly/internal/exit"
	"duly/internal/gateway"
	"duly/internal/registry"
	"duly/internal/runs"
	"duly/jobs"
)

// DryRun prints what a run would do. It writes nothing and calls no gateway.
func (e *Execution) DryRun(ctx context.Context) error {
	others, err := e.Deps.Repository.Others(ctx, 0)
	if err != nil {
		return exit.Failed(err)
	}
	f := registry.Head{Job: e.Job.Name, BusinessDate: e.Business.String(), DryRun: true}
	if _, pause, paused := e.paused(e.pauses); paused {
		f.Paused = pause.String()
	}
	preview := e.Job.Preview
	if preview == nil {
		preview = registry.PreviewLeft
	}
	document, show, err := preview(ctx, e.Request, f)
	if err = errors.Join(err, e.untouched()); err != nil {
		return exit.Failed(fmt.Errorf("dry run: %w", err))
	}
	if e.Screen.JSON {
		return e.Screen.Print(document)
	}
	if e.Screen.CSVOnly {
		show()
		return nil
	}
	e.forecastHeader(others)
	show()
	return nil
}

// forecastHeader begins a forecast: what it is, and what else is running or paused.
func (e *Execution) forecastHeader(others []runs.Live) {
	job := ""
	if e.cmd.night {
		job = e.Job.Name
	}
	zone := ""
	if e.Job.Name != jobs.BillingJob {
		zone = "times in " + e.Config.Business.Timezone
	}
	e.Screen.Item("", 0, job, e.Business.Time().Format("2 Jan 2006"), zone, "forecast: nothing written, no gateway called")
	for _, o := range others {
		e.Screen.Line("%s run %d is live: %s on %s", cli.SignLook, o.ID, o.Job, o.Host)
	}
	if name, pause, paused := e.paused(e.pauses); paused {
		e.Screen.Line("%s will not run: %s paused %s (%q); duly resume %s", cli.SignLook, pause.Who, name, pause.Reason, name)
	}
	for _, name := range slices.Sorted(maps.Keys(e.Deps.Gateways)) {
		if pause, paused := e.pauses.Gateway(name); paused {
			e.Screen.Line("%s skipped: %s paused gateway %s (%q); duly resume gateway %s", cli.SignLook, pause.Who, name, pause.Reason, name)
		}
	}
}

// untouched is an error if a gateway was to be called: then the forecast does what it must not.
func (e *Execution) untouched() error {
	for name, g := range e.Deps.Gateways {
		if sent := g.Stats().Requests(); sent > 0 {
			return fmt.Errorf("gateway %s: %d requests were to be sent, and were not: %w", name, sent, gateway.ErrUntouched)
		}
	}
	return nil
}
