package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"duly/config"
	"duly/internal/batch"
	"duly/internal/mysql"
	"duly/internal/notify"
	"duly/internal/runs"
)

const (
	// alertWithin bounds by how much telling people delays the end of a run. Some of it is kept for the tables.
	alertWithin = 10 * time.Second
	// deathsReadWithin bounds how long the tables are asked for runs that died.
	deathsReadWithin = 3 * time.Second
	// Runs that died longer ago, or more of them, are left out.
	deathsWithin = 7 * 24 * time.Hour
	deathsShown  = 10
)

// runAlert collects what the Slack alert of a command needs: one message, however many runs the command had.
type runAlert struct {
	job      string
	flags    runFlags
	runs     []endedRun
	failed   []failedJob
	notified bool
}

// endedRun is a run with what it was.
type endedRun struct {
	summary

	run    batch.Run
	errors *errorLines
}

// failedJob is a job that did not come to run.
type failedJob struct {
	job  string
	code int
	err  error
}

// withAlert runs a command of `duly run` and sends an alert if it ends badly.
func (a *app) withAlert(ctx context.Context, job string, f runFlags, do func() error) error {
	if f.dryRun {
		return do()
	}
	a.runAlert = &runAlert{job: job, flags: f}
	err := do()
	a.notifyWithoutDatabase(ctx, err)
	return err
}

// mistyped alerts people of a command line of `duly run` that could not be read, if it is clear which configuration it means.
func (a *app) mistyped(ctx context.Context, cmd *cobra.Command, args []string, err error) {
	named := func(flag string) bool {
		return slices.ContainsFunc(args, func(arg string) bool { return arg == flag || strings.HasPrefix(arg, flag+"=") })
	}
	if a.runAlert != nil || cmd.CommandPath() != "duly run" || named("--dry-run") || named("--config") && a.file == "" {
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

// fails notes that a job of the night did not come to run.
func (t *runAlert) fails(job string, code int, err error) {
	if t != nil {
		t.failed = append(t.failed, failedJob{job, code, err})
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

// plainLogs are logs for a command that has none: what cannot be written to the file goes to standard error alone.
func plainLogs(ses *Session, c *config.Config) (*logs, error) {
	l, err := ses.logger(c)
	if err == nil {
		return l, nil
	}
	plain := *c
	plain.Log.File = ""
	return ses.logger(&plain)
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

func (t *runAlert) mark(ctx context.Context, l *logs, err error) {
	if err != nil {
		l.WarnContext(ctx, "it could not be written down which runs people were told of", problem(err))
	}
}

// alarming reports whether the command needs an alert.
func (t *runAlert) alarming(code int, terminal bool) bool {
	for _, r := range t.runs {
		if n, _ := r.errors.seen(); n > 0 {
			return true
		}
	}
	switch code {
	case batch.ExitDone, batch.ExitNotRun:
		return false
	case batch.ExitFailed, batch.ExitUsage, batch.ExitReview, batch.ExitUnfinished:
		return true
	}
	return !terminal // who stopped it there knows
}

// read reads which runs died.
func (t *runAlert) read(ctx context.Context, db *mysql.DB, l *logs) []runs.Dead {
	ctx, cancel := context.WithTimeout(ctx, min(deathsReadWithin, alertWithin/3))
	defer cancel()
	dead, err := runs.TakeDead(ctx, db, deathsWithin, deathsShown)
	if err != nil {
		if len(t.failed) == 0 {
			l.WarnContext(ctx, "runs that died could not be looked for", problem(err))
		}
		return nil
	}
	return dead
}

func (t *runAlert) ids() []uint64 {
	var ids []uint64
	for _, r := range t.runs {
		ids = append(ids, r.run.ID)
	}
	return ids
}

// send sends an alert, again and again for as long as that may take.
func send(ctx context.Context, ses *Session, c *config.Config, alert notify.Alert) error {
	slack, err := ses.slack(c)
	if err != nil {
		return err
	}
	defer slack.Close()
	// What is left is for writing down that nobody was told.
	ctx, cancel := context.WithTimeout(ctx, ses.alertWithin*4/5)
	defer cancel()
	return notify.Persist(ctx, ses.now, func(ctx context.Context) error { return slack.Alert(ctx, alert) })
}

// ending is the exit code of a command that ended with err.
func codeOf(ctx context.Context, ses *Session, err error) int {
	if err == nil {
		return ses.code
	}
	if code := stopCode(ctx); code != 0 {
		return code
	}
	if exit, ok := errors.AsType[exitError](err); ok {
		return exit.code
	}
	return batch.ExitUsage
}

// jobOf is the job that the arguments of `run` name.
func jobOf(args []string) string {
	for _, arg := range args {
		if slices.Contains(workNames(), arg) {
			return arg
		}
	}
	return "run"
}
