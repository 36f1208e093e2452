package registry

import (
	"context"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"duly/internal/batch"
	"duly/internal/cli"
	"duly/internal/payment"
	"duly/internal/preview"
	"duly/internal/query"
	"duly/internal/runs"
	"duly/internal/sum"
	"duly/jobs"
)

// BillingForecast is the document of billing.
type BillingForecast struct {
	Head
	preview.BillingForecast
}

func previewBilling(ctx context.Context, r *Request, f Head) (any, func(), error) {
	found, err := preview.Billing(ctx, r.Deps, r.billing(), r.Stages, firstRows, r.Flags.Limit)
	b := BillingForecast{f, found}
	if err != nil || r.Session.Screen.JSON {
		return b, func() {}, err
	}
	waiting, err := query.CountReviews(ctx, r.DB, r.Business)
	if err != nil {
		return b, nil, err
	}
	pace, err := r.pastPace(ctx)
	return b, func() { r.showBilling(b, waiting, pace) }, err
}

// forecastColumn is how wide the labels of a forecast are.
const forecastColumn = 14

// showBilling writes a forecast of billing for people. pace is how many charges a second earlier runs made; 0: not known.
func (r *Request) showBilling(f BillingForecast, waiting query.Reviews, pace float64) {
	count, money := dueBy(f.Charges)
	will := []string{"nothing"}
	if count > 0 {
		will = []string{cli.Number(count), cli.MoneySums(money)}
		if took := estimate(count, pace); took > 0 {
			will = append(will, "about "+cli.Rounded(took))
		}
	}
	r.Session.Screen.Item("Will charge", forecastColumn, will...)
	var wont []string
	add := func(n int64, what string) {
		if n > 0 {
			wont = append(wont, cli.Number(n)+" "+what)
		}
	}
	unsettled, _ := dueBy(f.Unsettled)
	add(unsettled, "in doubt (asked first)")
	add(f.Passed+f.Ended, needs(f.Passed+f.Ended)+" a new card")
	add(f.Held-f.HeldByPolicy, "put off by a card network's rule")
	add(f.HeldByPolicy, "put off by max_tries_30d of a dunning policy")
	add(waiting.Invoices+waiting.Subscriptions, "in review")
	guarded, large := int64(0), map[string]int64{}
	for _, g := range f.Guarded {
		guarded, large[g.Currency] = guarded+g.Count, g.Amount
	}
	add(f.Review-guarded, "will go to review")
	add(guarded, "will go to review for their amounts, "+cli.MoneySums(large))
	add(f.Unnoticed, "waiting for a delivered notice")
	add(f.WaitingForMethod, "waiting for a planned payment method that cannot be applied")
	add(f.LeftAlone, "of a gateway that is paused or not configured")
	add(f.Void, "cancelled")
	add(f.Free, "of amount 0, marked paid")
	if len(wont) > 0 {
		r.Session.Screen.Item("Won't charge", forecastColumn, wont...)
	}
	problems(r.Session.Screen, f.Problems, f.MoreProblems)
	if f.Limited {
		r.Session.Screen.Line("--limit will end the run before everything is charged")
	}
	for _, u := range f.Unknown {
		r.Session.Screen.Line("nothing will be charged at gateway %s: %s that no attempt accounts for: duly adopt %s", u.Gateway, cli.Things(u.Count, "charge"), u.Gateway)
	}
	if r.Session.Screen.Verbose {
		r.billingDetails(f)
	}
}

func needs(n int64) string {
	if n == 1 {
		return "needs"
	}
	return "need"
}

// billingDetails adds the sums by step and gateway, and the first charges.
func (r *Request) billingDetails(f BillingForecast) {
	rows := func(list []preview.ChargeSum) []table.Row {
		var rows []table.Row
		for _, s := range list {
			rows = append(rows, table.Row{s.Step, s.Gateway, s.Count, payment.Money{Amount: s.Amount, Currency: s.Currency}})
		}
		return rows
	}
	if all := append(rows(f.Unsettled), rows(f.Charges)...); len(all) > 0 {
		r.Session.Screen.Table(table.Row{"step", "gateway", "charges", "amount"}, all)
	}
	var first []table.Row
	for _, c := range f.First {
		invoice := any("new")
		if c.Invoice != 0 {
			invoice = c.Invoice
		}
		first = append(first, table.Row{c.Step, c.Subscription, invoice, c.Due, c.Gateway, payment.Money{Amount: c.Amount, Currency: c.Currency}})
	}
	if len(first) > 0 {
		r.Session.Screen.Line("first %d:", len(first))
		r.Session.Screen.Table(table.Row{"step", "subscription", "invoice", "due", "gateway", "amount"}, first)
	}
	r.Session.Screen.Line("not looked at: what the gateways list; charges that the tables do not know stop a run before it sends anything")
}

const (
	// pastRuns is how many of the newest runs are looked at for a pace, and pacedCharges how many charges make one.
	pastRuns     = 50
	pacedCharges = 20
)

// pastPace is how many charges a second the newest billing run made that made enough of them; 0: none did.
func (r *Request) pastPace(ctx context.Context) (float64, error) {
	past, err := runs.Runs(ctx, r.DB, pastRuns)
	if err != nil {
		return 0, err
	}
	var ids []uint64
	for _, run := range past {
		if run.Job == jobs.BillingJob && run.Status == string(batch.Completed) {
			ids = append(ids, run.ID)
		}
	}
	if len(ids) == 0 {
		return 0, nil
	}
	steps, err := runs.Steps(ctx, r.DB, ids...)
	if err != nil {
		return 0, err
	}
	for _, id := range ids { // newest first
		charges, seconds := int64(0), 0.0
		for _, s := range steps[id] {
			if (s.Step == jobs.StepCollect || strings.HasPrefix(s.Step, jobs.StepRetry)) && s.Finished != nil {
				charges, seconds = sum.Add(charges, s.Read), seconds+s.Finished.Sub(s.Started).Seconds()
			}
		}
		if charges >= pacedCharges && seconds > 0 {
			return float64(charges) / seconds, nil
		}
	}
	return 0, nil
}

// estimate is how long charges take at a pace, in whole seconds or minutes; 0: not known.
func estimate(charges int64, pace float64) time.Duration {
	if pace <= 0 {
		return 0
	}
	took := time.Duration(float64(charges) / pace * float64(time.Second))
	if took > 10*time.Minute {
		return took.Round(time.Minute)
	}
	return max(took.Round(time.Second), time.Second)
}

// dueBy sums up charges by currency.
func dueBy(list []preview.ChargeSum) (count int64, money map[string]int64) {
	money = map[string]int64{}
	for _, s := range list {
		count += s.Count
		money[s.Currency] = sum.Add(money[s.Currency], s.Amount)
	}
	return count, money
}
