package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"duly/internal/batch"
	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/report"
	"duly/internal/text"
	"duly/jobs"
	"duly/readers"
)

// What a page lists at most.
const (
	pageReviews  = 20
	pageDeclines = 10
	pageProducts = 50
	// pageFor bounds the reading of a page that a run ends with.
	pageFor = 20 * time.Second
)

// page reads what a report of the runs shows.
func (a *app) page(ctx context.Context, db *database, zone *time.Location, ids ...uint64) (report.Page, error) {
	business, err := a.clock(ctx, db.DB)
	if err != nil {
		return report.Page{}, err
	}
	p := report.Page{Written: business(), Zone: zone}
	for _, id := range ids {
		past, err := mysql.FindRun(ctx, db.DB, id)
		switch {
		case err != nil:
			return p, failed(err)
		case past == nil:
			return p, usagef("no run %d; see duly runs", id)
		}
		list, err := views(ctx, db, []mysql.PastRun{*past}, business())
		if err != nil {
			return p, failed(err)
		}
		run := pageRun(list[0])
		if err := a.fill(ctx, db, &run, list[0]); err != nil {
			return p, failed(err)
		}
		p.Runs = append(p.Runs, run)
	}
	return p, nil
}

// pageRun is what `duly show run` shows, for a page.
func pageRun(v runView) report.Run {
	r := report.Run{
		ID: v.ID, Job: v.Job, Date: v.BusinessDate, Status: v.Status, Alive: v.Alive, Exit: v.Exit, Told: report.ToldBy(v.Params),
		Host: v.Host, PID: v.PID, Version: v.Version, Started: v.StartedAt, Finished: v.FinishedAt, Beat: v.HeartbeatAt, Error: v.Error,
		Next: v.commands(),
	}
	if v.RerunOf != nil {
		r.RerunOf = *v.RerunOf
	}
	if v.Exit == nil {
		r.Finished = nil // when it was found dead says nothing
	}
	for _, s := range v.Steps {
		r.Steps = append(r.Steps, report.Step{
			Name: s.Step, Status: s.Status, Read: s.Read, Succeeded: s.Succeeded, Declined: s.Declined, Released: s.Released,
			InDoubt: s.InDoubt, Rejected: s.Rejected, Review: s.Review, Amounts: s.Amounts, Seconds: s.Seconds,
		})
	}
	return r
}

// commands are what an operator may want to type; rows that wait have commands of their own.
func (v runView) commands() []string {
	again := fmt.Sprintf("duly run %s --rerun %d", v.Job, v.ID)
	switch {
	case v.Alive:
		return []string{"duly status --watch"}
	case v.Exit == nil:
		return []string{again}
	}
	if *v.Exit == batch.ExitReview {
		return nil
	}
	return endingOf(*v.Exit).next(v.Job, v.ID)
}

// fill adds what is read beside the run itself.
func (a *app) fill(ctx context.Context, db *database, r *report.Run, v runView) error {
	kept, err := mysql.ReadReport(ctx, db.DB, r.ID)
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
	if err := a.fillCauses(ctx, db, r); err != nil {
		return err
	}
	switch r.Job {
	case jobs.BillingJob:
		return fillDeclines(ctx, db, r)
	case jobs.ReportJob:
		return fillDays(ctx, db, r, v)
	}
	return nil
}

// fillCauses adds the commonest causes, as the tables show them now.
func (a *app) fillCauses(ctx context.Context, db *database, r *report.Run) error {
	of := causesOf{job: r.Job, run: r.ID, business: r.Date, since: r.Started, until: end(r).Add(time.Second)}
	for _, s := range r.Steps {
		of.reviewed += s.Review
	}
	c, err := a.load()
	if err != nil {
		return err
	}
	found, err := of.read(ctx, db.DB, c)
	for _, reason := range found.Reasons {
		r.Causes = append(r.Causes, report.Cause(reason))
	}
	r.MoreCauses = found.More
	return err
}

func fillDeclines(ctx context.Context, db *database, r *report.Run) error {
	sums, err := readers.DeclineSums(ctx, db.DB, r.ID, r.Started, end(r), pageDeclines)
	for _, s := range sums {
		r.Declines = append(r.Declines, report.Decline(s))
	}
	return err
}

// end is when the run ended, or could have written something at the latest.
func end(r *report.Run) time.Time {
	if r.Finished != nil {
		return *r.Finished
	}
	return r.Beat.Add(time.Hour)
}

// fillDays adds the figures that the run computed, as they stand now.
func fillDays(ctx context.Context, db *database, r *report.Run, v runView) error {
	var told runFlags
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
	daily, err := readers.DailyReport(ctx, db.DB, from, to)
	if err != nil {
		return err
	}
	d := &report.Daily{}
	for _, o := range daily.Orders {
		d.Orders = append(d.Orders, report.DayOrders{
			Date: o.Date.String(), Currency: o.Currency, Completed: o.OrdersCompleted, Failed: o.OrdersFailed, Sold: o.AmountCompleted, GivenBack: o.AmountRefunded,
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

// waitingOf lists what waits for an operator now, of the kinds that the job sends to review.
func waitingOf(ctx context.Context, db *database, v runView) (report.Waiting, error) {
	var w report.Waiting
	business, err := payment.ParseDate(v.BusinessDate)
	if err != nil {
		return w, fmt.Errorf("read the date of run %d: %w", v.ID, err)
	}
	counts, err := readers.CountReviews(ctx, db.DB, business)
	if err != nil {
		return w, fmt.Errorf("count what is in review: %w", mysql.Classify(ctx, err))
	}
	var rows []readers.Review
	total := int64(0)
	switch v.Job {
	case jobs.BillingJob:
		total = counts.Invoices + counts.Subscriptions
		if rows, err = readers.InvoiceReviews(ctx, db.DB, pageReviews); err != nil {
			return w, err
		}
		more, err := readers.SubscriptionReviews(ctx, db.DB, business, pageReviews)
		if err != nil {
			return w, err
		}
		rows = append(rows, more...)
		slices.SortStableFunc(rows, func(a, b readers.Review) int { return b.Since.Compare(a.Since) })
	case jobs.ReconcileJob:
		total = counts.Orders
		rows, err = readers.OrderReviews(ctx, db.DB, pageReviews)
	case jobs.OutboxJob:
		total = counts.Events
		rows, err = readers.EventReviews(ctx, db.DB, pageReviews)
	case jobs.AuditJob:
		return findingsOf(ctx, db, v.ID)
	}
	for _, r := range rows[:min(pageReviews, len(rows))] {
		w.Rows = append(w.Rows, reviewOf(r, v))
	}
	w.More = max(0, total-int64(len(w.Rows)))
	return w, err
}

func reviewOf(r readers.Review, v runView) report.Review {
	out := report.Review{What: fmt.Sprintf("%s %d", r.What, r.ID), Reason: r.Reason, Since: r.Since, Command: fmt.Sprintf("duly show %s %d", r.What, r.ID)}
	if r.Currency != "" {
		out.Money = &payment.Money{Amount: r.Amount, Currency: r.Currency}
	}
	if r.What == "event" { // when it was given up is not known
		out.Command = fmt.Sprintf("duly requeue event %d", r.ID)
		return out
	}
	out.New = !r.Since.Before(v.StartedAt) && (v.FinishedAt == nil || !r.Since.After(v.FinishedAt.Add(time.Second)))
	return out
}

func findingsOf(ctx context.Context, db *database, run uint64) (report.Waiting, error) {
	var w report.Waiting
	list, total, err := readers.OpenFindings(ctx, db.DB, pageReviews)
	for _, f := range list {
		w.Rows = append(w.Rows, report.Review{
			What: strings.TrimSpace(fmt.Sprintf("finding %d, %s %s", f.ID, f.Kind, f.Reference)), Reason: f.Text(), Since: f.FirstSeen,
			New: f.RunID != nil && *f.RunID == run, Command: f.Command(),
		})
	}
	w.More = total - int64(len(w.Rows))
	return w, err
}

// pageOfRun writes the report of a run that has ended to the file of --report. One that cannot be written changes nothing of
// the run, and makes the program's exit code 1 instead of 0.
func (e *execution) pageOfRun(ctx context.Context, run uint64) {
	if e.flags.report == "" {
		return
	}
	e.endWithPage(ctx, e.flags.report, func(ctx context.Context) (report.Page, error) {
		return e.page(ctx, e.db, e.config.Business.Location(), run)
	})
}

// nightOf is what a report says of the night before its jobs have run; nothing is read if there is to be none.
func (a *app) nightOf(ctx context.Context, f runFlags, db *database) (report.Night, error) {
	if f.report == "" {
		return report.Night{}, nil
	}
	business, err := a.clock(ctx, db.DB)
	if err != nil {
		return report.Night{}, err
	}
	n := report.Night{Date: f.Date, Started: business()}
	if n.Date == "" {
		n.Date = payment.DateOf(n.Started.In(a.config.Business.Location())).String()
	}
	return n, nil
}

// pageOfNight does the same for a night.
func (a *app) pageOfNight(ctx context.Context, file string, db *database, v nightlyView, night report.Night) {
	if file == "" {
		return
	}
	a.endWithPage(ctx, file, func(ctx context.Context) (report.Page, error) {
		var ids []uint64
		for _, part := range v.Jobs {
			if part.run != 0 {
				ids = append(ids, part.run)
			}
			night.Parts = append(night.Parts, report.Part{Job: part.Job, Run: part.run, Exit: part.Exit, Why: part.Error})
		}
		p, err := a.page(ctx, db, a.config.Business.Location(), ids...)
		night.Exit, night.Finished = v.Exit, p.Written
		if len(p.Runs) > 0 {
			night.Host = p.Runs[0].Host
		}
		p.Night = &night
		return p, err
	})
}

// endWithPage reads and writes a page, and says so; see pageOfRun.
func (a *app) endWithPage(ctx context.Context, file string, read func(context.Context) (report.Page, error)) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pageFor)
	defer cancel()
	p, err := read(ctx)
	if err == nil {
		err = a.writePage(file, p)
	}
	if err != nil {
		a.complain(fmt.Errorf("the report could not be written: %w", err))
		if a.code == batch.ExitDone {
			a.code = batch.ExitFailed
		}
		return
	}
	a.say(a.people(), text.Sprintf("report: %s", file))
}
