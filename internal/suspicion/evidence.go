package suspicion

import (
	"context"
	"fmt"

	"duly/config"
	"duly/internal/mysql"
	"duly/internal/query"
	"duly/internal/session"
	"duly/internal/witness"
)

// ConfirmCommand is the command that ends a suspicion.
const ConfirmCommand = `duly doctor --history-confirmed --reason "…"`

// WitnessOf is the witness of the configured database on this host; nil: there is none, or no place for it.
func WitnessOf(c *config.Config) *witness.File {
	if c.Run.Witness == "" || c.Run.Witness == config.None {
		return nil
	}
	return witness.In(c.Run.Witness, c.Database.Address())
}

// Evidence is what the database shows, beside what this host and the tables know of it.
type Evidence struct {
	witness.History

	Answers    mysql.Server
	Seen       bool // the server was met before
	NewestMark witness.Mark
	Broken     error // the witness cannot be read
}

// EvidenceOf reads what the database shows, and compares it with file, the witness of this host; nil: there is none.
func EvidenceOf(ctx context.Context, db *mysql.DB, file *witness.File) (Evidence, error) {
	var s Evidence
	if file != nil {
		s.Kept, s.Broken = file.Read()
	}
	var err error
	if s.Answers, err = mysql.Identity(ctx, db); err != nil {
		return s, err
	}
	s.Server = s.Answers.Name
	var marked []uint64
	for _, m := range []*witness.Mark{s.Kept.Mark, s.Kept.Lost} {
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
	if s.Kept.Mark != nil {
		if s.Shared, err = query.OthersAlive(ctx, db, session.Hostname(), s.Kept.Mark.At); err != nil {
			return s, fmt.Errorf("look for other hosts' runs: %w", err)
		}
	}
	s.Seen, s.NewestMark = found.Seen, witness.Mark{Attempt: found.NewestID, Key: found.NewestKey}
	return s, nil
}

// TrustedBy says what a server that was not met before is trusted by; empty: by nothing.
func (s Evidence) TrustedBy() string {
	switch {
	case s.Suspicion() != "":
		return ""
	case s.First:
		return "the first start"
	case s.Kept.Mark != nil:
		return "the witness of a worker"
	}
	return "there were no charges"
}
