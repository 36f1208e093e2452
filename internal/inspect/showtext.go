package inspect

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"duly/internal/billing"
	"duly/internal/billing/explain"
	"duly/internal/cli"
	"duly/internal/payment"
	"duly/internal/query/details"
	"duly/internal/query/worklist"
	"duly/internal/text"
	"duly/internal/view"
)

// earlierShown is how many invoices before the newest are named.
const earlierShown = 3

// subscriptionText writes a subscription for people: what it is, whether it was charged, and a line an attempt.
func subscriptionText(screen *cli.Screen, w SubscriptionView, answer chargeAnswer) {
	s := w.Subscription
	next := ""
	if status := billing.StatusOf(s.Status); status == billing.Active || status == billing.PastDue {
		next = "next charge " + answer.Day(s.Next)
	}
	screen.Item("", 0, fmt.Sprint(s.ID), s.CustomerID, strings.ReplaceAll(s.Status, "_", " "),
		payment.Money{Amount: s.Amount, Currency: s.Currency}.String()+" "+rate(s.IntervalCount, s.IntervalUnit), next)
	screen.Line("%s", answer.text())
	answer.dunning(screen)
	plannedText(screen, w)
	showUnknown(screen, w.Unknown)
	findings(screen, w.Findings)
	if inv := answer.invoice; inv != nil {
		attempts(screen, *inv, answer.Calendar)
		switch {
		case inv.Status == string(billing.Review):
			screen.Item("", 0, fmt.Sprintf("duly show invoice %d", inv.ID))
		case answer.why.Why == explain.WhyInDoubt, answer.why.Why == explain.WhyInFlight:
			screen.Item("", 0, fmt.Sprintf("duly run billing --subscription %d", s.ID))
		}
	}
	earlier(screen, w, answer.Calendar)
}

// rate is how often money is due: a month, every 3 months.
func rate(count int, unit string) string {
	if count == 1 {
		return "a " + unit
	}
	return "every " + period(count, unit)
}

// attempts writes a line an attempt, oldest first.
func attempts(screen *cli.Screen, inv details.Invoice, days cli.Calendar) {
	var rows []table.Row
	for _, t := range inv.Attempts {
		rows = append(rows, table.Row{
			days.On(t.CreatedAt), attemptWord(t.Status), attemptWhy(t, cli.OrBlank(inv.ReviewReason)), fmt.Sprintf("run %d", t.Run), cli.OrBlank(t.PaymentID),
		})
	}
	if len(rows) > 0 {
		screen.RenderTable(table.Row{"", "", "", "", ""}, rows)
	}
}

// attemptWhy is what an attempt took, or why it took nothing, if that is not said already.
func attemptWhy(t details.Attempt, said string) string {
	why := cli.OrBlank(t.DeclineCode)
	switch {
	case t.Status == string(billing.AttemptSucceeded):
		return payment.Money{Amount: t.Amount, Currency: t.Currency}.String()
	case why == "":
		why = cli.OrBlank(t.Message)
	}
	if why == said {
		why = ""
	}
	if t.ReopenedAt != nil {
		why += ", decline taken back"
	}
	return why
}

// earlier names the invoices before the newest.
func earlier(screen *cli.Screen, w SubscriptionView, days cli.Calendar) {
	if len(w.Invoices) < 2 {
		return
	}
	var parts []string
	for _, inv := range w.Invoices[1:min(len(w.Invoices), 1+earlierShown)] {
		money := payment.Money{Amount: inv.Amount, Currency: inv.Currency}
		parts = append(parts, fmt.Sprintf("%s %s, %s (invoice %d)", days.Day(inv.Due), strings.ReplaceAll(inv.Status, "_", " "), money, inv.ID))
	}
	if more := int64(len(w.Invoices)-1-earlierShown) + w.OlderInvoices; more > 0 {
		parts = append(parts, cli.Number(more)+" older")
	}
	screen.Item("Before:", 8, parts...)
}

// invoiceText writes an invoice for people: its state, the cause in numbers, and the commands that its state accepts.
func invoiceText(screen *cli.Screen, w SubscriptionView, answer chargeAnswer, ways []advised) {
	inv := answer.invoice
	screen.Item("", 0, fmt.Sprint(inv.ID), fmt.Sprintf("subscription %d", inv.SubscriptionID), "due "+answer.Day(inv.Due),
		payment.Money{Amount: inv.Amount, Currency: inv.Currency}.String(), invoiceWord(inv.Status))
	if w.Subscription == nil {
		screen.Line("Its subscription's row is gone.")
	}
	screen.Line("%s", answer.text())
	answer.dunning(screen)
	showUnknown(screen, w.Unknown)
	findings(screen, w.Findings)
	for _, way := range ways {
		if way.when != "" {
			screen.Line("%s", way.when)
		}
		for _, command := range way.commands {
			screen.Command("  %s", command)
		}
	}
	if t := decidable(*inv); inv.Status != string(billing.Review) || t == nil || len(inv.Attempts) > 1 { // else it is the one that was said
		attempts(screen, *inv, answer.Calendar)
	}
}

// invoiceWord is the status of an invoice as people read it.
func invoiceWord(status string) string {
	if status == string(billing.Review) {
		return "in review"
	}
	return strings.ReplaceAll(status, "_", " ")
}

// advised are commands that the state of an invoice accepts, and when they are right.
type advised struct {
	when     string
	commands []string
}

// invoiceWays are the commands that move an invoice on as it stands, the usual one first.
func invoiceWays(inv details.Invoice, sub *details.Subscription, asks func(gateway string) bool) []advised {
	gone := sub == nil
	switch billing.InvoiceStatus(inv.Status) {
	case billing.Charging:
		if t := lastAttempt(&inv); t != nil && t.RunLives {
			return nil
		}
		if gone {
			return []advised{{"To ask now:", []string{"duly run billing --step recover"}}}
		}
		return []advised{{"To ask now:", []string{fmt.Sprintf("duly run billing --subscription %d", inv.SubscriptionID)}}}
	case billing.Review:
	case billing.Open, billing.Paid, billing.Void, billing.Uncollectible:
		return nil
	default:
		return nil
	}
	l := worklist.Row{
		What: worklist.Invoice, ID: inv.ID, Invoice: inv.ID, Subscription: inv.SubscriptionID, Gone: gone, Reason: cli.OrBlank(inv.ReviewReason),
		AmountCheck: cli.OrBlank(inv.AmountCheck), Cancelled: !gone && billing.StatusOf(sub.Status) == billing.Cancelled,
	}
	t := decidable(inv)
	if t == nil {
		return described(view.WaysOfInvoice(l, asks))
	}
	l.Attempt, l.Status, l.Gateway = t.ID, t.Status, t.Gateway
	if l.Unproven() {
		return described(view.WaysOfInvoice(l, asks))
	}
	resolve := func(as payment.Resolution, id string) string {
		if id != "" {
			id = " " + id
		}
		return fmt.Sprintf(`duly resolve attempt %d%s --as %s --reason "…"`, t.ID, id, as)
	}
	known := cli.OrBlank(t.PaymentID)
	keep := "Or keep the money and close the invoice:"
	switch {
	case strings.HasPrefix(l.Reason, "gateway booked "):
		return []advised{
			{"Refund it at the provider, then:", []string{resolve(payment.AsRefunded, "")}},
			{keep, []string{resolve(payment.AsIgnored, "")}},
		}
	case known != "":
		return []advised{
			{"If the provider shows that the money was taken:", []string{resolve(payment.AsPaid, text.Word(known, "PAYMENT_ID"))}},
			{"If it shows that nothing was taken:", []string{resolve(payment.AsNotExecuted, "")}},
			{"Or refund it at the provider, then:", []string{resolve(payment.AsRefunded, "")}},
			{keep, []string{resolve(payment.AsIgnored, "")}},
		}
	}
	none := "If the provider shows no charge, charge it again:"
	if !asks(t.Gateway) {
		none = "If the provider shows no charge, charge it again (your word is taken, " + t.Gateway + " cannot be asked from here):"
	}
	return []advised{
		{none, []string{resolve(payment.AsNotExecuted, "")}},
		{"If it shows one:", []string{resolve(payment.AsPaid, "PAYMENT_ID")}},
		{"Or charge nothing more for it:", []string{resolve(payment.AsIgnored, "")}},
	}
}

// decidable is the attempt of an invoice in review that an operator decides about; nil for none.
func decidable(inv details.Invoice) *details.Attempt {
	for _, t := range slices.Backward(inv.Attempts) {
		switch billing.AttemptStatus(t.Status) {
		case billing.AttemptReview, billing.AttemptRejected:
			return &t
		case billing.AttemptInFlight, billing.AttemptInDoubt, billing.AttemptSucceeded, billing.AttemptDeclined, billing.AttemptReleased:
		}
	}
	return nil
}

// described are ways out with what they follow from before them.
func described(list []view.WayOut) []advised {
	var out []advised
	for _, way := range list {
		out = append(out, advised{capital(way.When) + ":", []string{way.Command}})
	}
	return out
}

// wholeText writes all that hangs on a subscription or an invoice, for --verbose.
func wholeText(screen *cli.Screen, w SubscriptionView, days cli.Calendar) {
	if s := w.Subscription; s != nil {
		screen.Line("subscription %d of customer %s at gateway %s", s.ID, s.CustomerID, s.Gateway)
		for _, note := range []struct{ what, said string }{
			{"description", cli.OrBlank(s.Description)}, {"in review", cli.OrBlank(s.ReviewReason)}, {"cancelled", cli.OrBlank(s.CancelReason)},
		} {
			if note.said != "" {
				screen.Line("  %s: %s", note.what, note.said)
			}
		}
	}
	screen.Line("why: %s", w.Explanation.Text)
	screen.Line("next: %s", w.Explanation.Next)
	for _, inv := range w.Invoices {
		invoice(screen, inv, days)
	}
	if w.OlderInvoices > 0 {
		screen.Line("and %s", cli.Plural(w.OlderInvoices, "older invoice"))
	}
	events(screen, w.Events, days)
}
