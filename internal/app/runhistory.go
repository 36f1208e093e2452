package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"

	"duly/internal/batch"
	"duly/internal/exit"
	"duly/internal/mysql"
	"duly/internal/session"
	"duly/internal/store"
	"duly/internal/suspicion"
	"duly/internal/witness"
)

// examine finds out, before anything is sent, whether the database may have been restored, and gets the witness ready. What
// it finds is in e.suspicion. The error says that it may have been, and that it is too early for a run.
func (e *Execution) examine(ctx context.Context) error {
	if !e.Job.Charges {
		return nil
	}
	file := suspicion.WitnessOf(e.Config)
	s, err := suspicion.EvidenceOf(ctx, e.Database.DB, file)
	if err != nil {
		return exit.Failed(err)
	}
	e.Deps.Server, e.Deps.Repository.Server = s.Answers, s.Answers
	if s.Broken != nil {
		e.logs.WarnContext(ctx, "the witness cannot be read; a restored database is noticed by its server alone", session.Problem(s.Broken))
	}
	if !s.Seen {
		if err := store.MeetServer(ctx, e.Database.DB, s.Server, s.TrustedBy()); err != nil {
			return exit.Failed(err)
		}
	}
	if file != nil {
		file.Sync = len(e.Blind(true)) > 0
		e.witness = e.keepWitness(file)
	}
	if e.Suspicion = s.Suspicion(); e.Suspicion == "" {
		return nil
	}
	e.logs.WarnContext(ctx, suspicion.MayHaveLost, //nolint:sloglint // it is a constant
		slog.String("reason", e.Suspicion), slog.String("mend", suspicion.ConfirmCommand))
	since, err := suspicion.Note(ctx, e.Database.DB, s)
	if err != nil {
		return exit.Failed(err)
	}
	if lost := s.NewlyLost(); lost != nil {
		if err := file.Lose(*lost); err != nil {
			e.unwritten(err)
		}
	}
	return suspicion.Quiet(ctx, e.Database.DB, e.Config, since, e.Deps.Business(), e.Suspicion, "duly run "+e.Job.Name)
}

// keepWitness writes each claim to the file. That it cannot be written is told once, and stops nothing.
func (e *Execution) keepWitness(file *witness.File) func(*batch.Run, batch.Mark) {
	var told atomic.Bool
	return func(run *batch.Run, m batch.Mark) {
		at := mysql.Stored(e.Deps.Business())
		err := file.Keep(witness.Mark{Run: run.ID, Attempt: m.ID, Key: m.Key, At: at})
		if err != nil && !told.Swap(true) {
			e.unwritten(err)
		}
	}
}

func (e *Execution) unwritten(err error) {
	e.logs.Warn("the witness cannot be written; a restored database is noticed by its server alone", session.Problem(err),
		slog.String("mend", "set run.witness to a folder that duly may write to, or to none"))
}

// lostUnderWay notes that a run found out by itself that the server has lost commits, so that the next one waits until it is
// quiet, also where no host has a witness.
func (e *Execution) lostUnderWay(ctx context.Context, run *batch.Run, result batch.Result) {
	if !errors.Is(result.Err, batch.ErrHistoryLost) || errors.Is(result.Err, batch.ErrOtherServer) {
		return // of another server the next start finds out what it lacks
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pollWithin)
	defer cancel()
	_, err := store.SuspectServer(ctx, e.Database.DB, e.Deps.Server.Name, fmt.Sprintf("run %d found out that commits were lost", run.ID))
	if err != nil {
		e.logs.ErrorContext(ctx, "the loss could not be noted", slog.Uint64("run_id", run.ID), session.Problem(err))
	}
}
