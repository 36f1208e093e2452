package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync/atomic"

	"duly/config"
	"duly/internal/batch"
	"duly/internal/mysql"
	"duly/internal/witness"
	"duly/readers"
	"duly/writers"
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
		s.Mark, s.broken = file.Read()
	}
	var err error
	if s.server, err = mysql.Identity(ctx, db); err != nil {
		return s, err
	}
	s.Server = s.server.Name
	var attempt uint64
	if s.Mark != nil {
		attempt = s.Mark.Attempt
	}
	found, err := readers.StandingOf(ctx, db, s.Server, attempt)
	if err != nil {
		return s, err
	}
	s.Key, s.Newest, s.Confirmed, s.First = found.Key, found.NewestID, found.Confirmed, found.Servers == 0
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
// it finds is in e.suspicion.
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
		if err := writers.MeetServer(ctx, e.db.DB, s.Server, s.trustedBy()); err != nil {
			return failed(err)
		}
	}
	e.suspicion = s.Suspicion()
	if e.suspicion != "" {
		e.logs.WarnContext(ctx, "the database may have been restored or have lost commits", slog.String("reason", e.suspicion), slog.String("mend", confirmHistory))
		return nil // the witness stays as it is until somebody confirms the history
	}
	if file != nil {
		file.Sync = len(e.blind()) > 0
		e.witness = e.keepWitness(file)
	}
	return nil
}

// keepWitness writes each claim to the file. That it cannot be written is told once, and stops nothing.
func (e *execution) keepWitness(file *witness.File) func(*batch.Run, batch.Mark) {
	var told atomic.Bool
	return func(run *batch.Run, m batch.Mark) {
		err := file.Keep(witness.Mark{Run: run.ID, Attempt: m.ID, Key: m.Key})
		if err != nil && !told.Swap(true) {
			e.logs.Warn("the witness cannot be written; a restored database is noticed by its server alone", problem(err),
				slog.String("mend", "set run.witness to a folder that duly may write to, or to none"))
		}
	}
}

// blind lists the gateways that can neither be asked by key nor listed: nothing but the tables says what they took.
func (e *execution) blind() []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(e.deps.Gateways)) {
		if able := e.deps.Gateways[name].Abilities(); !able.FindByKey && !able.List {
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
	for _, name := range e.blind() {
		all[name] = "the database may have been restored or have lost commits (" + e.suspicion + "), and this gateway can neither be asked " +
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
		err = errors.New("the database may have been restored or have lost commits: " + why)
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
func (a *app) confirmHistory(ctx context.Context, reason string) error {
	c, err := a.load()
	if err != nil {
		return err
	}
	return a.withSchema(ctx, func(db *database) error {
		file := witnessOf(c)
		s, err := evidenceOf(ctx, db.DB, file)
		if err != nil {
			return failed(err)
		}
		was := s.Suspicion()
		action := do("confirm", "history", reason)
		action.Detail = map[string]string{"server": s.Server, "was": was}
		if err := writers.ConfirmServer(ctx, db.DB, s.Server, action); err != nil {
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
		if a.json {
			return a.print(confirmed{Done: true, Server: s.Server, Was: was, Detail: detail})
		}
		a.line("history of server %.12s confirmed: %s", s.Server, detail)
		return nil
	})
}
