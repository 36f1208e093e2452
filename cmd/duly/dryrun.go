package main

import (
	"context"
	"fmt"

	"github.com/jedib0t/go-pretty/v6/table"

	"duly/internal/payment"
	"duly/jobs"
)

// firstRows is how many charges a dry run lists.
const firstRows = 10

// forecast is what the documents of --dry-run --json begin with.
type forecast struct {
	Job          string `json:"job"`
	BusinessDate string `json:"business_date"`
	DryRun       bool   `json:"dry_run"`
	Paused       string `json:"paused,omitempty"`
}

// billingForecast is the document of billing.
type billingForecast struct {
	forecast
	jobs.Forecast
}

// dryRun prints what a run would do. It writes nothing and calls no gateway.
func (e *execution) dryRun(ctx context.Context) error {
	others, err := e.deps.Repository.Others(ctx, 0)
	if err != nil {
		return failed(err)
	}
	fmt.Fprintln(e.people(), "dry run: "+e.first(others))
	f := forecast{Job: e.work.name, BusinessDate: e.business.String(), DryRun: true}
	if pause, paused := e.pauses.Job(f.Job); paused {
		f.Paused = pause.String()
	}
	document, show, err := e.work.foretell(ctx, e, f)
	if err != nil {
		return failed(fmt.Errorf("dry run: %w", err))
	}
	if e.json {
		return e.print(document)
	}
	show()
	if f.Paused != "" {
		e.line("the job is paused and would not run: %s", f.Paused)
	}
	e.line("dry run: nothing was written, no gateway was called")
	return nil
}

func foretellBilling(ctx context.Context, e *execution, f forecast) (any, func(), error) {
	found, err := jobs.ForecastBilling(ctx, e.deps, e.billing(), e.stages, firstRows, e.flags.Limit)
	b := billingForecast{f, found}
	return b, func() { e.showBilling(b) }, err
}

// showBilling writes a forecast of billing for people.
func (e *execution) showBilling(f billingForecast) {
	sums := func(list []jobs.ForecastSum) []table.Row {
		var rows []table.Row
		for _, s := range list {
			rows = append(rows, table.Row{s.Step, s.Gateway, s.Count, payment.Money{Amount: s.Amount, Currency: s.Currency}})
		}
		return rows
	}
	if len(f.Unsettled) > 0 {
		e.line("in flight or in doubt, and asked about first:")
		e.table(table.Row{"step", "gateway", "charges", "amount"}, sums(f.Unsettled))
	}
	if len(f.Charges) == 0 {
		e.line("nothing would be charged")
	} else {
		e.line("would be charged:")
		e.table(table.Row{"step", "gateway", "charges", "amount"}, sums(f.Charges))
		e.line("the first of them:")
		var rows []table.Row
		for _, c := range f.First {
			invoice := any("new")
			if c.Invoice != 0 {
				invoice = c.Invoice
			}
			rows = append(rows, table.Row{c.Step, c.Subscription, invoice, c.Due, c.Attempt, c.Gateway, payment.Money{Amount: c.Amount, Currency: c.Currency}})
		}
		e.table(table.Row{"step", "subscription", "invoice", "due", "attempt", "gateway", "amount"}, rows)
	}
	for _, other := range []struct {
		n    int64
		what string
	}{
		{f.Free, "of amount 0 would be paid at once"},
		{f.Void, "of a cancelled subscription would be voided"},
		{f.Passed, "would pass a stage without a charge: the method was declined for good"},
		{f.Ended, "would end unpaid: the method was declined for good"},
		{f.Review, "would need an operator"},
		{f.LeftAlone, "would be left alone: the gateway is paused"},
	} {
		if other.n > 0 {
			e.line("%s %s", plural(other.n, "row"), other.what)
		}
	}
	if f.Limited {
		e.line("--limit would end the run before everything is charged")
	}
}
