package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"duly/internal/batch"
	"duly/internal/cli"
	"duly/internal/mysql"
	"duly/internal/query"
	"duly/internal/runs"
	"duly/internal/session"
	"duly/internal/view"
	"duly/jobs"
)

// follow reads what follows from the run for money and for people. reviews is how many rows it sent to review. What cannot be read
// is left out.
func (e *Execution) follow(ctx context.Context, s *view.Summary, p *progress, reviews int64) {
	ctx, cancel := context.WithTimeout(ctx, causesWithin)
	defer cancel()
	s.Reviews = reviews
	since := p.deadSince(p.run.Started)
	err := e.groupReviews(ctx, s, p.run, since)
	if p.run.Job == jobs.BillingJob {
		var changesErr error
		err = errors.Join(err, e.followCharges(ctx, s, p.run, since))
		s.ChangesApplied, changesErr = query.AppliedChanges(ctx, e.Database.DB, since)
		err = errors.Join(err, changesErr)
	}
	if err != nil {
		e.logs.WarnContext(ctx, "what follows from the run could not be read", session.Problem(mysql.Classify(ctx, err)))
	}
}

// followCharges reads what follows from declines, of charges that were made since the instant: those that a dead run claimed too.
func (e *Execution) followCharges(ctx context.Context, s *view.Summary, run *batch.Run, since time.Time) (err error) {
	if s.Reviews > 0 && session.BillingPolicy(e.Config).Guards.On() {
		if s.Guarded, err = query.Guarded(ctx, e.Database.DB, since); err != nil {
			return err
		}
	}
	if view.ChargedBy(s.Steps).Declined > 0 {
		if s.Declines, err = query.DeclineSums(ctx, e.Database.DB, run.ID, since, e.Deps.Business().Add(time.Second), view.DeclinesShown); err != nil {
			return err
		}
		if s.Follows, err = query.NextCharges(ctx, e.Database.DB, run.ID, since); err != nil {
			return err
		}
	}
	if s.Exit == batch.ExitDone || s.Exit == batch.ExitReview || s.Selected {
		return nil
	}
	open, err := query.OpenSums(ctx, e.Database.DB, e.Business)
	s.Unpaid = map[string]int64{}
	for _, sum := range open {
		s.Unpaid[sum.Currency] += sum.Amount
		s.UnpaidN += sum.Count
	}
	return err
}

// logEnd logs the end of the run.
func (e *Execution) logEnd(s view.Summary) {
	var t batch.Tally
	for _, v := range s.Steps {
		t.Add(batch.Tally{Declined: v.Declined, InDoubt: v.InDoubt})
	}
	e.logs.LogAttrs(context.Background(), slog.LevelInfo, "run ended", slog.Uint64("run_id", s.Run), slog.String("job", s.Job),
		slog.Int("exit_code", s.Exit), slog.String("status", s.Status), slog.Float64("seconds", tenth(s.Took.Seconds())),
		slog.Any("collected", s.Collected), slog.Any("refunded", cli.OrNone(s.Refunded)), slog.Int64("declined", t.Declined),
		slog.Int64("in_doubt", t.InDoubt), slog.Int64("review", s.Reviews))
}

// diedRuns notes runs that died and whose charges this one takes over.
func (p *progress) diedRuns(ctx context.Context, ids []uint64) {
	for _, id := range ids {
		run, err := runs.FindRun(ctx, p.e.Database.DB, id)
		if err != nil || run == nil {
			continue // the log has said that it died
		}
		line := fmt.Sprintf("run %d died at %s", id, run.Beat.In(p.e.Config.Business.Location()).Format(time.TimeOnly))
		if claimed, err := query.CountClaims(ctx, p.e.Database.DB, id); err == nil && claimed > 0 {
			line += " with " + cli.Things(claimed, "claimed charge")
		}
		p.mu.Lock()
		p.died = append(p.died, line)
		if p.since.IsZero() || run.Started.Before(p.since) {
			p.since = run.Started
		}
		p.mu.Unlock()
	}
}

// deadSince is when the first of the runs that died began, or else the instant that is given.
func (p *progress) deadSince(otherwise time.Time) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.since.IsZero() && p.since.Before(otherwise) {
		return p.since
	}
	return otherwise
}
