package registry

import (
	"context"

	"github.com/jedib0t/go-pretty/v6/table"

	"duly/internal/announce"
	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/cli"
	"duly/internal/payment"
	"duly/internal/preview"
	"duly/internal/session"
	"duly/jobs"
)

// noticesWork is the entry of the notices job.
func noticesWork() Job {
	return Job{
		Name:   jobs.NoticesJob,
		Does:   "notify the shop of charges before they are made",
		Takes:  []string{cli.FlagDate, cli.FlagSubscription, cli.FlagLimit, cli.FlagAllowFuture},
		Writes: []string{"notices", "events"},
		Steps:  func(int) []string { return announce.Steps() },
		Check:  checkSubscriptions,
		Build: func(r *Request) (batch.Job, error) {
			run := announce.Run{DB: r.DB, Now: r.Deps.Business, Options: r.notices()}
			return run.Job(func(step string) bool { return jobs.Selected(r.Flags.Steps, step) }), nil
		},
		Preview: previewNotices,
	}
}

// noticesAtOnce is how many subscriptions are read at once.
const noticesAtOnce = 500

// notices configures a notices run.
func (r *Request) notices() announce.Options {
	return announce.Options{
		Selection: r.Selection(), Policy: session.BillingPolicy(r.Config), CatchUp: billing.CatchUp(r.Config.Billing.CatchUp), ChunkSize: noticesAtOnce,
	}
}

// NoticesForecast is the document of a dry run of notices.
type NoticesForecast struct {
	Head
	preview.NoticesForecast
}

// previewNotices forecasts the notices that a run would write.
func previewNotices(ctx context.Context, r *Request, f Head) (any, func(), error) {
	found, err := preview.Notices(ctx, r.Deps, r.notices(), r.Flags.Steps, firstRows, r.Flags.Limit)
	doc := NoticesForecast{f, found}
	return doc, func() { r.showNotices(doc) }, err
}

// showNotices writes a forecast of notices for people.
func (r *Request) showNotices(f NoticesForecast) {
	screen := r.Session.Screen
	defer problems(screen, f.Problems, f.MoreProblems)
	switch {
	case !session.GivesNotice(r.Config):
		screen.Line("no notice will be written: no dunning policy has notice_days")
		return
	case f.Upcoming+f.Expiring+f.Waiting == 0:
		screen.Line("no notice will be written")
		return
	}
	screen.Line("%s of upcoming charges, %d of expiring methods, %d of due charges that wait for a notice", cli.Plural(f.Upcoming, "notice"), f.Expiring, f.Waiting)
	var rows []table.Row
	for _, n := range f.First {
		rows = append(rows, table.Row{n.Kind, n.Subscription, n.For, payment.Money{Amount: n.Amount, Currency: n.Currency}})
	}
	screen.Table(table.Row{"notice", "subscription", "for", "amount"}, rows)
	if f.Limited {
		screen.Line("--limit will end the run before all notices are written")
	}
}
