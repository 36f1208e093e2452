package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"duly/config"
	"duly/internal/batch"
	"duly/internal/gateway"
	"duly/internal/mysql"
	"duly/internal/notify"
	"duly/internal/payment"
	"duly/internal/runs"
	"duly/internal/store"
	"duly/jobs"
	"duly/migrations"
)

// execution is everything that one `duly run` works with.
type execution struct {
	*Session

	cmd *app

	work     jobSpec
	flags    runFlags
	config   *config.Config
	db       *database
	deps     jobs.Deps
	business payment.Date
	today    payment.Date
	stages   int
	pauses   runs.Pauses
	logs     *logs
	sinks    map[string]notify.Notifier // of the outbox
	notes    []string                   // what the audit has to say
	window   payment.Window             // of the audit that is repeated; zero: its own
	// suspicion is why the database may have been restored; empty: nothing says so.
	suspicion string
	witness   func(*batch.Run, batch.Mark) // nil: no claim is noted on this host
}

// prepare reads the configuration, opens what the run needs and checks everything that can be checked before
// anything is touched.
func (a *app) prepare(ctx context.Context, w jobSpec, f runFlags, given func(flag string) bool) (_ *execution, err error) {
	a.flags, a.dry = f.overrides(w), f.dryRun
	c, err := a.valid(w, f, given)
	if err != nil {
		return nil, err
	}
	e := &execution{Session: a.Session, cmd: a, config: c, work: w, flags: f}
	defer func() {
		if err != nil {
			e.close()
		}
	}()
	if e.logs, err = a.logger(c); err != nil {
		return nil, usage(err)
	}
	a.seen.begin(ctx, c, e.logs)
	if w.gateways {
		if e.deps.Gateways, err = a.gateways(c, e.slots()); err != nil {
			return nil, err
		}
	}
	if e.db, err = a.open(ctx, c); err != nil {
		return nil, err
	}
	if err := e.checkSchema(ctx); err != nil {
		return nil, err
	}
	business, err := a.clock(ctx, e.db.DB)
	if err != nil {
		return nil, err
	}
	e.deps = depsOf(a.Session, c, e.db.DB, e.deps.Gateways, business)
	e.today = payment.DateOf(business().In(c.Business.Location()))
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
func (a *app) valid(w jobSpec, f runFlags, given func(flag string) bool) (*config.Config, error) {
	found := append(w.misplaced(given), f.problems(w, given)...)
	if len(found) > 0 {
		a.flags = nil // a flag that is wrong is reported as a flag, not as a key
	}
	c, err := a.load()
	if err != nil {
		return nil, usage(errors.Join(append(found, err)...))
	}
	if err := errors.Join(append(found, c.Require(true, w.gateways))...); err != nil {
		return nil, usage(err)
	}
	return c, nil
}

// slots bounds the requests that are open at all gateways together; nil: they are not bounded so.
func (e *execution) slots() *gateway.Bound {
	if e.work.slots == nil {
		return nil
	}
	return gateway.NewBound(e.work.slots(e))
}

func (e *execution) close() {
	closeAll(e.deps.Gateways)
	closeReceivers(e.sinks)
	if e.db != nil {
		e.db.close()
	}
	if e.logs != nil {
		e.logs.close()
	}
}

// checkSchema checks the schema and the settings that every transaction relies on. Most of it is a few reads; what a job writes is
// tried as well, but not in a dry run, whose sessions refuse changes.
func (e *execution) checkSchema(ctx context.Context) error {
	checks := []func() error{
		func() error { return migrations.Check(ctx, e.db.DB.DB.DB) },
		func() error { return mysql.CheckPacket(ctx, e.db.DB, e.config.Billing.ChunkSize) },
		func() error { return mysql.CheckIsolation(ctx, e.db.DB) },
		func() error { return mysql.CheckSessions(ctx, e.db.DB) },
	}
	if !e.flags.dryRun {
		checks = append(checks, func() error { return mysql.CheckWritable(ctx, e.db.DB, e.work.writes...) })
	}
	for _, check := range checks {
		if err := steadily(ctx, check); err != nil {
			return startError(err)
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
func (e *execution) probe(ctx context.Context) error {
	if e.flags.dryRun {
		return nil
	}
	if err := steadily(ctx, func() error { return mysql.Probe(ctx, e.db.DB) }); err != nil {
		return startError(err)
	}
	return nil
}

// accounts finds the rows of the accounts that the gateways are called at. It may write, so it comes last; a dry run
// sends nothing, and needs none.
func (e *execution) accounts(ctx context.Context) error {
	if e.flags.dryRun || !e.work.gateways {
		return nil
	}
	var all []payment.Account
	for name, g := range e.deps.Gateways {
		able := g.Capabilities()
		all = append(all, payment.Account{Gateway: name, Address: able.Address, ID: able.Account})
	}
	var err error
	if e.deps.Accounts, err = store.Accounts(ctx, e.db.DB, all); err != nil {
		return startError(err)
	}
	return e.keyPrefixes(ctx)
}

// keyPrefixes stores what the gateways' keys begin with, before the first charge, and refuses to change it after that.
func (e *execution) keyPrefixes(ctx context.Context) error {
	var found []error
	for _, name := range slices.Sorted(maps.Keys(e.deps.Accounts)) {
		err := store.KeyPrefix(ctx, e.db.DB, name, e.deps.Accounts[name], e.deps.KeyPrefixes[name])
		if other, ok := errors.AsType[*store.OtherPrefixError](err); ok {
			found = append(found, other)
		} else if err != nil {
			return startError(err)
		}
	}
	return usage(errors.Join(found...))
}

// repeat takes over what --rerun names.
func (e *execution) repeat(ctx context.Context, given func(flag string) bool) error {
	if e.flags.rerun == 0 {
		return nil
	}
	old, err := runs.FindRun(ctx, e.db.DB, e.flags.rerun)
	switch {
	case err != nil:
		return failed(err)
	case old == nil:
		return usagef("--rerun: no run %d; see duly runs", e.flags.rerun)
	case old.Job != e.work.name:
		return usagef("--rerun: run %d was a run of %s, not of %s", old.ID, old.Job, e.work.name)
	}
	if e.work.name == jobs.AuditJob && !given(flagDate) && !given(flagFrom) && !given(flagTo) {
		e.window, _ = jobs.PastAuditWindow(old.Params)
	}
	return failed(e.flags.repeat(given, old.BusinessDate, old.Params))
}

// dates settles the business date: today, or the one that was given.
func (e *execution) dates() error {
	e.business = e.today
	if e.work.day != nil {
		usual := *e
		usual.flags.Date, usual.flags.From, usual.flags.To = "", "", ""
		e.business = e.work.day(e)
		s := e.days()
		e.flags.Elsewhen = s != (span{}) && s != span{e.work.day(&usual), e.work.day(&usual)} || e.window != payment.Window{}
		return nil
	}
	if e.flags.Date == "" {
		return nil
	}
	date, err := payment.ParseDate(e.flags.Date)
	if err != nil {
		return usagef("--date: %w", err)
	}
	if date > e.today && !e.flags.allowFuture && !e.flags.dryRun {
		return usagef("--date: %s is after today, %s in %s; --allow-future is for sandboxes", date, e.today, e.config.Business.Timezone)
	}
	e.business, e.flags.Elsewhen = date, date != e.today
	return nil
}

// checkSelection refuses steps and rows that are not there.
func (e *execution) checkSelection(ctx context.Context) error {
	if err := e.countStages(ctx); err != nil {
		return failed(err)
	}
	var found []error
	known := e.work.steps(e.stages)
	for _, name := range e.flags.Steps {
		if !slices.Contains(known, name) {
			found = append(found, fmt.Errorf("--step: %w", unknownWord(e.work.name+" step", name, known)))
		}
	}
	if e.work.check != nil {
		mistakes, err := e.work.check(ctx, e)
		if err != nil {
			return failed(err)
		}
		found = append(found, mistakes...)
	}
	var err error
	if e.pauses, err = runs.ReadPauses(ctx, e.db.DB); err != nil {
		return failed(err)
	}
	return usage(errors.Join(found...))
}

func (e *execution) selection() store.Selection {
	return store.Selection{Business: e.business, Subscriptions: e.flags.Subscriptions, Orders: e.flags.Orders}
}
