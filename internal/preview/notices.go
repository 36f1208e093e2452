package preview

import (
	"context"

	"duly/internal/announce"
	"duly/internal/billing/notice"
	"duly/internal/payment"
	"duly/internal/query"
	"duly/jobs"
)

// NoticesForecast counts the notices that a run would write.
type NoticesForecast struct {
	Upcoming int64       `json:"upcoming"` // notices of charges to come
	Expiring int64       `json:"expiring"` // of payment methods that will have expired by then
	Waiting  int64       `json:"waiting"`  // of charges that are due and wait for their notice
	First    []NoticeDue `json:"first"`
	Limited  bool        `json:"limited"` // the limit of the run would be reached

	// Problems are why charges would not be announced, with their first subscriptions; MoreProblems counts the notices of others.
	Problems     []Problem `json:"problems"`
	MoreProblems int64     `json:"more_problems,omitempty"`
}

// NoticeDue is one notice that would be written.
type NoticeDue struct {
	Kind         string       `json:"kind"`
	Subscription uint64       `json:"subscription_id"`
	For          payment.Date `json:"for_date"`
	Amount       int64        `json:"amount"` // minor units
	Currency     string       `json:"currency"`
}

// Notices says what [announce.Run] with the same arguments would write: the same rules, and nothing is written. At most first notices are listed,
// limit bounds them all (0: no bound).
func Notices(ctx context.Context, d jobs.Deps, o announce.Options, steps []string, first, limit int) (f NoticesForecast, _ error) {
	f = NoticesForecast{First: []NoticeDue{}}
	var held problems
	defer func() { f.Problems, f.MoreProblems = held.named(), held.more }()
	within := func(list []notice.Notice) ([]notice.Notice, error) {
		list, beyond, err := o.Within(ctx, d.DB, list)
		for _, h := range beyond {
			what, id := "subscription", h.Subscription
			if h.Invoice.ID > 0 {
				what, id = "invoice", h.Invoice.ID
			}
			if h.Kind == notice.Upcoming {
				held.addAmount(what, h.Verdict, h.Money.Currency, id)
			}
		}
		return list, err
	}
	total := 0
	add := func(n notice.Notice, waits bool) bool {
		if limit > 0 && total >= limit {
			f.Limited = true
			return false
		}
		total++
		switch {
		case waits:
			f.Waiting++
		case n.Kind == notice.Expiring:
			f.Expiring++
		default:
			f.Upcoming++
		}
		if len(f.First) < first {
			f.First = append(f.First, NoticeDue{string(n.Kind), n.Subscription, n.For, n.Money.Amount, n.Money.Currency})
		}
		return true
	}
	if jobs.Selected(steps, announce.StepUpcoming) && announce.Enabled(o.Policy) {
		for _, walk := range query.Upcoming(d.DB, o.Selection, o.Horizon()) {
			for done := false; !done; {
				page, took, last, err := walk.Next(ctx, o.ChunkSize)
				if err != nil {
					return f, err
				}
				var list []notice.Notice
				for _, x := range page {
					list = append(list, o.Decide(x)...)
				}
				if list, err = within(list); err != nil {
					return f, err
				}
				for _, n := range list {
					if !add(n, false) {
						return f, nil
					}
				}
				took()
				done = last
			}
		}
	}
	if !jobs.Selected(steps, announce.StepWaiting) || !announce.Requires(o.Policy) {
		return f, nil
	}
	for after, done := uint64(0), false; !done; {
		page, next, last, err := query.WaitingInvoices(ctx, d.DB, o.Selection, o.Policy, after, o.ChunkSize)
		if err != nil {
			return f, err
		}
		var list []notice.Notice
		for _, w := range page {
			list = append(list, notice.ForInvoice(w.Invoice, w.Subscription, w.Newest, o.Selection.Business)...)
		}
		if list, err = within(list); err != nil {
			return f, err
		}
		for _, n := range list {
			if !add(n, true) {
				return f, nil
			}
		}
		after, done = next, last
	}
	return f, nil
}
