package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/jedib0t/go-pretty/v6/table"

	"duly/internal/batch"
	"duly/internal/payment"
	"duly/internal/preview"
	"duly/internal/query"
	"duly/internal/text"
	"duly/jobs"
)

// reportWork computes the figures of business days.
func reportWork() jobSpec {
	return jobSpec{
		name:          jobs.ReportJob,
		does:          "compute the figures of business days",
		takes:         []string{flagDate, flagFrom, flagTo, flagCSV},
		steps:         func(int) []string { return []string{jobs.StepReport} },
		day:           func(e *execution) payment.Date { _, to := e.report().Days(e.today); return to },
		check:         checkDays,
		job:           func(e *execution) (batch.Job, error) { return jobs.Report(e.deps, e.report()), nil },
		preview:       previewReport,
		extendSummary: extendReportSummary,
	}
}

// report is what a report is told.
func (e *execution) report() jobs.ReportOptions { return jobs.ReportOptions(e.days()) }

// span is the first and the last business day that were given; zero: none.
type span struct{ From, To payment.Date }

// days are the days of --date, or of --from and --to. The flags were checked before.
func (e *execution) days() span {
	date := func(text string) payment.Date {
		d, err := payment.ParseDate(text)
		if err != nil {
			return 0
		}
		return d
	}
	if e.flags.From == "" && e.flags.To == "" {
		d := date(e.flags.Date)
		return span{d, d}
	}
	return span{date(e.flags.From), date(e.flags.To)}
}

// checkDays refuses days that contradict one another or are yet to come.
func checkDays(_ context.Context, e *execution) ([]error, error) {
	s := e.days()
	var found []error
	if e.flags.Date != "" && (e.flags.From != "" || e.flags.To != "") {
		found = append(found, errors.New("--date: give one day, or the first and the last with --from and --to"))
	}
	if s.From > s.To && s.To != 0 {
		found = append(found, fmt.Errorf("--from: %s comes after --to, %s", s.From, s.To))
	}
	if last := max(s.From, s.To); last > e.today {
		found = append(found, fmt.Errorf("%s is after today, %s in %s", last, e.today, e.config.Business.Timezone))
	}
	return found, nil
}

// reportForecast is the document of a dry run of the report.
type reportForecast struct {
	forecast

	Daily query.Daily `json:"daily"`
}

// previewReport computes the figures, and keeps none.
func previewReport(ctx context.Context, e *execution, f forecast) (any, func(), error) {
	daily, err := preview.Report(ctx, e.deps, e.report())
	doc := reportForecast{f, daily}
	return doc, func() {
		if e.flags.csv {
			_ = e.csv(doc.Daily) // the command reports what standard output did not take
			return
		}
		from, to := e.report().Days(e.today)
		e.line("the figures of %s to %s as they would be kept:", from, to)
		e.daily(doc.Daily)
	}, err
}

// extendReportSummary adds the figures themselves to the summary.
func extendReportSummary(ctx context.Context, e *execution, s *summary) error {
	from, to := e.report().Days(e.today)
	daily, err := query.DailyReport(ctx, e.db.DB, from, to)
	if err != nil {
		return err
	}
	s.Daily = &daily
	if daily.Problems, err = jobs.SalesProblems(ctx, e.deps, from, to); err != nil {
		return err
	}
	for _, p := range daily.Problems {
		e.logs.WarnContext(ctx, "rows without an amount or a currency are in no sum of the report", slog.String("what", p.What),
			slog.String("why", p.Why), slog.Int64("count", p.Count), slog.Any("ids", p.IDs))
	}
	return nil
}

// daily writes the figures of days for people, and what they leave out.
func (a *app) daily(d query.Daily) {
	a.figures(d)
	for _, p := range d.Problems {
		a.line("%s", p)
	}
}

func (a *app) figures(d query.Daily) {
	var rows []table.Row
	for _, o := range d.Orders {
		money := func(n int64) payment.Money { return payment.Money{Amount: n, Currency: o.Currency} }
		rows = append(rows, table.Row{o.Date, o.OrdersCompleted, o.OrdersFailed, money(o.AmountCompleted), money(o.AmountRefunded)})
	}
	if len(rows) == 0 {
		a.line("no order was completed, failed or refunded")
		return
	}
	a.table(table.Row{"day", "completed", "failed", "sold", "refunded"}, rows)
	rows = nil
	for _, s := range d.Sales {
		amount := any("in several currencies")
		if s.Currency != "" {
			amount = payment.Money{Amount: s.Amount, Currency: s.Currency}
		}
		rows = append(rows, table.Row{s.Date, s.ProductID, s.Name, s.Quantity, amount})
	}
	if len(rows) > 0 {
		a.table(table.Row{"day", "product", "name", "quantity", "amount"}, rows)
	}
}

// csv writes the figures of days as one table: a row an amount of a day, in minor units.
func (a *app) csv(d query.Daily) error {
	rows := [][]any{{"business_date", "kind", "currency", "product_id", "name", "completed", "failed", "quantity", "amount", "refunded"}}
	for _, o := range d.Orders {
		rows = append(rows, []any{o.Date, "orders", o.Currency, "", "", o.OrdersCompleted, o.OrdersFailed, "", o.AmountCompleted, o.AmountRefunded})
	}
	for _, s := range d.Sales {
		rows = append(rows, []any{s.Date, "product", s.Currency, s.ProductID, s.Name, "", "", s.Quantity, s.Amount, ""})
	}
	if err := text.CSV(a.out, rows); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}
