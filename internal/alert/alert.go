package alert

import (
	"context"
	"time"

	"duly/config"
	"duly/internal/batch"
	"duly/internal/mysql"
	"duly/internal/notify"
	"duly/internal/runs"
	"duly/internal/session"
	"duly/internal/view"
)

const (
	// deathsReadWithin bounds how long the tables are asked for runs that died.
	deathsReadWithin = 3 * time.Second
	// Runs that died longer ago, or more of them, are left out.
	deathsWithin = 7 * 24 * time.Hour
	deathsShown  = 10
)

// Collector collects what the Slack alert of a command needs: one message, however many runs the command had.
type Collector struct {
	Job      string
	Told     string // the date of --date
	Runs     []EndedRun
	Failed   []failedJob
	Notified bool
}

// EndedRun is a run with what it was.
type EndedRun struct {
	Summary view.Summary

	Row    batch.Run
	Errors *session.ErrorLines
}

// failedJob is a job that did not come to run.
type failedJob struct {
	job  string
	code int
	err  error
}

// Fails notes that a job of the night did not come to run.
func (t *Collector) Fails(job string, code int, err error) {
	if t != nil {
		t.Failed = append(t.Failed, failedJob{job, code, err})
	}
}

// PlainLogs are logs for a command that has none: what cannot be written to the file goes to standard error alone.
func PlainLogs(ses *session.Session, c *config.Config) (*session.Logs, error) {
	l, err := ses.Logger(c)
	if err == nil {
		return l, nil
	}
	plain := *c
	plain.Log.File = ""
	return ses.Logger(&plain)
}

// Mark says that it could not be written down of which runs people were told; err may be nil.
func (t *Collector) Mark(ctx context.Context, l *session.Logs, err error) {
	if err != nil {
		l.WarnContext(ctx, "it could not be written down which runs people were told of", session.Problem(err))
	}
}

// Alarming reports whether the command needs an alert.
func (t *Collector) Alarming(code int, terminal bool) bool {
	for _, r := range t.Runs {
		if n, _ := r.Errors.Seen(); n > 0 {
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

// Read reads which runs died.
func (t *Collector) Read(ctx context.Context, db *mysql.DB, l *session.Logs) []runs.Dead {
	ctx, cancel := context.WithTimeout(ctx, deathsReadWithin)
	defer cancel()
	dead, err := runs.TakeDead(ctx, db, deathsWithin, deathsShown)
	if err != nil {
		if len(t.Failed) == 0 {
			l.WarnContext(ctx, "runs that died could not be looked for", session.Problem(err))
		}
		return nil
	}
	return dead
}

// IDs lists the runs of the command.
func (t *Collector) IDs() []uint64 {
	var ids []uint64
	for _, r := range t.Runs {
		ids = append(ids, r.Row.ID)
	}
	return ids
}

// Send sends an alert, again and again for as long as that may take.
func Send(ctx context.Context, ses *session.Session, c *config.Config, alert notify.Alert) error {
	slack, err := ses.Slack(c)
	if err != nil {
		return err
	}
	defer slack.Close()
	// What is left is for writing down that nobody was told.
	ctx, cancel := context.WithTimeout(ctx, ses.AlertWithin*4/5)
	defer cancel()
	return notify.Persist(ctx, ses.Now, func(ctx context.Context) error { return slack.Alert(ctx, alert) })
}
