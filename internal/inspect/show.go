package inspect

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"duly/config"
	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/billing/explain"
	"duly/internal/cli"
	"duly/internal/exit"
	"duly/internal/operator"
	"duly/internal/payment"
	"duly/internal/query"
	"duly/internal/query/details"
	"duly/internal/runs"
	"duly/internal/session"
	"duly/internal/text"
	"duly/internal/view"
	"duly/jobs"
)

// How much of a subscription's history is shown.
const (
	invoicesShown = 50
	changesShown  = 50
	eventsShown   = 50
)

// ShownRun is the document of `duly show run`.
type ShownRun struct {
	view.Run

	Next []string `json:"next"`
}

// ShowRun shows one run and its steps.
func ShowRun(ctx context.Context, ses *session.Session, db *session.Database, id uint64) error {
	return db.Snapshot(ctx, func(db *session.Database) error { return showRunAt(ctx, ses, db, id) })
}

func showRunAt(ctx context.Context, ses *session.Session, db *session.Database, id uint64) error {
	business, err := ses.Clock(ctx, db.DB)
	if err != nil {
		return err
	}
	run, err := runs.FindRun(ctx, db.DB, id)
	switch {
	case err != nil:
		return exit.Failed(err)
	case run == nil:
		return exit.Usagef("no run %d; see duly runs", id)
	}
	now := business()
	list, err := view.Runs(ctx, db, []runs.PastRun{*run}, now)
	if err != nil {
		return exit.Failed(err)
	}
	v := ShownRun{list[0], list[0].Next()}
	if err := afterDeath(ctx, db, &v); err != nil {
		return exit.Failed(err)
	}
	if err := adoptBefore(ctx, db, &v); err != nil {
		return exit.Failed(err)
	}
	if v.Job == jobs.AuditJob && v.Exit != nil && *v.Exit == batch.ExitReview {
		if v.Next, err = nextOfAudit(ctx, db, id); err != nil {
			return exit.Failed(err)
		}
	}
	if ses.Screen.JSON {
		return ses.Screen.Print(v)
	}
	days, err := ses.Calendar(now)
	if err != nil {
		return err
	}
	runText(ses.Screen, v, days)
	return nil
}

// runText writes a run for people.
func runText(screen *cli.Screen, v ShownRun, days cli.Calendar) {
	state := v.StateText(days)
	if v.Exit != nil {
		state += ", exit " + v.ExitText()
	}
	if v.RecoveredBy != nil {
		state += fmt.Sprintf(", recovered by run %d", *v.RecoveredBy)
	}
	screen.Item("", 0, fmt.Sprintf("run %d", v.ID), v.Job, v.Date(days), state, "times in "+days.Zone.String())
	took := ""
	if v.FinishedAt != nil {
		took = "took " + v.FinishedAt.Sub(v.StartedAt).Round(time.Millisecond).String()
	}
	screen.Item("", 0, fmt.Sprintf("on %s (process %d, version %s)", v.Host, v.PID, v.Version), "started "+days.At(v.StartedAt), took)
	if v.RerunOf != nil {
		screen.Line("re-run of run %d", *v.RerunOf)
	}
	if params := string(v.Params); params != "{}" {
		screen.Line("flags: %s", params)
	}
	if v.Error != "" {
		screen.Line("failed: %s", text.Joined(v.Error))
	}
	view.StepTable(screen, v.ShownSteps())
	collected, refunded := view.Moved(v.Steps)
	if len(collected) > 0 {
		screen.Line("Collected  %s", cli.MoneySums(collected))
	}
	if len(refunded) > 0 {
		screen.Line("Refunded   %s", cli.MoneySums(refunded))
	}
	for _, next := range v.Next {
		if !strings.HasPrefix(next, "nothing") {
			screen.Command("next: %s", next)
		}
	}
}

// nextOfAudit says what the findings of an audit ask for, as long as they are open.
func nextOfAudit(ctx context.Context, db *session.Database, id uint64) ([]string, error) {
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

// SubscriptionView is the document of `duly show subscription` and `duly show invoice`.
type SubscriptionView struct {
	Subscription  *details.Subscription `json:"subscription"` // null: its row is gone
	Invoices      []details.Invoice     `json:"invoices"`     // newest first
	OlderInvoices int64                 `json:"older_invoices"`
	Events        []details.Event       `json:"events"`   // newest first
	Findings      []query.Finding       `json:"findings"` // newest first, resolved ones too
	Explanation   explain.Explanation   `json:"explanation"`
	Unknown       []unknownView         `json:"unknown_charges"` // that wait to be adopted
	Refunds       []details.Refund      `json:"refunds"`         // newest first
	// Planned are changes that are not applied yet, in the order in which they count.
	Planned []details.PlannedChange `json:"planned_changes"`
}

// ShowSubscription shows one subscription: was it charged, was it charged twice, and if not, why.
func ShowSubscription(ctx context.Context, ses *session.Session, db *session.Database, id uint64) error {
	return db.Snapshot(ctx, func(db *session.Database) error { return showSubscriptionAt(ctx, ses, db, id) })
}

func showSubscriptionAt(ctx context.Context, ses *session.Session, db *session.Database, id uint64) error {
	s, err := details.FindSubscription(ctx, db.DB, id)
	switch {
	case err != nil:
		return exit.Failed(err)
	case s == nil:
		return cli.NoSubscription(id)
	}
	w := SubscriptionView{Subscription: s}
	unknown, err := operator.UnknownOfSubscription(ctx, db.DB, id, invoicesShown)
	if err != nil {
		return exit.Failed(err)
	}
	w.Unknown = unknownViews(unknown)
	list, total, err := details.FindInvoices(ctx, db.DB, id, invoicesShown)
	if err != nil {
		return exit.Failed(err)
	}
	w.Invoices, w.OlderInvoices = list, total-int64(len(list))
	if w.Events, err = details.FindEvents(ctx, db.DB, subject(id), eventsShown); err != nil {
		return exit.Failed(err)
	}
	standing, err := standingOf(ctx, ses, db, s)
	if err != nil {
		return err
	}
	if w.Planned, err = applyPlanned(ctx, db, id, &standing); err != nil {
		return err
	}
	if len(list) > 0 {
		standing.Invoice = list[0].Standing()
		if err := ofInvoice(ctx, db, &standing); err != nil {
			return err
		}
	}
	if standing.Amount, err = judged(ctx, db, standing); err != nil {
		return err
	}
	w.Explanation = explain.Subscription(standing)
	return showWhole(ctx, ses, db, w, standing, fmt.Sprintf("sub_%d_", id), false)
}

// ShowInvoice shows one invoice with its attempts.
func ShowInvoice(ctx context.Context, ses *session.Session, db *session.Database, id uint64) error {
	return db.Snapshot(ctx, func(db *session.Database) error { return showInvoiceAt(ctx, ses, db, id) })
}

func showInvoiceAt(ctx context.Context, ses *session.Session, db *session.Database, id uint64) error {
	inv, err := details.FindInvoice(ctx, db.DB, id)
	switch {
	case err != nil:
		return exit.Failed(err)
	case inv == nil:
		return exit.Usagef("no invoice %d; see duly show subscription ID", id)
	}
	w := SubscriptionView{Invoices: []details.Invoice{*inv}, Events: []details.Event{}}
	if w.Subscription, err = details.FindSubscription(ctx, db.DB, inv.SubscriptionID); err != nil {
		return exit.Failed(err)
	}
	unknown, err := operator.UnknownOfInvoice(ctx, db.DB, inv.SubscriptionID, inv.Due)
	if err != nil {
		return exit.Failed(err)
	}
	w.Unknown = unknownViews(unknown)
	events, err := details.FindEvents(ctx, db.DB, subject(inv.SubscriptionID), eventsShown)
	if err != nil {
		return exit.Failed(err)
	}
	reference := billing.Reference(inv.SubscriptionID, inv.Due)
	for _, e := range events {
		if strings.Contains(string(e.Payload), fmt.Sprintf("%q", reference)) {
			w.Events = append(w.Events, e)
		}
	}
	standing, err := standingOf(ctx, ses, db, w.Subscription)
	if err != nil {
		return err
	}
	if w.Planned, err = applyPlanned(ctx, db, inv.SubscriptionID, &standing); err != nil {
		return err
	}
	standing.Invoice = inv.Standing()
	if err := ofInvoice(ctx, db, &standing); err != nil {
		return err
	}
	if standing.Amount, err = judged(ctx, db, standing); err != nil {
		return err
	}
	w.Explanation = explain.Invoice(standing)
	return showWhole(ctx, ses, db, w, standing, reference, true)
}

func subject(subscription uint64) string { return fmt.Sprintf("subscription:%d", subscription) }

// standingOf is what the rules need to explain a subscription; nil: its row is gone.
func standingOf(ctx context.Context, ses *session.Session, db *session.Database, s *details.Subscription) (explain.Standing, error) {
	c, err := ses.Load()
	if err != nil {
		return explain.Standing{}, err
	}
	business, err := ses.Clock(ctx, db.DB)
	if err != nil {
		return explain.Standing{}, err
	}
	pauses, err := runs.ReadPauses(ctx, db.DB)
	if err != nil {
		return explain.Standing{}, exit.Failed(err)
	}
	standing := explain.Standing{
		Gone: s == nil, Invoiced: func(payment.Date) bool { return false },
		Policy: session.BillingPolicy(c), Issue: issuePolicy(c, business()),
	}
	if pause, ok := pauses.Job(jobs.BillingJob); ok {
		standing.JobPaused = pause.String()
	}
	if s == nil {
		return standing, nil
	}
	standing.Subscription, standing.CancelReason = s.Rules(), cli.OrBlank(s.CancelReason)
	if pause, ok := pauses.Gateway(s.Gateway); ok {
		standing.GatewayPaused = pause.String()
	}
	invoiced, err := details.InvoicedFrom(ctx, db.DB, s.ID, s.Next)
	if err != nil {
		return standing, exit.Failed(err)
	}
	standing.Invoiced = func(due payment.Date) bool { return invoiced[due] }
	return standing, nil
}

func issuePolicy(c *config.Config, now time.Time) billing.IssuePolicy {
	today := payment.DateOf(now.In(c.Business.Location()))
	return billing.IssuePolicy{
		Business: today, Effective: today, CatchUp: billing.CatchUp(c.Billing.CatchUp), Named: session.DunningPolicies(c),
		KnownGateway: func(name string) bool { _, ok := c.Gateways[name]; return ok },
	}
}

// showWhole writes a subscription or an invoice with all that hangs on it. Findings are those about references that begin so.
func showWhole(ctx context.Context, ses *session.Session, db *session.Database, w SubscriptionView, standing explain.Standing, reference string, complete bool) error {
	var payments []string
	for _, inv := range w.Invoices {
		for _, t := range inv.Attempts {
			payments = append(payments, cli.OrBlank(t.PaymentID))
		}
	}
	var err error
	if w.Findings, err = query.FindingsAbout(ctx, db.DB, reference, complete, payments, findingShown); err != nil {
		return exit.Failed(err)
	}
	if w.Refunds, err = details.RefundsOfInvoices(ctx, db.DB, w.Invoices); err != nil {
		return exit.Failed(err)
	}
	w.Explanation.Next = waiting(w.Explanation.Next, w.Findings)
	if ses.Screen.JSON {
		return ses.Screen.Print(w)
	}
	return showText(ctx, ses, db, w, standing, complete)
}

// showText writes a subscription or an invoice for people.
func showText(ctx context.Context, ses *session.Session, db *session.Database, w SubscriptionView, standing explain.Standing, invoice bool) error {
	c, err := ses.Load()
	if err != nil {
		return err
	}
	answer := chargeAnswer{Calendar: cli.CalendarOn(standing.Issue.Business, c.Business.Location()), subscription: w.Subscription, why: w.Explanation, findings: w.Findings, goesOn: standing.Resumes}
	if answer.audited, err = query.AuditedTo(ctx, db.DB); err != nil {
		return exit.Failed(err)
	}
	if len(w.Invoices) > 0 {
		answer.invoice, answer.retries = &w.Invoices[0], standing.Retries()
	}
	answer.policy = dunningLine(standing)
	if invoice {
		ways := invoiceWays(w.Invoices[0], w.Subscription, view.Asks(c))
		again, err := reopens(ctx, db, w.Invoices[0], standing)
		if err != nil {
			return err
		}
		ways = append(ways, again...)
		invoiceText(ses.Screen, w, answer, ways)
	} else {
		subscriptionText(ses.Screen, w, answer)
	}
	refundLines(ses.Screen, w.Refunds, answer.Calendar)
	if ses.Screen.Verbose {
		wholeText(ses.Screen, w, answer.Calendar)
	}
	return nil
}

// events writes a list of events for people.
func events(screen *cli.Screen, list []details.Event, days cli.Calendar) {
	if len(list) == 0 {
		return
	}
	var rows []table.Row
	for _, e := range list {
		rows = append(rows, table.Row{days.At(e.CreatedAt), e.Type, e.ID})
	}
	screen.Line("events")
	screen.Table(table.Row{"at", "type", "id"}, rows)
}

func period(count int, unit string) string {
	if count == 1 {
		return unit
	}
	return fmt.Sprintf("%d %ss", count, unit)
}

// invoice writes an invoice and its attempts for people.
func invoice(screen *cli.Screen, inv details.Invoice, days cli.Calendar) {
	line := fmt.Sprintf("invoice %d, due %s, %s: %s", inv.ID, days.Day(inv.Due), payment.Money{Amount: inv.Amount, Currency: inv.Currency}, inv.Status)
	switch {
	case inv.PaidAt != nil:
		line += " " + days.At(*inv.PaidAt)
	case inv.Status == string(billing.Open):
		line += fmt.Sprintf(", stage %d on %s", inv.Stage, days.Day(inv.StageDate))
	case inv.ReviewReason != nil:
		line += ", " + *inv.ReviewReason
	}
	if inv.Refunded > 0 {
		line += ", refunded " + payment.Money{Amount: inv.Refunded, Currency: inv.Currency}.String()
	}
	screen.Line("%s", line)
	if len(inv.Attempts) == 0 {
		return
	}
	var rows []table.Row
	for _, t := range inv.Attempts {
		check := ""
		if t.NextCheckAt != nil {
			check = days.At(*t.NextCheckAt)
		}
		why := strings.TrimPrefix(cli.OrBlank(t.DeclineClass)+" "+cli.OrBlank(t.DeclineCode)+" "+cli.OrBlank(t.Message), " ")
		if t.ReopenedAt != nil {
			why += "; taken back"
		}
		rows = append(rows, table.Row{t.ID, t.Stage, t.Status, strings.TrimSpace(why), t.Gateway, days.At(t.CreatedAt), check, t.Run, t.Key, cli.OrBlank(t.PaymentID)})
	}
	screen.Table(table.Row{"attempt", "stage", "status", "why", "gateway", "at", "next check", "run", "key", "payment"}, rows)
}
