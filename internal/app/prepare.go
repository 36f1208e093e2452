package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"duly/config"
	"duly/internal/batch"
	"duly/internal/cli"
	"duly/internal/exit"
	"duly/internal/gateway"
	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/registry"
	"duly/internal/runs"
	"duly/internal/session"
	"duly/internal/store"
	"duly/jobs"
	"duly/migrations"
)

// Execution is everything that one `duly run` works with.
type Execution struct {
	*session.Session

	cmd *Command

	*registry.Request

	Database *session.Database
	pauses   runs.Pauses
	logs     *session.Logs
	witness  func(*batch.Run, batch.Mark) // nil: no claim is noted on this host
}

// Prepare reads the configuration, opens what the run needs and checks everything that can be checked before
// anything is touched.
func (a *Command) Prepare(ctx context.Context, w registry.Job, f registry.Flags, given func(flag string) bool) (_ *Execution, err error) {
	a.Overrides, a.Dry = f.Overrides(w), f.DryRun
	c, err := a.valid(w, f, given)
	if err != nil {
		return nil, err
	}
	e := &Execution{Session: a.Session, cmd: a, Request: &registry.Request{Session: a.Session, Config: c, Job: w, Flags: f}}
	defer func() {
		if err != nil {
			e.Close()
		}
	}()
	if e.logs, err = a.Logger(c); err != nil {
		return nil, exit.Usage(err)
	}
	e.Log = e.logs.Logger
	a.seen.Begin(ctx, c, e.logs)
	a.Observe, a.Wrap = a.seen.Watch()
	if w.Gateways {
		if e.Deps.Gateways, err = a.Gateways(c, e.slots()); err != nil {
			return nil, err
		}
	}
	if e.Database, err = a.Open(ctx, c); err != nil {
		return nil, err
	}
	e.DB = e.Database.DB
	if err := e.checkSchema(ctx); err != nil {
		return nil, err
	}
	business, err := a.Clock(ctx, e.Database.DB)
	if err != nil {
		return nil, err
	}
	e.Deps = depsOf(a.Session, c, e.Database.DB, e.Deps.Gateways, business, e.logs.Logger)
	e.Today = payment.DateOf(business().In(c.Business.Location()))
	if err := e.repeat(ctx, given); err != nil {
		return nil, err
	}
	if err := e.dates(); err != nil {
		return nil, err
	}
	if err := e.checkSelection(ctx); err != nil {
		return nil, err
	}
	if err := e.probe(ctx); err != nil {
		return nil, err
	}
	return e, e.accounts(ctx)
}

// valid is the configuration, or every mistake in it and in the flags at once.
func (a *Command) valid(w registry.Job, f registry.Flags, given func(flag string) bool) (*config.Config, error) {
	found := append(w.Misplaced(given), f.Problems(w, given)...)
	if len(found) > 0 {
		a.Overrides = nil // a flag that is wrong is reported as a flag, not as a key
	}
	c, err := a.Load()
	if err != nil {
		return nil, exit.Usage(errors.Join(append(found, err)...))
	}
	if err := errors.Join(append(found, c.Require(true, w.Gateways))...); err != nil {
		return nil, exit.Usage(err)
	}
	return c, nil
}

// slots bounds the requests that are open at all gateways together; nil: they are not bounded so.
func (e *Execution) slots() *gateway.Bound {
	if e.Job.Slots == nil {
		return nil
	}
	return gateway.NewBound(e.Job.Slots(e.Request))
}

// Close closes what was opened for the run.
func (e *Execution) Close() {
	session.CloseAll(e.Deps.Gateways)
	session.CloseReceivers(e.Sinks)
	if e.Database != nil {
		e.Database.Close()
	}
	if e.logs != nil {
		e.logs.Close()
	}
}

// checkSchema checks the schema and the settings that every transaction relies on. Most of it is a few reads; what a job writes is
// tried as well, but not in a dry run, whose sessions refuse changes.
func (e *Execution) checkSchema(ctx context.Context) error {
	checks := []func() error{
		func() error { return migrations.Check(ctx, e.Database.DB.DB.DB) },
		func() error { return mysql.CheckPacket(ctx, e.Database.DB, e.Config.Billing.ChunkSize) },
		func() error { return mysql.CheckIsolation(ctx, e.Database.DB) },
		func() error { return mysql.CheckSessions(ctx, e.Database.DB) },
	}
	if !e.Flags.DryRun {
		checks = append(checks, func() error { return mysql.CheckWritable(ctx, e.Database.DB, e.Job.Writes...) })
	}
	for _, check := range checks {
		if err := steadily(ctx, check); err != nil {
			return exit.Start(err)
		}
	}
	return nil
}

// steadily repeats a check whose connection was lost, a few times: the database may be away for milliseconds.
func steadily(ctx context.Context, check func() error) error {
	for try := 1; ; try++ {
		err := mysql.Classify(ctx, check())
		if !errors.Is(err, batch.ErrUnavailable) || mysql.IsMisconfigured(err) || try == 3 {
			return err
		}
	}
}

// probe checks that SKIP LOCKED is real. It comes late, since it writes; a dry run claims nothing and needs none.
func (e *Execution) probe(ctx context.Context) error {
	if e.Flags.DryRun {
		return nil
	}
	if err := steadily(ctx, func() error { return mysql.Probe(ctx, e.Database.DB) }); err != nil {
		return exit.Start(err)
	}
	return nil
}

// accounts finds the rows of the accounts that the gateways are called at. It may write, so it comes last; a dry run
// sends nothing, and needs none.
func (e *Execution) accounts(ctx context.Context) error {
	if e.Flags.DryRun || !e.Job.Gateways {
		return nil
	}
	var all []payment.Account
	for name, g := range e.Deps.Gateways {
		able := g.Capabilities()
		all = append(all, payment.Account{Gateway: name, Address: able.Address, ID: able.Account})
	}
	var err error
	if e.Deps.Accounts, err = store.Accounts(ctx, e.Database.DB, all); err != nil {
		return exit.Start(err)
	}
	return e.keyPrefixes(ctx)
}

// keyPrefixes stores what the gateways' keys begin with, before the first charge, and refuses to change it after that.
func (e *Execution) keyPrefixes(ctx context.Context) error {
	var found []error
	for _, name := range slices.Sorted(maps.Keys(e.Deps.Accounts)) {
		err := store.KeyPrefix(ctx, e.Database.DB, name, e.Deps.Accounts[name], e.Deps.KeyPrefixes[name])
		if other, ok := errors.AsType[*store.OtherPrefixError](err); ok {
			found = append(found, other)
		} else if err != nil {
			return exit.Start(err)
		}
	}
	return exit.Usage(errors.Join(found...))
}

// repeat takes over what --rerun names.
func (e *Execution) repeat(ctx context.Context, given func(flag string) bool) error {
	if e.Flags.Rerun == 0 {
		return nil
	}
	old, err := runs.FindRun(ctx, e.Database.DB, e.Flags.Rerun)
	switch {
	case err != nil:
		return exit.Failed(err)
	case old == nil:
		return exit.Usagef("--rerun: no run %d; see duly runs", e.Flags.Rerun)
	case old.Job != e.Job.Name:
		return exit.Usagef("--rerun: run %d was a run of %s, not of %s", old.ID, old.Job, e.Job.Name)
	}
	if e.Job.Name == jobs.AuditJob && !given(cli.FlagDate) && !given(cli.FlagFrom) && !given(cli.FlagTo) {
		e.Window, _ = jobs.PastAuditWindow(old.Params)
	}
	if err := e.Flags.Repeat(given, old.BusinessDate, old.Params); err != nil {
		return exit.Failed(err)
	}
	if e.Flags.Now && len(e.Flags.Subscriptions) == 0 {
		return exit.Usagef("--now: run %d was of all subscriptions; say of which: --subscription 42 --now", old.ID)
	}
	if e.Flags.Unrepeated != "" {
		e.cmd.Screen.Complain(errors.New(e.Flags.Unrepeated))
	}
	return nil
}

// dates settles the business date: today, or the one that was given.
func (e *Execution) dates() error {
	e.Business = e.Today
	if e.Job.Day != nil {
		usual := *e.Request
		usual.Flags.Date, usual.Flags.From, usual.Flags.To = "", "", ""
		e.Business = e.Job.Day(e.Request)
		s := e.Days()
		e.Flags.Elsewhen = s != (registry.Span{}) && s != registry.Span{From: e.Job.Day(&usual), To: e.Job.Day(&usual)} || e.Window != payment.Window{}
		return nil
	}
	if e.Flags.Date == "" {
		return nil
	}
	date, err := payment.ParseDate(e.Flags.Date)
	if err != nil {
		return exit.Usagef("--date: %w", err)
	}
	if date > e.Today && !e.Flags.AllowFuture && !e.Flags.DryRun {
		return exit.Usagef("--date: %s is after today, %s in %s; --allow-future is for sandboxes", date, e.Today, e.Config.Business.Timezone)
	}
	e.Business, e.Flags.Elsewhen = date, date != e.Today
	return nil
}

// checkSelection refuses steps and rows that are not there.
func (e *Execution) checkSelection(ctx context.Context) error {
	if err := e.CountStages(ctx); err != nil {
		return exit.Failed(err)
	}
	var found []error
	known := e.Job.Steps(e.Stages)
	for _, name := range e.Flags.Steps {
		if !slices.Contains(known, name) {
			found = append(found, fmt.Errorf("--step: %w", cli.UnknownWord(e.Job.Name+" step", name, known)))
		}
	}
	if e.Job.Check != nil {
		mistakes, err := e.Job.Check(ctx, e.Request)
		if err != nil {
			return exit.Failed(err)
		}
		found = append(found, mistakes...)
	}
	var err error
	if e.pauses, err = runs.ReadPauses(ctx, e.Database.DB); err != nil {
		return exit.Failed(err)
	}
	return exit.Usage(errors.Join(found...))
}
