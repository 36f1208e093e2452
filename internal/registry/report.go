package registry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"duly/internal/batch"
	"duly/internal/cli"
	"duly/internal/payment"
	"duly/internal/preview"
	"duly/internal/query"
	"duly/internal/view"
	"duly/jobs"
)

// reportWork computes the figures of business days.
func reportWork() Job {
	return Job{
		Name:          jobs.ReportJob,
		Does:          "compute the figures of business days",
		Takes:         []string{cli.FlagDate, cli.FlagFrom, cli.FlagTo, cli.FlagCSV},
		Steps:         func(int) []string { return []string{jobs.StepReport} },
		Day:           func(r *Request) payment.Date { _, to := r.report().Days(r.Today); return to },
		Check:         checkDays,
		Build:         func(r *Request) (batch.Job, error) { return jobs.Report(r.Deps, r.report()), nil },
		Preview:       previewReport,
		ExtendSummary: extendReportSummary,
	}
}

// report configures a report.
func (r *Request) report() jobs.ReportOptions { return jobs.ReportOptions(r.Days()) }

// Span is the first and the last business day that were given; zero: none.
type Span struct{ From, To payment.Date }

// Days are the days of --date, or of --from and --to. The flags were checked before.
func (r *Request) Days() Span {
	date := func(text string) payment.Date {
		d, err := payment.ParseDate(text)
		if err != nil {
			return 0
		}
		return d
	}
	if r.Flags.From == "" && r.Flags.To == "" {
		d := date(r.Flags.Date)
		return Span{d, d}
	}
	return Span{date(r.Flags.From), date(r.Flags.To)}
}

// checkDays refuses days that contradict one another or are yet to come.
func checkDays(_ context.Context, r *Request) ([]error, error) {
	s := r.Days()
	var found []error
	if r.Flags.Date != "" && (r.Flags.From != "" || r.Flags.To != "") {
		found = append(found, errors.New("--date: give one day, or the first and the last with --from and --to"))
	}
	if s.From > s.To && s.To != 0 {
		found = append(found, fmt.Errorf("--from: %s comes after --to, %s", s.From, s.To))
	}
	if last := max(s.From, s.To); last > r.Today {
		found = append(found, fmt.Errorf("%s is after today, %s in %s", last, r.Today, r.Config.Business.Timezone))
	}
	return found, nil
}

// ReportForecast is the document of a dry run of the report.
type ReportForecast struct {
	Head

	Daily query.Daily `json:"daily"`
}

// previewReport computes the figures, and keeps none.
func previewReport(ctx context.Context, r *Request, f Head) (any, func(), error) {
	daily, err := preview.Report(ctx, r.Deps, r.report())
	doc := ReportForecast{f, daily}
	return doc, func() {
		if r.Flags.CSV {
			_ = view.DailyCSV(r.Session.Screen, doc.Daily) // the command reports what standard output did not take
			return
		}
		from, to := r.report().Days(r.Today)
		r.Session.Screen.Line("the figures of %s to %s as they would be kept:", from, to)
		view.ShowDaily(r.Session.Screen, doc.Daily)
	}, err
}

// extendReportSummary adds the figures themselves to the summary.
func extendReportSummary(ctx context.Context, r *Request, s *view.Summary) error {
	from, to := r.report().Days(r.Today)
	daily, err := query.DailyReport(ctx, r.DB, from, to)
	if err != nil {
		return err
	}
	s.Daily = &daily
	if daily.Problems, err = jobs.SalesProblems(ctx, r.Deps, from, to); err != nil {
		return err
	}
	for _, p := range daily.Problems {
		r.Log.WarnContext(ctx, "rows without an amount or a currency are in no sum of the report", slog.String("what", p.What),
			slog.String("why", p.Why), slog.Int64("count", p.Count), slog.Any("ids", p.IDs))
	}
	return nil
}
