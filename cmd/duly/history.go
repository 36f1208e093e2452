package main

import (
	"context"
	"fmt"

	"duly/config"
	"duly/internal/mysql"
	"duly/internal/query"
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
