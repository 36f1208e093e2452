package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"duly/config"
	"duly/internal/batch"
	"duly/internal/payment"
	"duly/internal/query"
	"duly/jobs"
	"duly/migrations"
)

// nightlyDoes says what it does.
const nightlyDoes = "all of these, one after the other"

// nightlyFlags are the flags that not every job has and that the nightly one takes.
func nightlyFlags() []string {
	return []string{flagDate, flagAllowFuture, flagRate, flagLimit}
}

// nightly runs every job, each whatever the one before ended with, but for a schema or configuration error, a signal
// and the end of its time.
func (a *app) nightly(ctx context.Context, f runFlags, given func(flag string) bool) (err error) {
	whole := jobSpec{name: jobs.NightlyJob, takes: nightlyFlags(), steps: func(int) []string { return nil }}
	found := whole.misplaced(given)
	if f.rerun != 0 || len(f.Steps) > 0 {
		found = append(found, errors.New("--rerun, --step: nightly is several runs; repeat the one that you mean: duly runs"))
	}
	found = append(found, f.reportMistake())
	c, err := a.load()
	if err := errors.Join(append(found, err)...); err != nil {
		return usage(err)
	}
	a.dry = f.dryRun
	a.seen.begin(ctx, c, nil)
	shared, err := a.open(ctx, c)
	if err != nil {
		return err
	}
	defer shared.close()
	defer func() { a.notify(ctx, c, shared, nil, err) }()
	if !f.dryRun {
		if err := awake(ctx, shared); err != nil {
			return err
		}
	}
	within, end, err := f.bounded(ctx)
	if err != nil {
		return usage(err)
	}
	defer end()
	v := nightlyView{Job: jobs.NightlyJob, Jobs: []nightlyPart{}, NotBegun: []string{}}
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
		return failed(err)
	}
	for i, w := range order {
		if within.Err() != nil {
			v.NotBegun = namesOf(order[i:])
			break
		}
		p := a.shown(within, screen, w, f.forPart(w), shared)
		v.Jobs = append(v.Jobs, p)
		if p.Exit == batch.ExitUsage {
			v.NotBegun = namesOf(order[i+1:])
			break
		}
	}
	if v.Exit = v.worst(); stopCode(within) > batch.ExitNotRun {
		v.Exit = stopCode(within)
	}
	a.code = v.Exit
	if a.Screen.json {
		err = a.Screen.print(v)
	} else {
		screen.end(v)
	}
	pageOfNight(ctx, a.Session, f.report, shared, v, night)
	return err
}

// auditSlack is how far behind the marks an audit that followed them may end: it begins that much before the end of the
// one before it.
const auditSlack = time.Hour

// orderOfNight lists the jobs of the night. The audit comes before billing, and not after it, if the last whole one is
// older than what billing has compared since: what it finds then is known before anything is charged.
func (a *app) orderOfNight(ctx context.Context, c *config.Config, db *database) ([]jobSpec, error) {
	all := registry()
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
	if !audited.Before(listed.Add(-a.lag - auditSlack)) {
		return all, nil
	}
	named := func(name string) int { return slices.IndexFunc(all, func(w jobSpec) bool { return w.name == name }) }
	from := named(jobs.AuditJob)
	audit := all[from]
	all = slices.Delete(all, from, from+1)
	return slices.Insert(all, named(jobs.BillingJob), audit), nil
}

func namesOf(all []jobSpec) []string {
	names := make([]string, len(all))
	for i, w := range all {
		names[i] = w.name
	}
	return names
}

// part runs one job of the night.
func (a *app) part(ctx context.Context, w jobSpec, f runFlags, shared *database) nightlyPart {
	one := a.fork()
	one.shared, one.code, one.Screen.documents, one.night = shared, batch.ExitDone, &[]any{}, true
	p := nightlyPart{Job: w.name}
	one.ran = &p.run
	err := one.runJob(ctx, w, f, func(string) bool { return false })
	p.Exit = one.code
	if err != nil {
		p.Exit = batch.ExitUsage
		if exit, ok := errors.AsType[exitError](err); ok {
			p.Exit = exit.code
		}
		if ctx.Err() != nil { // it failed because the night was told to end
			if p.Exit = stopCode(ctx); p.Exit == batch.ExitDone {
				p.Exit = batch.ExitUnfinished
			}
			err = context.Cause(ctx)
		}
		p.Error = err.Error()
		p.err = err
		a.runAlert.fails(w.name, p.Exit, err)
		if a.nights == nil { // the line of the job says it otherwise
			a.Screen.complain(err)
		}
	}
	if len(*one.Screen.documents) > 0 {
		p.Document = (*one.Screen.documents)[0]
	}
	return p
}

// forPart keeps the flags that mean something to the job. The report of a night is of the day before.
func (f runFlags) forPart(w jobSpec) runFlags {
	f.maxDuration, f.report = "", "" // the night is bounded and reported, not each of its jobs
	if !slices.Contains(w.takes, flagLimit) {
		f.Limit = 0
	}
	if date, err := payment.ParseDate(f.Date); err == nil && w.name == jobs.ReportJob {
		f.Date = (date - 1).String()
	}
	if !slices.Contains(w.takes, flagDate) || w.name == jobs.AuditJob {
		f.Date = ""
	}
	return f
}

// bounded bounds ctx by --max-duration.
func (f runFlags) bounded(ctx context.Context) (context.Context, context.CancelFunc, error) {
	bound, err := f.bound()
	if err != nil || bound == 0 {
		return ctx, func() {}, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, bound, fmt.Errorf("--max-duration of %s is reached", config.FormatDuration(bound)))
	return ctx, cancel, nil
}

// shown runs a job and writes its line.
func (a *app) shown(ctx context.Context, n *nightScreen, w jobSpec, f runFlags, shared *database) nightlyPart {
	if n.each {
		if !n.screen.json {
			n.screen.line("")
		}
		return a.part(ctx, w, f, shared)
	}
	one := *a
	var ended []summary
	one.nights = &ended
	p := one.part(ctx, w, f, shared)
	if len(ended) == 0 {
		n.screen.marked(notRunLine(p), blockIndent+signIndent)
		return p
	}
	n.ended(ended[0])
	return p
}

// beginNight begins the screen of a night.
func (a *app) beginNight(ctx context.Context, c *config.Config, f runFlags, db *database) (*nightScreen, error) {
	n := &nightScreen{screen: a.Screen, now: a.now, dry: f.dryRun, page: f.report, began: a.now(), each: f.verbose || f.dryRun || a.Screen.json}
	if n.each {
		return n, nil
	}
	date := f.Date
	if date == "" {
		business, err := a.clock(ctx, db.DB)
		if err != nil {
			return nil, err
		}
		date = payment.DateOf(business().In(c.Business.Location())).String()
	}
	a.Screen.say(a.Screen.out, strings.Join([]string{jobs.NightlyJob, dayOfYear(date), "times in " + c.Business.Timezone}, " · "))
	return n, nil
}
