package page

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"duly/internal/exit"
	"duly/internal/payment"
	"duly/internal/query"
	"duly/internal/report"
	"duly/internal/runs"
	"duly/internal/session"
	"duly/internal/sum"
	"duly/internal/view"
	"duly/jobs"
)

// What a page lists at most.
const (
	pageDeclines = 10
	pageReasons  = 5
	pageProducts = 50
	// pageFor bounds the reading of a page that a run ends with.
	Within = 20 * time.Second
)

// Of reads the page of the runs.
func Of(ctx context.Context, ses *session.Session, db *session.Database, zone *time.Location, ids ...uint64) (report.Page, error) {
	business, err := ses.Clock(ctx, db.DB)
	if err != nil {
		return report.Page{}, err
	}
	p := report.Page{Written: business(), Zone: zone}
	for _, id := range ids {
		past, err := runs.FindRun(ctx, db.DB, id)
		switch {
		case err != nil:
			return p, exit.Failed(err)
		case past == nil:
			return p, exit.Usagef("no run %d; see duly runs", id)
		}
		list, err := view.Runs(ctx, db, []runs.PastRun{*past}, business())
		if err != nil {
			return p, exit.Failed(err)
		}
		run := pageRun(list[0])
		if err := fill(ctx, db, &run, list[0]); err != nil {
			return p, exit.Failed(err)
		}
		p.Runs = append(p.Runs, run)
	}
	return p, nil
}

// pageRun is what `duly show run` shows, for a page.
func pageRun(v view.Run) report.Run {
	r := report.Run{
		ID: v.ID, Job: v.Job, Date: v.BusinessDate, Status: v.Status, Alive: v.Alive, Exit: v.Exit, Params: report.ParseParams(v.Params),
		Host: v.Host, PID: v.PID, Version: v.Version, Started: v.StartedAt, Finished: v.FinishedAt, Beat: v.HeartbeatAt, Error: v.Error,
		Next: v.Commands(),
	}
	if v.RerunOf != nil {
		r.RerunOf = *v.RerunOf
	}
	if v.Exit == nil {
		r.Finished = nil // when it was found dead says nothing
	}
	for _, s := range v.Steps {
		r.Steps = append(r.Steps, report.Step{
			Name: s.Step, Status: s.Status, Words: stepWords(s.Step), Read: s.Read, Succeeded: s.Succeeded, Declined: s.Declined, Released: s.Released,
			InDoubt: s.InDoubt, Rejected: s.Rejected, Review: s.Review, Amounts: s.Amounts, Seconds: s.Seconds,
		})
	}
	return r
}

// fill adds what is read beside the run itself.
func fill(ctx context.Context, db *session.Database, r *report.Run, v view.Run) error {
	kept, err := runs.ReadReport(ctx, db.DB, r.ID)
	if err != nil {
		return err
	}
	var m report.Measured
	if len(kept) > 0 && json.Unmarshal(kept, &m) == nil { // a run of another version may have kept otherwise
		r.Measured = &m
	}
	if r.Waiting, err = waitingOf(ctx, db, v); err != nil {
		return err
	}
	switch r.Job {
	case jobs.BillingJob:
		return fillBilling(ctx, db, r)
	case jobs.ReportJob:
		return fillDays(ctx, db, r, v)
	}
	return nil
}

// fillBilling adds why charges were declined or not settled, and what is unpaid.
func fillBilling(ctx context.Context, db *session.Database, r *report.Run) error {
	since, err := query.TakenOverSince(ctx, db.DB, r.ID, r.Started, end(r))
	if err != nil {
		return err
	}
	declines, err := query.DeclineSums(ctx, db.DB, r.ID, since, end(r), pageDeclines)
	if err != nil {
		return err
	}
	for _, d := range declines {
		r.Declines = append(r.Declines, report.Decline{Class: payment.Class(d.Class), Code: d.Code, Count: d.Count})
	}
	unsettled, err := query.UnsettledReasons(ctx, db.DB, r.ID, r.Started, pageReasons)
	if err != nil {
		return err
	}
	for _, reason := range unsettled.Reasons {
		r.Unsettled = append(r.Unsettled, report.Cause(reason))
	}
	r.MoreUnsettled = unsettled.More
	business, err := payment.ParseDate(r.Date)
	if err != nil {
		return fmt.Errorf("read the date of run %d: %w", r.ID, err)
	}
	unpaid, err := query.UnpaidInvoices(ctx, db.DB, business)
	if err != nil {
		return err
	}
	r.Unpaid = &report.Unpaid{Invoices: unpaid.Invoices, Amounts: map[string]int64{}, NewCard: unpaid.Barred}
	for _, m := range unpaid.Sums {
		r.Unpaid.Amounts[m.Currency] = sum.Add(r.Unpaid.Amounts[m.Currency], m.Amount)
	}
	for _, day := range unpaid.Retries {
		r.Unpaid.Retries = append(r.Unpaid.Retries, report.Retries{Date: day.Date.String(), Invoices: day.Invoices})
	}
	return nil
}

// end is when the run ended; of one that did not, the latest time at which it can have written anything.
func end(r *report.Run) time.Time {
	if r.Finished != nil {
		return *r.Finished
	}
	return r.Beat.Add(time.Hour)
}

// fillDays adds the figures that the run computed, as they stand now.
func fillDays(ctx context.Context, db *session.Database, r *report.Run, v view.Run) error {
	var told struct {
		From string `json:"from"`
	}
	if err := json.Unmarshal(v.Params, &told); err != nil {
		return fmt.Errorf("read the parameters of run %d: %w", v.ID, err)
	}
	to, err := payment.ParseDate(v.BusinessDate)
	if err != nil {
		return fmt.Errorf("read the date of run %d: %w", v.ID, err)
	}
	from := to
	if first, err := payment.ParseDate(told.From); err == nil {
		from = first
	}
	daily, err := query.DailyReport(ctx, db.DB, from, to)
	if err != nil {
		return err
	}
	d := &report.Daily{}
	for _, o := range daily.Orders {
		d.Orders = append(d.Orders, report.DayOrders{
			Date: o.Date.String(), Currency: o.Currency, Completed: o.OrdersCompleted, Failed: o.OrdersFailed, Sold: o.AmountCompleted, Refunded: o.AmountRefunded,
		})
	}
	for _, s := range daily.Sales[:min(pageProducts, len(daily.Sales))] {
		d.Products = append(d.Products, report.DayProduct{
			Date: s.Date.String(), ID: s.ProductID, Name: s.Name, Quantity: s.Quantity, Amount: s.Amount, Currency: s.Currency,
		})
	}
	d.More = len(daily.Sales) - len(d.Products)
	r.Daily = d
	return nil
}
