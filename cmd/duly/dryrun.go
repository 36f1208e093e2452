package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"duly/internal/gateway"
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
	e.say(e.people(), "dry run: "+e.first(others))
	f := forecast{Job: e.work.name, BusinessDate: e.business.String(), DryRun: true}
	if _, pause, paused := e.paused(e.pauses); paused {
		f.Paused = pause.String()
	}
	preview := e.work.preview
	if preview == nil {
		preview = previewLeft
	}
	document, show, err := preview(ctx, e, f)
	if err = errors.Join(err, e.untouched()); err != nil {
		return failed(fmt.Errorf("dry run: %w", err))
	}
	if e.json {
		return e.print(document)
	}
	show()
	if f.Paused != "" {
		e.say(e.people(), "the job is paused and would not run: "+f.Paused)
	}
	e.say(e.people(), "dry run: nothing was written, no gateway was called")
	return nil
}

// untouched is an error if a gateway was to be called: then the forecast does what it must not.
func (e *execution) untouched() error {
	for name, g := range e.deps.Gateways {
		if sent := g.Stats().Requests(); sent > 0 {
			return fmt.Errorf("gateway %s: %d requests were to be sent, and were not: %w", name, sent, gateway.ErrUntouched)
		}
	}
	return nil
}

// leftForecast is the document of a job without a forecast of its own.
type leftForecast struct {
	forecast

	Due []string `json:"due"` // one line for each kind of work
}

// previewLeft says what a run would find to do, as far as the job can tell.
func previewLeft(ctx context.Context, e *execution, f forecast) (any, func(), error) {
	job, err := e.work.job(e)
	if err != nil {
		return nil, nil, err
	}
	doc := leftForecast{f, []string{}}
	if job.Left == nil {
		return doc, func() { e.line("what %s has to do is known when it runs", e.work.name) }, nil
	}
	due, err := job.Left(ctx)
	doc.Due = append(doc.Due, due...)
	return doc, func() {
		if len(doc.Due) == 0 {
			e.line("there is nothing to do")
		}
		for _, line := range doc.Due {
			e.line("to do: %s", line)
		}
	}, err
}

// counted is a number of rows that a forecast has a word for.
type counted struct {
	n           int64
	thing, what string
}

// counted writes those of the numbers that are not 0.
func (a *app) counted(all []counted) {
	for _, c := range all {
		if c.n > 0 {
			a.line("%s %s", plural(c.n, c.thing), c.what)
		}
	}
}

// problems writes why rows would not be done as they stand, with their first ids.
func (a *app) problems(list []jobs.ForecastProblem, more int64) {
	for _, p := range list {
		would := map[string]string{
			jobs.ProblemReview: "would need an operator", jobs.ProblemLeft: "would be left alone", jobs.ProblemChecked: "would be checked, and need an operator if paid",
		}[p.Result]
		ids := strings.Trim(strings.ReplaceAll(fmt.Sprint(p.IDs), " ", ", "), "[]")
		if others := p.Count - int64(len(p.IDs)); others > 0 {
			ids += fmt.Sprintf(" and %d more", others)
		}
		a.line("%s %s: %s (%s)", plural(p.Count, p.What), would, p.Why, ids)
	}
	if more > 0 {
		a.line("and %s with other problems", plural(more, "row"))
	}
}

// from is ", from" an instant, if there is one.
func from(t *time.Time) string {
	if t == nil {
		return ""
	}
	return ", from " + instant(*t)
}

func previewBilling(ctx context.Context, e *execution, f forecast) (any, func(), error) {
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
			rows = append(rows, table.Row{c.Step, c.Subscription, invoice, c.Due, c.Gateway, payment.Money{Amount: c.Amount, Currency: c.Currency}})
		}
		e.table(table.Row{"step", "subscription", "invoice", "due", "gateway", "amount"}, rows)
	}
	e.counted([]counted{
		{f.Free, "row", "of amount 0 would be paid at once"},
		{f.Void, "row", "of a cancelled subscription would be voided"},
		{f.Passed, "row", "would pass a stage without a charge: the method was declined for good"},
		{f.Ended, "row", "would end unpaid: the method was declined for good"},
		{f.Review, "row", "would need an operator"},
		{f.LeftAlone, "row", "would be left alone: the gateway is paused, or not configured here"},
	})
	e.problems(f.Problems, f.MoreProblems)
	if f.Limited {
		e.line("--limit would end the run before everything is charged")
	}
	for _, u := range f.Unknown {
		e.line("nothing would be charged at gateway %s: %s that no attempt accounts for: duly adopt %s", u.Gateway, plural(u.Count, "charge"), u.Gateway)
	}
	e.line("not looked at: what the gateways list; charges that the tables do not know stop a run before it sends anything")
}
