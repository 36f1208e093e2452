package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"duly/internal/batch"
	"duly/internal/payment"
	"duly/internal/query"
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
	daily, err := jobs.ForecastReport(ctx, e.deps, e.report())
	doc := reportForecast{f, daily}
	return doc, func() {
		if e.flags.csv {
			_ = e.Screen.csv(doc.Daily) // the command reports what standard output did not take
			return
		}
		from, to := e.report().Days(e.today)
		e.Screen.line("the figures of %s to %s as they would be kept:", from, to)
		showDaily(e.Screen, doc.Daily)
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
