package app

import (
	"context"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/mysql"
	"duly/internal/orders"
	"duly/internal/query"
	"duly/internal/runs"
	"duly/internal/session"
	"duly/internal/store"
	"duly/internal/telemetry"
	"duly/internal/telemetry/metrics"
	"duly/jobs"
)

// The kinds of rows that wait.
const (
	kindSubscriptions = "subscriptions"
	kindInvoices      = "invoices"
	kindOrders        = "orders"
	kindAttempts      = "attempts"
	kindRefunds       = "refunds"
	kindEvents        = "events"
	kindDeadEvents    = "dead_events"
	kindFindings      = "findings"
)

// measured counts what the metrics tell of the tables while the run lasts, and returns what writes them at its end; the
// run is nil if none began.
func (e *Execution) measured(ctx context.Context) (end func(run *batch.Run, r batch.Result)) {
	o := e.cmd.seen
	if o == nil || o.Metrics == nil {
		return func(*batch.Run, batch.Result) {}
	}
	began := e.Now()
	stop := func() {}
	if o.Server != nil {
		e.measure(ctx, e.past, e.counts)
		stop = e.Every(telemetry.CountEvery, func() { e.measure(ctx, e.past, e.counts) })
	} else {
		e.measure(ctx, e.past) // what is not read at the end either stays as it is now
	}
	return func(run *batch.Run, r batch.Result) {
		stop()
		if run == nil {
			return
		}
		o.Metrics.End(metrics.LastRun{
			ID: run.ID, Job: run.Job, Status: string(r.Status), Exit: r.Exit, Took: e.Now().Sub(began), Ended: e.Deps.Business(),
		})
		e.measure(context.WithoutCancel(ctx), e.past, e.counts)
		if path := o.Config.Metrics.Textfile; path != "" {
			if err := o.Metrics.WriteFile(path); err != nil {
				o.Warn("metrics could not be written", err)
			}
		}
	}
}

// measure reads what the metrics tell of the tables, within watchedWithin. What cannot be read stays as it was.
func (e *Execution) measure(ctx context.Context, reads ...func(context.Context) error) {
	within, cancel := context.WithTimeout(ctx, e.WatchedWithin)
	defer cancel()
	for _, read := range reads {
		if err := read(within); err != nil && ctx.Err() == nil {
			e.cmd.seen.Warn("the tables could not be read for the metrics", mysql.Classify(within, err))
			return
		}
	}
}

// past reads how the last runs ended.
func (e *Execution) past(ctx context.Context) error {
	rows, err := runs.LastRuns(ctx, e.Database.DB)
	if err != nil {
		return err
	}
	successes, err := runs.LastSuccesses(ctx, e.Database.DB)
	if err != nil {
		return err
	}
	runs := make([]metrics.LastRun, len(rows))
	for i, row := range rows {
		runs[i] = metrics.LastRun{ID: row.ID, Job: row.Job, Status: row.Status, Exit: exitOfDead, Took: row.Ended.Sub(row.Started), Ended: row.Ended}
		if row.ExitCode != nil {
			runs[i].Exit = *row.ExitCode
		}
	}
	e.cmd.seen.Metrics.Past(runs, successes)
	return nil
}

// exitOfDead stands for the exit code of a run that died.
const exitOfDead = -1

// counts counts what waits today, of the whole shop.
func (e *Execution) counts(ctx context.Context) error {
	due, err := e.dueToday(ctx)
	if err != nil {
		return err
	}
	unsettled, err := query.CountUnsettled(ctx, e.Database.DB, store.Selection{Business: e.Today}, store.Gateways{})
	if err != nil {
		return err
	}
	r, err := query.CountReviews(ctx, e.Database.DB, e.Today)
	if err != nil {
		return err
	}
	e.cmd.seen.Metrics.Waiting(metrics.Counts{
		Due: due, InFlight: unsettled.InFlight, InDoubt: unsettled.InDoubt,
		InReview: map[string]int64{
			kindInvoices: r.Invoices, kindSubscriptions: r.Subscriptions, kindOrders: r.Orders, kindAttempts: r.Attempts, kindDeadEvents: r.Events, kindFindings: r.Findings, kindRefunds: r.Refunds,
		},
	})
	return nil
}

func (e *Execution) dueToday(ctx context.Context) (map[string]int64, error) {
	all, now, due := store.Selection{Business: e.Today}, e.Deps.Business(), map[string]int64{}
	issuing := query.Issuing{Selection: all, Effective: e.Today, CatchUp: billing.CatchUp(e.Config.Billing.CatchUp), Named: session.DunningPolicies(e.Config)}
	var err error
	if due[kindSubscriptions], err = query.Issuable(ctx, e.Database.DB, issuing); err != nil {
		return nil, err
	}
	sums, err := query.OpenSums(ctx, e.Database.DB, e.Today)
	if err != nil {
		return nil, err
	}
	due[kindInvoices] = 0
	for _, sum := range sums {
		due[kindInvoices] += sum.Count
	}
	policy := orders.Policy{OlderThan: e.Config.Reconcile.OlderThan, GiveUpAfter: e.Config.Reconcile.GiveUpAfter}
	left, err := query.CountOrders(ctx, e.Database.DB, all, policy, now, 0, nil)
	if err != nil {
		return nil, err
	}
	due[kindOrders] = left.Due
	back, err := query.CountRefunds(ctx, e.Database.DB, all, now)
	if err != nil {
		return nil, err
	}
	requested, err := query.CountRequestedRefunds(ctx, e.Database.DB, all, now)
	if err != nil {
		return nil, err
	}
	due[kindRefunds] = back.And(requested).Due
	for _, sink := range []string{jobs.SinkWebhook, jobs.SinkSlack} {
		undelivered, err := query.CountUndelivered(ctx, e.Database.DB, sink, all)
		if err != nil {
			return nil, err
		}
		due[kindEvents] += undelivered.Pending
	}
	return due, nil
}
