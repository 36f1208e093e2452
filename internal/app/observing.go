package app

import (
	"context"
	"slices"
	"strings"

	"duly/config"
	"duly/internal/alert"
	"duly/internal/batch"
	"duly/internal/registry"
	"duly/internal/runs"
	"duly/internal/session"
	"duly/internal/telemetry"
	"duly/internal/view"
)

// Told begins to tell people and machines of a command of `duly run` for job. The function that it returns must be called with the command's error:
// it tells how the command ended, machines first, and alerts people if that was badly. Of a dry run nobody is told.
func (a *Command) Told(ctx context.Context, job string, f registry.Flags) (ended func(err error)) {
	if f.DryRun {
		return func(error) {}
	}
	a.runAlert = &alert.Collector{Job: job, Told: f.Date}
	a.seen = &telemetry.Command{App: a.Session, Partial: f.Partial()}
	return func(err error) {
		a.seen.End(ctx, session.ExitCode(ctx, a.Session, err))
		a.notifyWithoutDatabase(ctx, err)
	}
}

// Mistyped alerts people of a command line of `duly run` that could not be read, if it is clear which configuration it means.
func (a *Command) Mistyped(ctx context.Context, command string, args []string, err error) {
	named := func(flag string) bool {
		return slices.ContainsFunc(args, func(arg string) bool { return arg == flag || strings.HasPrefix(arg, flag+"=") })
	}
	if a.runAlert != nil || command != "duly run" || named("--dry-run") || named("--config") && a.File == "" {
		return
	}
	a.runAlert = &alert.Collector{Job: JobOf(args[1:])}
	a.notifyWithoutDatabase(ctx, err)
}

// ended notes how a run ended.
func (e *Execution) ended(run *batch.Run, s view.Summary) {
	if e.cmd.runAlert != nil {
		e.cmd.runAlert.Runs = append(e.cmd.runAlert.Runs, alert.EndedRun{Summary: s, Row: *run, Errors: &e.logs.Errors})
	}
}

// notifyWithoutDatabase sends the alert of a command that failed before it opened the database, if its configuration can be read.
func (a *Command) notifyWithoutDatabase(ctx context.Context, err error) {
	if a.runAlert.Notified {
		return
	}
	a.Overrides = nil // they may be what is wrong
	c, loadErr := a.Load()
	if loadErr != nil {
		return
	}
	a.notify(ctx, c, nil, nil, err)
}

// notify alerts people on Slack of a command that ended badly with err, and of runs that died. Whatever goes
// wrong with that changes nothing else, and it takes alertWithin at most. db and l are nil where there are none.
func (a *Command) notify(ctx context.Context, c *config.Config, db *session.Database, l *session.Logs, err error) {
	t := a.runAlert
	if t == nil || t.Notified {
		return
	}
	t.Notified = true
	if !c.Slack.Enabled() {
		return
	}
	if l == nil {
		var logErr error
		if l, logErr = alert.PlainLogs(a.Session, c); logErr != nil {
			return // the check of the configuration reports it
		}
		defer l.Close()
	}
	code := session.ExitCode(ctx, a.Session, err)
	bad := t.Alarming(code, a.Screen.Terminal(a.Screen.Out) || a.Screen.Terminal(a.Screen.Err))
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.AlertWithin)
	defer cancel()
	if err != nil && len(t.Failed) == 0 {
		t.Fails(t.Job, code, err)
	}
	var dead []runs.Dead
	if db != nil {
		dead = t.Read(ctx, db.DB, l)
	}
	if !bad && len(dead) == 0 {
		return
	}
	ids := make([]uint64, 0, len(dead))
	for _, d := range dead {
		ids = append(ids, d.ID)
	}
	if sendErr := alert.Send(ctx, a.Session, c, t.Alert(alert.NewFormatter(a.Session, c, code), bad, dead)); sendErr != nil {
		l.WarnContext(ctx, "people on Slack could not be told", session.Problem(sendErr))
		if db != nil {
			t.Mark(ctx, l, runs.UnmarkNotified(ctx, db.DB, ids))
		}
		return
	}
	if db != nil && bad {
		t.Mark(ctx, l, runs.MarkNotified(ctx, db.DB, t.IDs()))
	}
}

// JobOf is the job that the arguments of `run` name.
func JobOf(args []string) string {
	for _, arg := range args {
		if slices.Contains(registry.Names(), arg) {
			return arg
		}
	}
	return "run"
}
