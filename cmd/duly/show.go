package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"duly/config"
	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/billing/explain"
	"duly/internal/operator"
	"duly/internal/payment"
	"duly/internal/query"
	"duly/internal/query/details"
	"duly/internal/runs"
	"duly/internal/text"
	"duly/jobs"
)

// How much of a subscription's history is shown.
const (
	invoicesShown = 50
	eventsShown   = 50
)

func (a *app) showCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Show one run, subscription, invoice or order: what happened, what comes next, and why",
		Example: "  duly show subscription 42\n" +
			"  duly show invoice 7 --json\n" +
			"  duly show order 12\n" +
			"  duly show run 17",
	}
	add := func(name, short, more string, do func(context.Context, *database, uint64) error) {
		one := &cobra.Command{
			Use: name + " ID", Short: short, Example: "  duly show " + name + " 42", Args: cobra.ArbitraryArgs,
			ValidArgsFunction: a.completeShown(name),
			RunE: func(cmd *cobra.Command, args []string) error {
				if len(args) != 1 {
					return usagef("say which %s, by its id: duly show %s 42", name, name)
				}
				n, err := id(args[0])
				if err != nil {
					return err
				}
				return a.withSchema(cmd.Context(), func(db *database) error { return do(cmd.Context(), db, n) })
			},
		}
		if more != "" {
			a.verboseFlag(one, more)
		}
		cmd.AddCommand(one)
	}
	add("run", "One run and its steps", "", a.showRun)
	add("subscription", "One subscription: was it charged, was it charged twice, and if not, why", "every invoice with its keys, and the events", a.showSubscription)
	add("invoice", "One invoice: why it is paid or not, and what to type", "its attempts with their keys, and the events", a.showInvoice)
	add("order", "One order with its payments, and what becomes of it", "keys and events", a.showOrder)
	group(cmd)
	return cmd
}

// shownRun is the document of `duly show run`.
type shownRun struct {
	runView

	Next []string `json:"next"`
}

func (a *app) showRun(ctx context.Context, db *database, id uint64) error {
	business, err := a.clock(ctx, db.DB)
	if err != nil {
		return err
	}
	run, err := runs.FindRun(ctx, db.DB, id)
	switch {
	case err != nil:
		return failed(err)
	case run == nil:
		return usagef("no run %d; see duly runs", id)
	}
	now := business()
	list, err := views(ctx, db, []runs.PastRun{*run}, now)
	if err != nil {
		return failed(err)
	}
	v := shownRun{list[0], list[0].next()}
	if err := a.adoptBefore(ctx, db, &v); err != nil {
		return failed(err)
	}
	if v.Job == jobs.AuditJob && v.Exit != nil && *v.Exit == batch.ExitReview {
		if v.Next, err = a.nextOfAudit(ctx, db, id); err != nil {
			return failed(err)
		}
	}
	if a.json {
		return a.print(v)
	}
	days, err := a.calendar(now)
	if err != nil {
		return err
	}
	a.runText(v, days)
	return nil
}

// runText writes a run for people.
func (a *app) runText(v shownRun, days calendar) {
	state := v.state(days)
	if v.Exit != nil {
		state += ", exit " + v.exit()
	}
	a.item("", 0, fmt.Sprintf("run %d", v.ID), v.Job, v.date(days), state, "times in "+days.zone.String())
	took := ""
	if v.FinishedAt != nil {
		took = "took " + v.FinishedAt.Sub(v.StartedAt).Round(time.Millisecond).String()
	}
	a.item("", 0, fmt.Sprintf("on %s (process %d, version %s)", v.Host, v.PID, v.Version), "started "+days.at(v.StartedAt), took)
	if v.RerunOf != nil {
		a.line("re-run of run %d", *v.RerunOf)
	}
	if params := string(v.Params); params != "{}" {
		a.line("flags: %s", params)
	}
	if v.Error != "" {
		a.line("failed: %s", text.Joined(v.Error))
	}
	a.steps(v.shownSteps())
	collected, refunded := moved(v.Steps)
	if len(collected) > 0 {
		a.line("Collected  %s", moneySums(collected))
	}
	if len(refunded) > 0 {
		a.line("Refunded   %s", moneySums(refunded))
	}
	for _, next := range v.Next {
		if !strings.HasPrefix(next, "nothing") {
			a.command("next: %s", next)
		}
	}
}

// nextOfAudit says what the findings of an audit ask for, as long as they are open.
func (a *app) nextOfAudit(ctx context.Context, db *database, id uint64) ([]string, error) {
	list, err := query.FindingsOf(ctx, db.DB, id, findingShown)
	if err != nil {
		return nil, err
	}
	var next []string
	for _, f := range list {
		if f.Resolved == nil {
			next = append(next, f.Next())
		}
	}
	if len(next) == 0 {
		return []string{"nothing: every finding of it is resolved"}, nil
	}
	return next, nil
}

// next says in words what an exit code asks for.
func (v runView) next() []string {
	again := fmt.Sprintf("duly run %s --rerun %d", v.Job, v.ID)
	switch {
	case v.Alive:
		return []string{"it is under way: duly status"}
	case v.Exit == nil:
		return []string{"it died; the next run takes over what it left: " + again}
	case *v.Exit == 0:
		return []string{"nothing: it left nothing behind"}
	case *v.Exit == 3:
		return []string{"rows wait for an operator: " + listOf(v.Job, v.ID)}
	case *v.Exit == 1:
		return []string{"put right what failed, then: " + again}
	}
	return []string{"run again: " + again}
}

// whole is the document of `duly show subscription` and `duly show invoice`.
type whole struct {
	Subscription  *details.Subscription `json:"subscription"` // null: its row is gone
	Invoices      []details.Invoice     `json:"invoices"`     // newest first
	OlderInvoices int64                 `json:"older_invoices"`
	Events        []details.Event       `json:"events"`   // newest first
	Findings      []query.Finding       `json:"findings"` // newest first, resolved ones too
	Explanation   explain.Explanation   `json:"explanation"`
	Unknown       []unknownView         `json:"unknown_charges"` // that wait to be adopted
}

func (a *app) showSubscription(ctx context.Context, db *database, id uint64) error {
	s, err := details.FindSubscription(ctx, db.DB, id)
	switch {
	case err != nil:
		return failed(err)
	case s == nil:
		return noSubscription(id)
	}
	w := whole{Subscription: s}
	unknown, err := operator.UnknownOfSubscription(ctx, db.DB, id, invoicesShown)
	if err != nil {
		return failed(err)
	}
	w.Unknown = unknownViews(unknown)
	list, total, err := details.FindInvoices(ctx, db.DB, id, invoicesShown)
	if err != nil {
		return failed(err)
	}
	w.Invoices, w.OlderInvoices = list, total-int64(len(list))
	if w.Events, err = details.FindEvents(ctx, db.DB, subject(id), eventsShown); err != nil {
		return failed(err)
	}
	standing, err := a.standing(ctx, db, s)
	if err != nil {
		return err
	}
	if len(list) > 0 {
		standing.Invoice = list[0].Standing()
	}
	w.Explanation = explain.Subscription(standing)
	return a.showWhole(ctx, db, w, standing, fmt.Sprintf("sub_%d_", id), false)
}

func (a *app) showInvoice(ctx context.Context, db *database, id uint64) error {
	inv, err := details.FindInvoice(ctx, db.DB, id)
	switch {
	case err != nil:
		return failed(err)
	case inv == nil:
		return usagef("no invoice %d; see duly show subscription ID", id)
	}
	w := whole{Invoices: []details.Invoice{*inv}, Events: []details.Event{}}
	if w.Subscription, err = details.FindSubscription(ctx, db.DB, inv.SubscriptionID); err != nil {
		return failed(err)
	}
	unknown, err := operator.UnknownOfInvoice(ctx, db.DB, inv.SubscriptionID, inv.Due)
	if err != nil {
		return failed(err)
	}
	w.Unknown = unknownViews(unknown)
	events, err := details.FindEvents(ctx, db.DB, subject(inv.SubscriptionID), eventsShown)
	if err != nil {
		return failed(err)
	}
	reference := billing.Reference(inv.SubscriptionID, inv.Due)
	for _, e := range events {
		if strings.Contains(string(e.Payload), fmt.Sprintf("%q", reference)) {
			w.Events = append(w.Events, e)
		}
	}
	standing, err := a.standing(ctx, db, w.Subscription)
	if err != nil {
		return err
	}
	standing.Invoice = inv.Standing()
	w.Explanation = explain.Invoice(standing)
	return a.showWhole(ctx, db, w, standing, reference, true)
}

func subject(subscription uint64) string { return fmt.Sprintf("subscription:%d", subscription) }

// standing is what the rules need to explain a subscription; nil: its row is gone.
func (a *app) standing(ctx context.Context, db *database, s *details.Subscription) (explain.Standing, error) {
	c, err := a.load()
	if err != nil {
		return explain.Standing{}, err
	}
	business, err := a.clock(ctx, db.DB)
	if err != nil {
		return explain.Standing{}, err
	}
	pauses, err := runs.ReadPauses(ctx, db.DB)
	if err != nil {
		return explain.Standing{}, failed(err)
	}
	standing := explain.Standing{
		Gone: s == nil, Invoiced: func(payment.Date) bool { return false },
		Policy: billing.Policy{RetryDays: c.Billing.RetryDays}, Issue: issuePolicy(c, business()),
	}
	if pause, ok := pauses.Job(jobs.BillingJob); ok {
		standing.JobPaused = pause.String()
	}
	if s == nil {
		return standing, nil
	}
	standing.Subscription, standing.CancelReason = s.Rules(), orBlank(s.CancelReason)
	if pause, ok := pauses.Gateway(s.Gateway); ok {
		standing.GatewayPaused = pause.String()
	}
	invoiced, err := details.InvoicedFrom(ctx, db.DB, s.ID, s.Next)
	if err != nil {
		return standing, failed(err)
	}
	standing.Invoiced = func(due payment.Date) bool { return invoiced[due] }
	return standing, nil
}

func issuePolicy(c *config.Config, now time.Time) billing.IssuePolicy {
	today := payment.DateOf(now.In(c.Business.Location()))
	return billing.IssuePolicy{
		Business: today, Effective: today, CatchUp: billing.CatchUp(c.Billing.CatchUp),
		KnownGateway: func(name string) bool { _, ok := c.Gateways[name]; return ok },
	}
}

// showWhole writes a subscription or an invoice with all that hangs on it. Findings are those about references that begin so.
func (a *app) showWhole(ctx context.Context, db *database, w whole, standing explain.Standing, reference string, complete bool) error {
	var payments []string
	for _, inv := range w.Invoices {
		for _, t := range inv.Attempts {
			payments = append(payments, orBlank(t.PaymentID))
		}
	}
	var err error
	if w.Findings, err = query.FindingsAbout(ctx, db.DB, reference, complete, payments, findingShown); err != nil {
		return failed(err)
	}
	w.Explanation.Next = waiting(w.Explanation.Next, w.Findings)
	if a.json {
		return a.print(w)
	}
	return a.showText(ctx, db, w, standing, complete)
}

// showText writes a subscription or an invoice for people.
func (a *app) showText(ctx context.Context, db *database, w whole, standing explain.Standing, invoice bool) error {
	c, err := a.load()
	if err != nil {
		return err
	}
	answer := chargeAnswer{calendar: calendar{c.Business.Location(), standing.Issue.Business}, subscription: w.Subscription, why: w.Explanation, findings: w.Findings}
	if answer.audited, err = query.AuditedTo(ctx, db.DB); err != nil {
		return failed(err)
	}
	if len(w.Invoices) > 0 {
		answer.invoice, answer.retries = &w.Invoices[0], standing.Retries()
	}
	if invoice {
		a.invoiceText(w, answer, invoiceWays(w.Invoices[0], w.Subscription == nil, asks(c)))
	} else {
		a.subscriptionText(w, answer)
	}
	if a.verbose {
		a.details(w, answer.calendar)
	}
	return nil
}

// events writes a list of events for people.
func (a *app) events(list []details.Event, days calendar) {
	if len(list) == 0 {
		return
	}
	var rows []table.Row
	for _, e := range list {
		rows = append(rows, table.Row{days.at(e.CreatedAt), e.Type, e.ID})
	}
	a.line("events")
	a.table(table.Row{"at", "type", "id"}, rows)
}

func period(count int, unit string) string {
	if count == 1 {
		return unit
	}
	return fmt.Sprintf("%d %ss", count, unit)
}

// invoice writes an invoice and its attempts for people.
func (a *app) invoice(inv details.Invoice, days calendar) {
	line := fmt.Sprintf("invoice %d, due %s, %s: %s", inv.ID, days.day(inv.Due), payment.Money{Amount: inv.Amount, Currency: inv.Currency}, inv.Status)
	switch {
	case inv.PaidAt != nil:
		line += " " + days.at(*inv.PaidAt)
	case inv.Status == string(billing.Open):
		line += fmt.Sprintf(", stage %d on %s", inv.Stage, days.day(inv.StageDate))
	case inv.ReviewReason != nil:
		line += ", " + *inv.ReviewReason
	}
	a.line("%s", line)
	if len(inv.Attempts) == 0 {
		return
	}
	var rows []table.Row
	for _, t := range inv.Attempts {
		check := ""
		if t.NextCheckAt != nil {
			check = days.at(*t.NextCheckAt)
		}
		why := strings.TrimPrefix(orBlank(t.DeclineClass)+" "+orBlank(t.DeclineCode)+" "+orBlank(t.Message), " ")
		if t.ReopenedAt != nil {
			why += "; taken back"
		}
		rows = append(rows, table.Row{t.ID, t.Stage, t.Status, strings.TrimSpace(why), t.Gateway, days.at(t.CreatedAt), check, t.Run, t.Key, orBlank(t.PaymentID)})
	}
	a.table(table.Row{"attempt", "stage", "status", "why", "gateway", "at", "next check", "run", "key", "payment"}, rows)
}
