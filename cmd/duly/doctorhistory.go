package main

import (
	"context"
	"errors"
	"fmt"

	"duly/config"
	"duly/internal/operator"
)

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

// suspected is what a checkup says of a suspicion. It changes nothing.
func (d *checkup) suspected(ctx context.Context, c *config.Config, db *database, s evidence, why string) error {
	text := mayHaveLost + ": " + why
	if since := s.Since(); !since.IsZero() {
		until, err := quietFrom(ctx, db.DB, c, since)
		if err != nil {
			return err
		}
		if business, err := d.clock(ctx, db.DB); err == nil && business().Before(until) {
			text += "; requests from before may still arrive until " + minuteAfter(until, c)
		}
	}
	return errors.New(text)
}
