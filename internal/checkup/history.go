package checkup

import (
	"context"
	"errors"
	"fmt"

	"duly/config"
	"duly/internal/exit"
	"duly/internal/operator"
	"duly/internal/session"
	"duly/internal/suspicion"
)

// history checks whether the database may have been set back.
func (d *Checkup) history(ctx context.Context, c *config.Config, db *session.Database) {
	file := suspicion.WitnessOf(c)
	s, err := suspicion.EvidenceOf(ctx, db.DB, file)
	where := "no witness on this host"
	switch {
	case err != nil:
		d.note("history", err, "", "check the rights of the user of database.dsn")
		return
	case s.Broken != nil:
		d.note("history", s.Broken, "", "delete the file; the next run writes it again")
		return
	case s.Kept.Mark != nil:
		where = fmt.Sprintf("the witness names attempt %d", s.Kept.Mark.Attempt)
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
		"find out what the gateways took that is not here (duly run audit), then: "+suspicion.ConfirmCommand)
}

// Confirmed is the document of `duly doctor --history-confirmed`.
type Confirmed struct {
	Done   bool   `json:"done"`
	Server string `json:"server"`
	Was    string `json:"was,omitempty"` // what had been suspected
	Detail string `json:"detail"`
}

// TrustHistory records that an operator knows the tables to be whole: this server is trusted, and the witness of this host
// names what is there now.
func TrustHistory(ctx context.Context, ses *session.Session, reason string) error {
	c, err := ses.Load()
	if err != nil {
		return err
	}
	return ses.AsOperator(ctx, func(db *session.Database) error {
		file := suspicion.WitnessOf(c)
		s, err := suspicion.EvidenceOf(ctx, db.DB, file)
		if err != nil {
			return exit.Failed(err)
		}
		was := s.Suspicion()
		if err := suspicion.Settled(ctx, ses, db, suspicion.ConfirmCommand); err != nil {
			return err
		}
		action := session.Action("confirm", "history", reason)
		action.Detail = map[string]string{"server": s.Server, "was": was}
		if err := operator.ConfirmServer(ctx, db.DB, s.Server, action); err != nil {
			return exit.Failed(err)
		}
		detail := "this host has no witness"
		if file != nil {
			newest := &s.NewestMark
			if s.NewestMark.Attempt == 0 {
				newest = nil
			}
			if err := file.Replace(newest); err != nil {
				return exit.Failed(fmt.Errorf("the server is confirmed, and the witness of this host is not: %w", err))
			}
			detail = "the witness of this host names what is there now; run it on each host whose witness names more"
		}
		if ses.Screen.JSON {
			return ses.Screen.Print(Confirmed{Done: true, Server: s.Server, Was: was, Detail: detail})
		}
		ses.Screen.Line("history of server %.12s confirmed: %s", s.Server, detail)
		return nil
	})
}

// suspected is what a checkup says of a suspicion. It changes nothing.
func (d *Checkup) suspected(ctx context.Context, c *config.Config, db *session.Database, s suspicion.Evidence, why string) error {
	text := suspicion.MayHaveLost + ": " + why
	if since := s.Since(); !since.IsZero() {
		until, err := suspicion.QuietFrom(ctx, db.DB, c, since)
		if err != nil {
			return err
		}
		if business, err := d.Clock(ctx, db.DB); err == nil && business().Before(until) {
			text += "; requests from before may still arrive until " + suspicion.MinuteAfter(until, c)
		}
	}
	return errors.New(text)
}
