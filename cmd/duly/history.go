package main

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"duly/config"
	"duly/internal/batch"
	"duly/internal/mysql"
	"duly/internal/operator"
	"duly/internal/query"
	"duly/internal/store"
	"duly/internal/witness"
)

// confirmHistory is the command that ends a suspicion.
const confirmHistory = `duly doctor --history-confirmed --reason "…"`

// witnessOf is the witness of the configured database on this host; nil: there is none, or no place for it.
func witnessOf(c *config.Config) *witness.File {
	if c.Run.Witness == "" || c.Run.Witness == config.None {
		return nil
	}
	return witness.In(c.Run.Witness, c.Database.Address())
}

// evidence is what the database shows, beside what this host and the tables know of it.
type evidence struct {
	witness.History

	server mysql.Server
	seen   bool // the server was met before
	newest witness.Mark
	broken error // the witness cannot be read
}

func evidenceOf(ctx context.Context, db *mysql.DB, file *witness.File) (evidence, error) {
	var s evidence
	if file != nil {
		s.Kept, s.broken = file.Read()
	}
	var err error
	if s.server, err = mysql.Identity(ctx, db); err != nil {
		return s, err
	}
	s.Server = s.server.Name
	var marked []uint64
	for _, m := range []*witness.Mark{s.Mark, s.Lost} {
		if m != nil {
			marked = append(marked, m.Attempt)
		}
	}
	found, err := query.StandingOf(ctx, db, s.Server, marked)
	if err != nil {
		return s, err
	}
	s.Keys, s.Newest, s.Confirmed, s.First = found.Keys, found.NewestID, !found.Confirmed.IsZero(), found.Servers == 0
	if s.Suspected = found.Suspected; s.Suspected.After(found.Confirmed) {
		s.Noted = found.Suspicion
	}
	if s.Mark != nil {
		if s.Shared, err = query.OthersAlive(ctx, db, hostname(), s.Mark.At); err != nil {
			return s, fmt.Errorf("look for other hosts' runs: %w", err)
		}
	}
	s.seen, s.newest = found.Seen, witness.Mark{Attempt: found.NewestID, Key: found.NewestKey}
	return s, nil
}

// trustedBy says what a server that was not met before is trusted by; empty: by nothing.
func (s evidence) trustedBy() string {
	switch {
	case s.Suspicion() != "":
		return ""
	case s.First:
		return "the first start"
	case s.Mark != nil:
		return "the witness of a worker"
	}
	return "there were no charges"
}

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

// history checks whether the database may have been set back.
func (d *checkup) history(ctx context.Context, c *config.Config, db *database) {
	file := witnessOf(c)
	s, err := evidenceOf(ctx, db.DB, file)
	where := "no witness on this host"
	switch {
	case err != nil:
		d.note("history", err, "", "check the rights of the user of database.dsn")
		return
	case s.broken != nil:
		d.note("history", s.broken, "", "delete the file; the next run writes it again")
		return
	case s.Mark != nil:
		where = fmt.Sprintf("the witness names attempt %d", s.Mark.Attempt)
	case file != nil:
		where = "the witness names no attempt yet"
	}
	known := "known"
	if !s.Confirmed {
		known = "new"
	}
	if why := s.Suspicion(); why != "" {
		err = d.suspected(ctx, c, db, s, why)
	}
	d.note("history", err, fmt.Sprintf("a server that is %s, %s", known, where),
		"find out what the gateways took that is not here (duly run audit), then: "+confirmHistory)
}

// confirmed is the document of `duly doctor --history-confirmed`.
type confirmed struct {
	Done   bool   `json:"done"`
	Server string `json:"server"`
	Was    string `json:"was,omitempty"` // what had been suspected
	Detail string `json:"detail"`
}

// confirmHistory records that an operator knows the tables to be whole: this server is trusted, and the witness of this host
// names what is there now.
func trustHistory(ctx context.Context, ses *Session, reason string) error {
	c, err := ses.load()
	if err != nil {
		return err
	}
	return ses.asOperator(ctx, func(db *database) error {
		file := witnessOf(c)
		s, err := evidenceOf(ctx, db.DB, file)
		if err != nil {
			return failed(err)
		}
		was := s.Suspicion()
		if err := settled(ctx, ses, db, confirmHistory); err != nil {
			return err
		}
		action := do("confirm", "history", reason)
		action.Detail = map[string]string{"server": s.Server, "was": was}
		if err := operator.ConfirmServer(ctx, db.DB, s.Server, action); err != nil {
			return failed(err)
		}
		detail := "this host has no witness"
		if file != nil {
			newest := &s.newest
			if s.newest.Attempt == 0 {
				newest = nil
			}
			if err := file.Replace(newest); err != nil {
				return failed(fmt.Errorf("the server is confirmed, and the witness of this host is not: %w", err))
			}
			detail = "the witness of this host names what is there now; run it on each host whose witness names more"
		}
		if ses.Screen.json {
			return ses.Screen.print(confirmed{Done: true, Server: s.Server, Was: was, Detail: detail})
		}
		ses.Screen.line("history of server %.12s confirmed: %s", s.Server, detail)
		return nil
	})
}
