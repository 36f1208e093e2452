package notify_test

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/billing"
	"duly/internal/billing/dunning"
	"duly/internal/billing/network"
	"duly/internal/billing/notice"
	"duly/internal/billing/planned"
	"duly/internal/notify"
	"duly/internal/orders"
	"duly/internal/payment"
	"duly/internal/refunds"
	"duly/internal/test/worktest"
)

// made are events as the rules make them, at least one of each type.
func made(t *testing.T) []payment.Event {
	t.Helper()
	due := worktest.Day(t, "2026-01-31")
	now := time.Date(2026, 1, 31, 3, 0, 0, 0, time.UTC)
	policy := billing.Policy{RetryDays: []int{1, 3, 5}, Network: network.Rules{On: true}}
	won := payment.Money{Amount: 12900, Currency: "KRW"}
	subscription := billing.Subscription{
		ID: 42, CustomerID: "cus", Status: billing.Active, Gateway: "main", Method: "pm_secret", GatewayCustomer: "of_pm_secret", Money: won,
		Interval: billing.Interval{Unit: "month", Count: 1}, AnchorDay: 31, Next: due,
	}
	broken := subscription
	broken.CustomerID, broken.Money.Currency = "", "xx"
	invoice := billing.Invoice{ID: 9, SubscriptionID: 42, Due: due, Money: won}
	settled := func(stage int, o payment.Outcome) []payment.Event {
		a := billing.Attempt{ID: 5, No: 1, Stage: stage, Gateway: "main", Invoice: invoice, CreatedAt: now, Charge: payment.Charge{
			Key: "sub_42_20260131-1", Reference: "sub_42_20260131", CustomerID: "cus", Method: "pm_secret", GatewayCustomer: "of_pm_secret", Money: won,
		}}
		a.Invoice.Stage = stage
		return billing.Settle(a, billing.Answer{Outcome: o}, billing.PastDue, policy, due, now).Events
	}
	declined := func(c payment.Class) payment.Outcome {
		return payment.Outcome{Kind: payment.Refused, Decline: payment.Decline{Class: c, Code: "code", Message: "no"}}
	}
	networked := declined(payment.Action)
	networked.Decline.Network, networked.Decline.AdviceCode = payment.Mastercard, "30"
	known := func(name string) bool { return name == "main" }
	last := invoice
	last.Stage, last.FirstDeclined = 3, due
	hard := billing.PastAttempt{ID: 1, No: 1, Key: "sub_42_20260131-1", Status: billing.AttemptDeclined, Class: payment.Hard, Gateway: "main", Method: "pm_secret"}
	issue := billing.IssuePolicy{Business: due, Effective: due, CatchUp: billing.CatchUpDefault, KnownGateway: known}

	reopened := func(status billing.SubscriptionStatus) []payment.Event {
		proven, s := hard, subscription
		proven.Proof, s.Status = billing.ProofAnswer, status
		d := billing.Declined{
			PastAttempt: proven, Stage: 3, Invoice: last, InvoiceStatus: billing.Open, Subscription: &s, Attempts: []billing.PastAttempt{proven},
		}
		if status == billing.Cancelled {
			d.InvoiceStatus, d.CancelReason = billing.Uncollectible, "unpaid after the last retry: no"
		}
		r, err := billing.DecideReopen(d, []payment.Class{payment.Hard}, due)
		require.NoError(t, err)
		return r.Events
	}

	pausing := func() []payment.Event {
		paused := last
		paused.Dunning.AfterLast = dunning.PauseAfterLast
		return billing.DecideClaim(paused, subscription, []billing.PastAttempt{hard}, policy, due+3, known).Events
	}

	order := orders.Order{ID: 7, CustomerID: "cus", Status: orders.OrderInProgress, Money: won, CreatedAt: now.Add(-time.Hour)}
	pay := orders.Payment{ID: 3, OrderID: 7, Gateway: "main", Key: "ord_7-1", Status: orders.PaymentPending, Money: won, CreatedAt: now.Add(-time.Hour)}
	decide := func(enough bool, amount int64) []payment.Event {
		seen := payment.LookupResult{Payment: &payment.Payment{
			ID: "pay_1", Status: "succeeded", Key: pay.Key, Reference: order.Reference(), CustomerID: "cus", Money: payment.Money{Amount: amount, Currency: "KRW"},
		}}
		checked := orders.Checked{Payment: pay, Asked: true, Sight: seen, Guarantees: orders.Guarantees{Known: true, FindByKey: true, LookupOutlivesKey: true, KeyLife: 24 * time.Hour, Longest: time.Minute}}
		return orders.Decide(order, []orders.Checked{checked}, enough, orders.Policy{OlderThan: time.Minute, GiveUpAfter: time.Hour}, 1, now).Events
	}
	threshold := int64(5)
	low, ok := orders.StockLow(orders.Product{ID: 3, Name: "Mug", Stock: 9, Threshold: &threshold}, 4, 7)
	require.True(t, ok)
	changes := func(kind planned.Kind, value string) []payment.Event {
		plan := planned.ForIssue(subscription, []planned.Change{{ID: 8, Subscription: 42, Effective: due, Kind: kind, Value: value}}, issue, nil)
		plan.Use(due)
		return plan.Events()
	}
	notices := func() (events []payment.Event) {
		warned := policy
		warned.Notice.Days = 7
		for _, n := range notice.Decide(notice.Subject{
			Subscription: subscription, Expires: due - 1, Invoiced: func(payment.Date) bool { return false }, Newest: func(notice.Kind, payment.Date) notice.Newest { return notice.Newest{} },
			Planned: []planned.Change{{ID: 8, Subscription: 42, Effective: due, Kind: planned.Amount, Value: "500"}},
		}, warned, issue) {
			events = append(events, n.Event)
		}
		return events
	}
	return slices.Concat(
		notices(),
		changes(planned.Method, "pm_secret_2"), changes(planned.OneOff, "0"), changes(planned.Cancel, ""),
		settled(1, payment.Outcome{Kind: payment.Paid, PaymentID: "pay_1"}), settled(0, payment.Outcome{Kind: payment.Differs, Reason: "another amount"}),
		settled(0, declined(payment.Soft)), settled(0, declined(payment.Action)), settled(3, declined(payment.Hard)), pausing(),
		[]payment.Event{billing.MethodUpdated(billing.Attempt{No: 1, Gateway: "main", Invoice: invoice, Charge: payment.Charge{Key: "sub_42_20260131-1"}})},
		settled(0, networked),
		billing.DecideClaim(last, subscription, []billing.PastAttempt{hard}, policy, due+3, known).Events,
		billing.DecideClaim(invoice, broken, nil, policy, due, known).Events,
		billing.DecideIssue(broken, billing.Newest{}, func(payment.Date) bool { return false }, issue).Events,
		reopened(billing.PastDue), reopened(billing.Cancelled),
		[]payment.Event{billing.SubscriptionReview(42, due, "no invoice could be made")},
		decide(true, 12900), decide(false, 12900), decide(true, 5),
		[]payment.Event{low, orders.RefundCompleted(order, pay, 12900, ""), orders.ReviewNeeded(order, "why"), orders.ReviewNeeded(order, "why", pay)},
		refunded(order, pay),
	)
}

// refunded are the events of refunds of an order's payment and of an invoice.
func refunded(order orders.Order, pay orders.Payment) []payment.Event {
	won := payment.Money{Amount: 12900, Currency: "KRW"}
	ofOrder := refunds.Claimed{
		Refund: refunds.Refund{ID: 1, PaymentID: 3, Reason: "returned", Restock: true},
		Target: refunds.Target{Order: order, Payment: pay, Gateway: "main", GatewayID: "pay_1", Reference: "ord_7", CustomerID: "cus", Paid: won},
	}
	ofInvoice := refunds.Claimed{
		Refund: refunds.Refund{ID: 2, InvoiceID: 9, Amount: 500, Reason: "not used", FollowUp: refunds.EndSubscription},
		Target: refunds.Target{AttemptID: 5, SubscriptionID: 42, DueDate: 1, Gateway: "main", GatewayID: "pay_2", Reference: "sub_42_20260131", CustomerID: "cus", Paid: won},
	}
	ofNothing := refunds.Claimed{Refund: refunds.Refund{ID: 3, InvoiceID: 10, Amount: 500}, Target: refunds.Target{Problem: "there is no invoice 10"}}
	var events []payment.Event
	for _, c := range []refunds.Claimed{ofOrder, ofInvoice} {
		for _, end := range []refunds.End{{Step: refunds.Done, Amount: 500, Total: 12900}, {Step: refunds.Refuse, Reason: "no"}, {Step: refunds.ToReview, Reason: "why"}, {}} {
			events = append(events, refunds.Result{Claimed: c, End: end}.Events(true, end.Step == refunds.Done)...)
		}
	}
	events = append(events, refunds.Result{Claimed: ofNothing, End: refunds.End{Step: refunds.Refuse, Reason: "there is no invoice 10"}}.Events(false, false)...)
	events = append(append(events, ofOrder.AtProvider(12900, 12900)...), ofInvoice.AtProvider(500, 500)...)
	return append(events, ofInvoice.Ended("refunded: not used"))
}

// Every event that the rules make is as its schema says, and so is what the webhook makes of it.
func TestPayloadsAreAsTheirSchemasSay(t *testing.T) {
	schemas := worktest.NewSchemas(t)
	types := map[string]bool{}
	for _, e := range made(t) {
		types[e.Type] = true
		data, err := json.Marshal(e.Payload)
		require.NoError(t, err)
		require.NoError(t, schemas.Validate(t, e.Type, data), "%s: %s", e.Type, data)
		require.NotContains(t, string(data), "pm_secret")
		body, err := notify.Body(notify.Message{Event: 1, Type: e.Type, Subject: e.Subject, At: time.Unix(0, 1000), Data: data})
		require.NoError(t, err)
		require.NoError(t, schemas.Validate(t, "webhook", body), "%s", body)

		var fields map[string]any
		require.NoError(t, json.Unmarshal(data, &fields))
		fields["more"] = 1
		more, err := json.Marshal(fields)
		require.NoError(t, err)
		require.Error(t, schemas.Validate(t, e.Type, more), "%s takes what it does not name", e.Type)
	}
	require.Equal(t, []string{
		"invoice.paid", "invoice.reopened", "invoice.upcoming", "order.completed", "order.failed", "payment.action_required", "payment.failed", "payment_method.expiring", "payment_method.updated", "refund.completed",
		"refund.recorded", "refund.refused", "refund.succeeded", "review.needed", "stock.low", "subscription.cancelled", "subscription.changed", "subscription.paused",
	}, slices.Sorted(maps.Keys(types)), "every type")
}
