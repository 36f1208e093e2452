package view

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"duly/internal/billing"
	"duly/internal/billing/guard"
	"duly/internal/cli"
	"duly/internal/payment"
	"duly/internal/query/worklist"
	"duly/internal/refunds"
	"duly/internal/text"
)

// WayOut is a command that moves a listed row on.
type WayOut struct {
	Command string `json:"command"`
	When    string `json:"when"` // it is right, or what follows
	// Asks: a gateway is asked, and the command refused where it says otherwise. The others are accepted as they stand.
	Asks bool `json:"asks_gateway"`
}

func (w WayOut) String() string {
	if w.When == "" {
		return w.Command
	}
	return w.Command + "  # " + w.When
}

// WaysOut are the commands that move a row on, the usual one first. At least one is accepted as it stands. asks reports whether this
// host can ask a gateway what became of a charge.
func WaysOut(l worklist.Row, now time.Time, asks func(gateway string) bool) []WayOut {
	switch l.What {
	case worklist.Invoice:
		return WaysOfInvoice(l, asks)
	case worklist.Attempt:
		return waysOfAttempt(l, asks)
	case worklist.Subscription:
		return waysOfSubscription(l)
	case worklist.Order:
		return waysOfOrder(l, now, asks)
	case worklist.Finding:
		return waysOfFinding(l)
	case worklist.Event:
		return waysOfEvent(l)
	case worklist.Refund:
		return waysOfRefund(l)
	case worklist.Charge:
		return []WayOut{adoptWay(l.Gateway, l.Key)}
	case worklist.Change:
		return waysOfChange(l)
	}
	return nil
}

func resolveWay(what string, id uint64, as payment.Resolution, when string) WayOut {
	return WayOut{
		Command: fmt.Sprintf(`duly resolve %s %d --as %s --reason "…"`, what, id, as), When: when,
		Asks: as != payment.AsIgnored && as != payment.AsCancelled && !as.OfInvoice(),
	}
}

func adoptWay(gateway, key string) WayOut {
	return WayOut{Command: fmt.Sprintf(`duly adopt %s --key %s --reason "…"`, text.Word(gateway, "NAME"), text.Word(key, "KEY")), When: "it becomes what the gateway shows", Asks: true}
}

// WaysOfInvoice lists the commands that move an invoice on that waits.
func WaysOfInvoice(l worklist.Row, asks func(string) bool) []WayOut {
	switch {
	case l.Status == string(billing.Open) && l.Gone:
		return []WayOut{{Command: "duly run billing", When: "sends it to review, since its subscription's row is gone"}}
	case l.Status == string(billing.Open) && l.Cancelled:
		return []WayOut{{Command: fmt.Sprintf("duly run billing --subscription %d", l.Subscription), When: "voids it, since its subscription is cancelled"}}
	case l.Status == string(billing.Open):
		return []WayOut{{Command: fmt.Sprintf("duly run billing --subscription %d", l.Subscription), When: "charges it"}}
	case l.Unproven():
		return []WayOut{
			{Command: fmt.Sprintf("duly requeue invoice %d", l.ID), When: "once its row is fixed; gateway " + text.Line(l.Gateway) + " is asked whether it took money", Asks: true},
			resolveWay("attempt", l.Attempt, payment.AsIgnored, "nothing more is charged for it"),
		}
	case l.Attempt != 0:
		return decided("attempt", l.Attempt, l.Gateway, asks, "nothing more is charged for it")
	case l.Gone:
		return []WayOut{resolveWay("invoice", l.ID, payment.AsVoid, "or --as uncollectible, or paid_outside")}
	case guard.Check(l.AmountCheck).Holds() && l.Cancelled:
		return []WayOut{resolveWay("invoice", l.ID, payment.AsVoid, "its subscription is cancelled; or --as uncollectible, or paid_outside")}
	case guard.Check(l.AmountCheck).Holds():
		return []WayOut{
			resolveWay("invoice", l.ID, payment.AsApproved, "if the amount is right: the next run charges it"),
			resolveWay("invoice", l.ID, payment.AsVoid, "if it is not: it is never charged; fix the subscription's amount for the next period"),
		}
	}
	return []WayOut{
		{Command: fmt.Sprintf("duly requeue invoice %d", l.ID), When: "once what it says is fixed"},
		resolveWay("invoice", l.ID, payment.AsVoid, "or --as uncollectible, or paid_outside: it is not charged any more"),
	}
}

// decided are the ways of what a gateway may have taken money for.
func decided(what string, id uint64, gateway string, asks func(string) bool, ignored string) []WayOut {
	word := resolveWay(what, id, payment.AsNotExecuted, "or --as paid GATEWAY_ID, or refunded; gateway "+gateway+" is asked")
	if !asks(gateway) {
		word.Asks = false
		word.When = "if the provider's page shows no charge: gateway " + gateway + " cannot be asked from here, your word is taken, and what was taken is charged again; or --as paid GATEWAY_ID, or refunded"
	}
	return []WayOut{word, resolveWay(what, id, payment.AsIgnored, ignored)}
}

func waysOfAttempt(l worklist.Row, asks func(string) bool) []WayOut {
	switch billing.AttemptStatus(l.Status) {
	case billing.AttemptInFlight, billing.AttemptInDoubt:
		w := WayOut{Command: fmt.Sprintf("duly run billing --subscription %d", l.Subscription), When: "asks gateway " + text.Line(l.Gateway)}
		if l.Gone {
			w.Command = "duly run billing --step recover"
		}
		return []WayOut{w}
	case billing.AttemptReview, billing.AttemptSucceeded, billing.AttemptDeclined, billing.AttemptReleased, billing.AttemptRejected:
	}
	return decided("attempt", l.ID, l.Gateway, asks, "its invoice stays as it is")
}

// DropChange is the command that ends a planned change.
func DropChange(id uint64) string {
	return fmt.Sprintf(`duly resolve change %d --as ignored --reason "…"`, id)
}

func waysOfChange(l worklist.Row) []WayOut {
	show := WayOut{Command: fmt.Sprintf("duly show subscription %d", l.Subscription), When: "a run applies it on its day; before that the shop may change or delete its row"}
	if l.Gone {
		return []WayOut{{Command: DropChange(l.ID), When: "its subscription's row is gone"}}
	}
	if l.Stuck {
		return []WayOut{{Command: DropChange(l.ID), When: "or correct its row in subscription_changes; the next run looks at it again"}, show}
	}
	return []WayOut{show}
}

func waysOfSubscription(l worklist.Row) []WayOut {
	if slices.Contains([]billing.SubscriptionStatus{billing.Active, billing.PastDue}, billing.StatusOf(l.Status)) {
		return []WayOut{{Command: fmt.Sprintf("duly run billing --subscription %d", l.ID), When: "once its row is fixed"}}
	}
	return []WayOut{{
		Command: fmt.Sprintf("duly show subscription %d", l.ID),
		When:    "the shop fixes its row: active, past_due, paused, cancelled, or trialing until its next_billing_date",
	}}
}

func waysOfOrder(l worklist.Row, now time.Time, asks func(string) bool) []WayOut {
	requeue := WayOut{Command: fmt.Sprintf("duly requeue order %d", l.ID), When: "then duly run reconcile"}
	switch {
	case l.Reason == "" && l.Gone:
		return []WayOut{{Command: "duly run reconcile", When: "asks its gateway"}}
	case l.Reason == "" && l.NextCheck.After(now):
		requeue.When = "its check is due at once; then duly run reconcile"
		return []WayOut{requeue}
	case l.Reason == "":
		return []WayOut{{Command: fmt.Sprintf("duly run reconcile --order %d", l.ID), When: "asks its gateway"}}
	case l.Gone:
		return []WayOut{resolveWay("order", l.ID, payment.AsIgnored, "its row is gone: nothing more is checked")}
	case l.Undecided != 0:
		return decided("payment", l.Undecided, l.Gateway, asks, "it is closed without a word on its money")
	}
	requeue.When = "once what it says is fixed; then duly run reconcile"
	return []WayOut{requeue}
}

func waysOfRefund(l worklist.Row) []WayOut {
	if l.Behind != 0 || l.Status == string(refunds.Review) {
		return WaysOfHeld(l.Held)
	}
	if l.Status == string(refunds.Requested) {
		return []WayOut{
			{Command: "duly run reconcile --step refund", When: "executes it"},
			resolveWay(worklist.Refund, l.ID, payment.AsCancelled, "takes it back"),
		}
	}
	return []WayOut{{Command: "duly run reconcile --step refund", When: "executes it, or asks its gateway what became of it"}}
}

// WaysOfHeld are the commands that settle a refund in review.
func WaysOfHeld(held refunds.Held) []WayOut {
	var out []WayOut
	for _, way := range held.Ways() {
		out = append(out, resolveWay(worklist.Refund, held.ID, way.As, way.When))
	}
	return out
}

func waysOfFinding(l worklist.Row) []WayOut {
	if l.Key != "" {
		return []WayOut{adoptWay(l.Gateway, l.Key)}
	}
	ignored := resolveWay(worklist.Finding, l.ID, payment.AsIgnored, "it is closed as it is")
	right, when, _ := strings.Cut(l.Found.Next(), ", ")
	if strings.Contains(right, "--as "+string(payment.AsIgnored)) {
		ignored.When = when
		return []WayOut{ignored}
	}
	return []WayOut{{Command: strings.ReplaceAll(right, "--reason …", `--reason "…"`), When: when, Asks: true}, ignored}
}

// TitleOf names a listed row and says why it waits.
func TitleOf(l worklist.Row) string {
	parts := []string{fmt.Sprintf("%s %d", l.What, l.ID)}
	add := func(format string, args ...any) { parts = append(parts, text.Sprintf(format, args...)) }
	if l.Kind != "" && l.What != worklist.Change {
		add("%s", l.Kind)
	}
	if l.What == worklist.Attempt {
		add("%s", strings.ReplaceAll(l.Status, "_", " "))
		add("invoice %d", l.Invoice)
	}
	if l.What == worklist.Refund {
		add("%s", strings.ReplaceAll(l.Status, "_", " "))
		if l.Invoice != 0 {
			add("invoice %d", l.Invoice)
		}
		for _, id := range l.Payments {
			add("payment %d", id)
		}
		if l.Behind != 0 {
			add("behind refund %d", l.Behind)
		}
	}
	if l.Subscription != 0 && l.What != worklist.Subscription {
		add("subscription %d", l.Subscription)
	}
	if l.Currency != "" && l.What != worklist.Subscription {
		add("%s", payment.Money{Amount: l.Amount, Currency: l.Currency})
	}
	if l.Gateway != "" {
		add("gateway %s", l.Gateway)
	}
	if l.Sink != "" {
		add("to %s", l.Sink)
	}
	if l.What == worklist.Charge {
		add("%s", l.Key)
	}
	if l.What != worklist.Change { // its reason says from when on
		add("since %s", cli.Instant(l.Since))
	}
	line := strings.Join(parts, ", ")
	if l.Reason != "" {
		line += ": " + text.Line(l.Reason)
	}
	return line
}
