package announce

import (
	"context"
	"errors"
	"fmt"
	"time"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/billing/notice"
	"duly/internal/mysql"
	"duly/internal/noticerows"
	"duly/internal/payment"
	"duly/internal/query"
	"duly/internal/store"
	"duly/writers"
)

// Options configures a notices run.
type Options struct {
	Selection store.Selection
	Policy    billing.Policy
	CatchUp   billing.CatchUp
	ChunkSize int
}

// Run is a run of notices.
type Run struct {
	DB *mysql.DB
	// Now is the business clock.
	Now     func() time.Time
	Options Options
}

// Horizon is the last due date that a run may announce: the business date if no policy has notice_days.
func (o Options) Horizon() payment.Date {
	days := o.Policy.Notice.Days
	for _, p := range o.Policy.Named {
		days = max(days, p.Notice.Days)
	}
	return o.Selection.Business + payment.Date(days) //nolint:gosec // a number of days, far below the limit
}

// Requires reports whether a policy makes charges wait for their notices.
func Requires(p billing.Policy) bool {
	for _, d := range p.Named {
		if d.Notice.Required {
			return true
		}
	}
	return p.Notice.Required
}

// Decide says which notices of a subscription a run writes.
func (o Options) Decide(x notice.Subject) []notice.Notice {
	day := o.Selection.Business
	return notice.Decide(x, o.Policy, billing.IssuePolicy{
		Business: day, Effective: day, CatchUp: o.CatchUp, KnownGateway: func(string) bool { return true }, Named: o.Policy.Named,
	})
}

// Upcoming announces the next charges, and warns of methods that expire before them.
func (r *Run) Upcoming(ctx context.Context, x *batch.StepExecution) error {
	if !Enabled(r.Options.Policy) {
		return nil
	}
	for _, walk := range query.Upcoming(r.DB, r.Options.Selection, r.Options.Horizon()) {
		err := r.walk(ctx, x, func(ctx context.Context) ([]notice.Notice, func(), bool, error) {
			page, took, done, err := walk.Next(ctx, r.Options.ChunkSize)
			var list []notice.Notice
			for _, s := range page {
				list = append(list, r.Options.Decide(s)...)
			}
			if err == nil {
				list, err = r.within(ctx, x, list)
			}
			return list, took, done, err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Enabled reports whether a policy announces charges before they are made.
func Enabled(p billing.Policy) bool {
	for _, d := range p.Named {
		if d.Notice.Days > 0 {
			return true
		}
	}
	return p.Notice.Days > 0
}

// Waiting announces the charges of invoices that are due and have no notice yet.
func (r *Run) Waiting(ctx context.Context, x *batch.StepExecution) error {
	if !Requires(r.Options.Policy) {
		return nil
	}
	var after uint64
	return r.walk(ctx, x, func(ctx context.Context) (list []notice.Notice, took func(), done bool, err error) {
		page, next, done, err := query.WaitingInvoices(ctx, r.DB, r.Options.Selection, r.Options.Policy, after, r.Options.ChunkSize)
		for _, w := range page {
			list = append(list, notice.ForInvoice(w.Invoice, w.Subscription, w.Newest, r.Options.Selection.Business)...)
		}
		if err == nil {
			list, err = r.within(ctx, x, list)
		}
		return list, func() { after = next }, done, err
	})
}

// walk writes the notices of page after page. A page whose COMMIT was not answered is read and written again: notices that were written are found then.
// It counts those that are this run's: two runs at once write each notice once.
func (r *Run) walk(ctx context.Context, x *batch.StepExecution, next func(ctx context.Context) ([]notice.Notice, func(), bool, error)) error {
	for done := false; !done && ctx.Err() == nil; {
		var written int64
		var tried []notice.Notice // of the page
		now := mysql.Stored(r.Now())
		err := x.Retry(ctx, func(ctx context.Context) error {
			list, took, last, err := next(ctx)
			if err != nil {
				return err
			}
			limit := x.Budget.Take(len(list))
			if limit < len(list) {
				list, last = list[:limit], true
			}
			if len(list) > 0 {
				tried = append(tried, list...)
				if err = writers.Notices(ctx, r.DB, list, now); err != nil {
					x.Budget.Return(limit)
					return err
				}
			}
			if written, err = noticerows.Written(ctx, r.DB, tried, now); err != nil {
				return err
			}
			done = last
			took()
			return nil
		})
		x.Count(batch.Tally{Read: written, Succeeded: written})
		switch {
		case errors.Is(err, batch.ErrLocked):
			x.Leave("rows stayed locked by another transaction")
			return nil
		case errors.Is(err, batch.ErrStopped):
			return nil
		case err != nil:
			return fmt.Errorf("notices: %w", err)
		}
	}
	return nil
}
