package jobs

import (
	"context"
	"errors"
	"fmt"

	"duly/internal/batch"
	"duly/internal/payment"
	"duly/internal/query"
	"duly/writers"
)

// ReportOptions configures a report.
type ReportOptions struct {
	// From and To are the first and the last business day. Without To it is yesterday, or From if that is
	// later; without From it is To.
	From, To payment.Date
}

// StepReport is the step of the report job.
const StepReport = "report"

// Report is the job that computes the daily figures of business days, each in a transaction of its own. It
// replaces what was kept of them and may be repeated for any day.
func Report(d Deps, o ReportOptions) batch.Job {
	return batch.Job{Name: ReportJob, Steps: []batch.Step{batch.Tasklet{StepName: StepReport, StepLabel: LabelOf(StepReport), Do: func(ctx context.Context, x *batch.StepExecution) error {
		from, to := o.Days(d.Today())
		if from > to {
			return fmt.Errorf("the first day, %s, comes after the last, %s", from, to)
		}
		return d.report(ctx, x, from, to)
	}}}}
}

// Days are the first and the last day of a report that is made today.
func (o ReportOptions) Days(today payment.Date) (from, to payment.Date) {
	from, to = o.From, o.To
	if to.IsZero() {
		to = max(from, today-1)
	}
	if from.IsZero() {
		from = to
	}
	return from, to
}

func (d Deps) report(ctx context.Context, x *batch.StepExecution, from, to payment.Date) error {
	writer := &writers.Sales{DB: d.DB, Zone: d.Zone}
	for day := from; day <= to && ctx.Err() == nil; day++ {
		if x.Budget.Take(1) == 0 {
			return nil
		}
		err := x.Retry(ctx, func(ctx context.Context) error { return writer.Write(ctx, day) })
		switch {
		case err == nil:
			x.Count(batch.Tally{Read: 1, Succeeded: 1})
		case errors.Is(err, batch.ErrLocked):
			x.Leave("the figures of " + day.String() + " stayed locked by another transaction")
		case errors.Is(err, batch.ErrStopped):
			return nil
		default:
			return fmt.Errorf("report on %s: %w", day, err)
		}
	}
	return nil
}

// SalesProblems lists what the report of the days from one to another leaves out.
func SalesProblems(ctx context.Context, d Deps, from, to payment.Date) ([]query.SalesProblem, error) {
	return query.SalesProblems(ctx, d.DB, payment.Window{From: from.In(d.Zone).From, To: to.In(d.Zone).To})
}
