package main

import (
	"context"
	"time"

	"duly/config"
	"duly/internal/batch"
	"duly/internal/mysql"
	"duly/internal/notify"
	"duly/internal/runs"
)

const (
	// deathsReadWithin bounds how long the tables are asked for runs that died.
	deathsReadWithin = 3 * time.Second
	// Runs that died longer ago, or more of them, are left out.
	deathsWithin = 7 * 24 * time.Hour
	deathsShown  = 10
)

// runAlert collects what the Slack alert of a command needs: one message, however many runs the command had.
type runAlert struct {
	job      string
	told     string // the date of --date
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

// fails notes that a job of the night did not come to run.
func (t *runAlert) fails(job string, code int, err error) {
	if t != nil {
		t.failed = append(t.failed, failedJob{job, code, err})
	}
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
	ctx, cancel := context.WithTimeout(ctx, deathsReadWithin)
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
