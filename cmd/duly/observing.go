package main

import (
	"context"
	"slices"
	"strings"

	"duly/config"
	"duly/internal/batch"
	"duly/internal/runs"
	"duly/jobs"
)

// observing does what a command of `duly run` is to do, and tells the machines that watch. A dry run is not watched.
func (a *app) observing(ctx context.Context, f runFlags, do func() error) error {
	if f.dryRun {
		return do()
	}
	a.seen = &telemetry{app: a.Session, partial: f.partial()}
	err := do()
	a.seen.end(ctx, codeOf(ctx, a.Session, err))
	return err
}

// withAlert runs a command of `duly run` and sends an alert if it ends badly.
func (a *app) withAlert(ctx context.Context, job string, f runFlags, do func() error) error {
	if f.dryRun {
		return do()
	}
	a.runAlert = &runAlert{job: job, told: f.Date}
	err := do()
	a.notifyWithoutDatabase(ctx, err)
	return err
}

// mistyped alerts people of a command line of `duly run` that could not be read, if it is clear which configuration it means.
func (a *app) mistyped(ctx context.Context, command string, args []string, err error) {
	named := func(flag string) bool {
		return slices.ContainsFunc(args, func(arg string) bool { return arg == flag || strings.HasPrefix(arg, flag+"=") })
	}
	if a.runAlert != nil || command != "duly run" || named("--dry-run") || named("--config") && a.file == "" {
		return
	}
	a.runAlert = &runAlert{job: jobOf(args[1:])}
	a.notifyWithoutDatabase(ctx, err)
}

// ended notes how a run ended.
func (e *execution) ended(run *batch.Run, s summary) {
	if e.cmd.runAlert != nil {
		e.cmd.runAlert.runs = append(e.cmd.runAlert.runs, endedRun{summary: s, run: *run, errors: &e.logs.errors})
	}
}

// notifyWithoutDatabase sends the alert of a command that failed before it opened the database, if its configuration can be read.
func (a *app) notifyWithoutDatabase(ctx context.Context, err error) {
	if a.runAlert.notified {
		return
	}
	a.flags = nil // they may be what is wrong
	c, loadErr := a.load()
	if loadErr != nil {
		return
	}
	a.notify(ctx, c, nil, nil, err)
}

// notify alerts people on Slack of a command that ended badly with err, and of runs that died. Whatever goes
// wrong with that changes nothing else, and it takes alertWithin at most. db and l are nil where there are none.
func (a *app) notify(ctx context.Context, c *config.Config, db *database, l *logs, err error) {
	t := a.runAlert
	if t == nil || t.notified {
		return
	}
	t.notified = true
	if !c.Slack.Enabled() {
		return
	}
	if l == nil {
		var logErr error
		if l, logErr = plainLogs(a.Session, c); logErr != nil {
			return // the check of the configuration reports it
		}
		defer l.close()
	}
	code := codeOf(ctx, a.Session, err)
	bad := t.alarming(code, a.Screen.terminal(a.Screen.out) || a.Screen.terminal(a.Screen.err))
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.alertWithin)
	defer cancel()
	if err != nil && len(t.failed) == 0 {
		t.fails(t.job, code, err)
	}
	var dead []runs.Dead
	if db != nil {
		dead = t.read(ctx, db.DB, l)
	}
	if !bad && len(dead) == 0 {
		return
	}
	ids := make([]uint64, 0, len(dead))
	for _, d := range dead {
		ids = append(ids, d.ID)
	}
	if sendErr := send(ctx, a.Session, c, t.alert(newAlertFormatter(a.Session, c, code), bad, dead)); sendErr != nil {
		l.WarnContext(ctx, "people on Slack could not be told", problem(sendErr))
		if db != nil {
			t.mark(ctx, l, runs.UnmarkNotified(ctx, db.DB, ids))
		}
		return
	}
	if db != nil && bad {
		t.mark(ctx, l, runs.MarkNotified(ctx, db.DB, t.ids()))
	}
}

// jobOf is the job that the arguments of `run` name.
func jobOf(args []string) string {
	for _, arg := range args {
		if slices.Contains(append(jobs.Names(), jobs.NightlyJob), arg) {
			return arg
		}
	}
	return "run"
}
