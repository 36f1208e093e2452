package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"duly/internal/batch"
	"duly/internal/store"
	"duly/internal/witness"
)

// examine finds out, before anything is sent, whether the database may have been restored, and gets the witness ready. What
// it finds is in e.suspicion. The error says that it may have been, and that it is too early for a run.
func (e *execution) examine(ctx context.Context) error {
	if !e.work.charges {
		return nil
	}
	file := witnessOf(e.config)
	s, err := evidenceOf(ctx, e.db.DB, file)
	if err != nil {
		return failed(err)
	}
	e.deps.Server, e.deps.Repository.Server = s.server, s.server
	if s.broken != nil {
		e.logs.WarnContext(ctx, "the witness cannot be read; a restored database is noticed by its server alone", problem(s.broken))
	}
	if !s.seen {
		if err := store.MeetServer(ctx, e.db.DB, s.Server, s.trustedBy()); err != nil {
			return failed(err)
		}
	}
	if file != nil {
		file.Sync = len(e.blind(true)) > 0
		e.witness = e.keepWitness(file)
	}
	if e.suspicion = s.Suspicion(); e.suspicion == "" {
		return nil
	}
	e.logs.WarnContext(ctx, mayHaveLost, slog.String("reason", e.suspicion), slog.String("mend", confirmHistory))
	since, err := note(ctx, e.db.DB, s)
	if err != nil {
		return failed(err)
	}
	if lost := s.NewlyLost(); lost != nil {
		if err := file.Lose(*lost); err != nil {
			e.unwritten(err)
		}
	}
	return quiet(ctx, e.db.DB, e.config, since, e.deps.Business(), e.suspicion, "duly run "+e.work.name)
}

// keepWitness writes each claim to the file. That it cannot be written is told once, and stops nothing.
func (e *execution) keepWitness(file *witness.File) func(*batch.Run, batch.Mark) {
	var told atomic.Bool
	return func(run *batch.Run, m batch.Mark) {
		at := e.deps.Business().UTC().Round(0).Truncate(time.Microsecond)
		err := file.Keep(witness.Mark{Run: run.ID, Attempt: m.ID, Key: m.Key, At: at})
		if err != nil && !told.Swap(true) {
			e.unwritten(err)
		}
	}
}

func (e *execution) unwritten(err error) {
	e.logs.Warn("the witness cannot be written; a restored database is noticed by its server alone", problem(err),
		slog.String("mend", "set run.witness to a folder that duly may write to, or to none"))
}

// blind lists the gateways that can neither be asked by key nor listed: nothing but the tables says what they took. forgetful:
// also those that can be asked only for as long as they keep keys.
func (e *execution) blind(forgetful bool) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(e.deps.Gateways)) {
		able := e.deps.Gateways[name].Capabilities()
		if !able.List && (!able.FindByKey || forgetful && !able.LookupOutlivesKey) {
			names = append(names, name)
		}
	}
	return names
}

// withheld says of each gateway that must be sent nothing why, and what to do.
func (e *execution) withheld() map[string]string {
	if e.suspicion == "" {
		return nil
	}
	all := map[string]string{}
	for _, name := range e.blind(false) {
		all[name] = mayHaveLost + " (" + e.suspicion + "), and this gateway can neither be asked " +
			"by key nor listed: find out what it took, adopt or settle that, then run: " + confirmHistory
	}
	return all
}

// lostUnderWay notes that a run found out by itself that the server has lost commits, so that the next one waits until it is
// quiet, also where no host has a witness.
func (e *execution) lostUnderWay(ctx context.Context, run *batch.Run, result batch.Result) {
	if !errors.Is(result.Err, batch.ErrHistoryLost) || errors.Is(result.Err, batch.ErrOtherServer) {
		return // of another server the next start finds out what it lacks
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pollWithin)
	defer cancel()
	_, err := store.SuspectServer(ctx, e.db.DB, e.deps.Server.Name, fmt.Sprintf("run %d found out that commits were lost", run.ID))
	if err != nil {
		e.logs.ErrorContext(ctx, "the loss could not be noted", slog.Uint64("run_id", run.ID), problem(err))
	}
}
