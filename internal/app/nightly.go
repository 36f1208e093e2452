package app

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"duly/config"
	"duly/internal/batch"
	"duly/internal/cli"
	"duly/internal/exit"
	"duly/internal/payment"
	"duly/internal/query"
	"duly/internal/registry"
	"duly/internal/session"
	"duly/internal/view"
	"duly/jobs"
	"duly/migrations"
)

// NightlyDoes says what it does.
const NightlyDoes = "all of these, one after the other"

// nightlyFlags are the flags that not every job has and that the nightly one takes.
func nightlyFlags() []string {
	return []string{cli.FlagDate, cli.FlagAllowFuture, cli.FlagRate, cli.FlagLimit}
}

// Nightly runs every job, each whatever the one before ended with, but for a schema or configuration error, a signal
// and the end of its time.
func (a *Command) Nightly(ctx context.Context, f registry.Flags, given func(flag string) bool) (err error) {
	whole := registry.Job{Name: jobs.NightlyJob, Takes: nightlyFlags(), Steps: func(int) []string { return nil }}
	found := whole.Misplaced(given)
	if f.Rerun != 0 || len(f.Steps) > 0 {
		found = append(found, errors.New("--rerun, --step: nightly is several runs; repeat the one that you mean: duly runs"))
	}
	found = append(found, f.ReportMistake())
	c, err := a.Load()
	if err := errors.Join(append(found, err)...); err != nil {
		return exit.Usage(err)
	}
	a.Dry = f.DryRun
	a.seen.Begin(ctx, c, nil)
	shared, err := a.Open(ctx, c)
	if err != nil {
		return err
	}
	defer shared.Close()
	defer func() { a.notify(ctx, c, shared, nil, err) }()
	if !f.DryRun {
		if err := awake(ctx, shared); err != nil {
			return err
		}
	}
	within, end, err := f.Bounded(ctx)
	if err != nil {
		return exit.Usage(err)
	}
	defer end()
	v := view.Night{Job: jobs.NightlyJob, Jobs: []view.NightPart{}, NotBegun: []string{}}
	screen, err := a.beginNight(ctx, c, f, shared)
	if err != nil {
		return err
	}
	night, err := nightOf(ctx, a.Session, f, shared)
	if err != nil {
		return err
	}
	order, err := a.orderOfNight(ctx, c, shared)
	if err != nil {
		return exit.Failed(err)
	}
	for i, w := range order {
		if within.Err() != nil {
			v.NotBegun = namesOf(order[i:])
			break
		}
		p := a.shown(within, screen, w, f.ForPart(w), shared)
		v.Jobs = append(v.Jobs, p)
		if p.Exit == batch.ExitUsage {
			v.NotBegun = namesOf(order[i+1:])
			break
		}
	}
	if v.Exit = v.Worst(); exit.StopCode(within) > batch.ExitNotRun {
		v.Exit = exit.StopCode(within)
	}
	a.Code = v.Exit
	if a.Screen.JSON {
		err = a.Screen.Print(v)
	} else {
		screen.End(v)
	}
	pageOfNight(ctx, a.Session, f.Report, shared, v, night)
	return err
}

// auditSlack is how far behind the marks an audit that followed them may end: it begins that much before the end of the
// one before it.
const auditSlack = time.Hour

// orderOfNight lists the jobs of the night. The audit comes before billing, and not after it, if the last whole one is
// older than what billing has compared since: what it finds then is known before anything is charged.
func (a *Command) orderOfNight(ctx context.Context, c *config.Config, db *session.Database) ([]registry.Job, error) {
	all := slices.DeleteFunc(registry.Jobs(), func(w registry.Job) bool { return w.Name == jobs.NoticesJob && !session.GivesNotice(c) })
	if err := migrations.Check(ctx, db.DB.DB.DB); err != nil {
		return all, nil //nolint:nilerr // each job says so
	}
	listed, err := query.ListedTo(ctx, db.DB, slices.Sorted(maps.Keys(c.Gateways)))
	if err != nil {
		return nil, err
	}
	audited, err := query.AuditedTo(ctx, db.DB)
	if err != nil {
		return nil, err
	}
	if !audited.Before(listed.Add(-a.Lag - auditSlack)) {
		return all, nil
	}
	named := func(name string) int {
		return slices.IndexFunc(all, func(w registry.Job) bool { return w.Name == name })
	}
	from := named(jobs.AuditJob)
	audit := all[from]
	all = slices.Delete(all, from, from+1)
	return slices.Insert(all, named(jobs.BillingJob), audit), nil
}

func namesOf(all []registry.Job) []string {
	names := make([]string, len(all))
	for i, w := range all {
		names[i] = w.Name
	}
	return names
}

// part runs one job of the night.
func (a *Command) part(ctx context.Context, w registry.Job, f registry.Flags, shared *session.Database) view.NightPart {
	one := a.Fork()
	one.Shared, one.Code, one.Screen.Documents, one.night = shared, batch.ExitDone, &[]any{}, true
	p := view.NightPart{Job: w.Name}
	one.ran = &p.Run
	err := one.RunJob(ctx, w, f, func(string) bool { return false })
	p.Exit = one.Code
	if err != nil {
		p.Exit = batch.ExitUsage
		if exit, ok := errors.AsType[exit.Error](err); ok {
			p.Exit = exit.Code
		}
		if ctx.Err() != nil { // it failed because the night was told to end
			if p.Exit = exit.StopCode(ctx); p.Exit == batch.ExitDone {
				p.Exit = batch.ExitUnfinished
			}
			err = context.Cause(ctx)
		}
		p.Error = err.Error()
		p.Err = err
		a.runAlert.Fails(w.Name, p.Exit, err)
		if a.nights == nil { // the line of the job says it otherwise
			a.Screen.Complain(err)
		}
	}
	if len(*one.Screen.Documents) > 0 {
		p.Document = (*one.Screen.Documents)[0]
	}
	return p
}

// shown runs a job and writes its line.
func (a *Command) shown(ctx context.Context, n *view.NightScreen, w registry.Job, f registry.Flags, shared *session.Database) view.NightPart {
	if n.Each {
		if !n.Screen.JSON {
			n.Screen.Line("")
		}
		return a.part(ctx, w, f, shared)
	}
	one := a.Fork()
	var ended []view.Summary
	one.nights = &ended
	p := one.part(ctx, w, f, shared)
	if len(ended) == 0 {
		n.Screen.Marked(view.NotRunLine(p), cli.BlockIndent+cli.SignIndent)
		return p
	}
	n.Ended(ended[0])
	return p
}

// beginNight begins the screen of a night.
func (a *Command) beginNight(ctx context.Context, c *config.Config, f registry.Flags, db *session.Database) (*view.NightScreen, error) {
	n := &view.NightScreen{Screen: a.Screen, Now: a.Now, Dry: f.DryRun, Page: f.Report, Began: a.Now(), Each: f.Verbose || f.DryRun || a.Screen.JSON}
	if n.Each {
		return n, nil
	}
	date := f.Date
	if date == "" {
		business, err := a.Clock(ctx, db.DB)
		if err != nil {
			return nil, err
		}
		date = payment.DateOf(business().In(c.Business.Location())).String()
	}
	a.Screen.Say(a.Screen.Out, strings.Join([]string{jobs.NightlyJob, cli.DayOfYear(date), "times in " + c.Business.Timezone}, " · "))
	return n, nil
}
