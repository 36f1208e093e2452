package billing_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/billing"
	"duly/internal/payment"
	"duly/internal/test/sample"
)

func payload(t *testing.T, e billing.Event) string {
	t.Helper()
	text, err := json.Marshal(e.Payload)
	require.NoError(t, err)
	return string(text)
}

// TestEvents holds every event to its exact words: they are what a shop's webhook reads.
func TestEvents(t *testing.T) {
	const (
		of      = `"schema_version":1,"subscription_id":42,`
		invoice = `"invoice_id":9,"due_date":"2026-01-31","reference":"sub_42_20260131","amount":12900,"currency":"KRW","gateway":"main"`
		about   = of + `"customer_id":"cus_7",` + invoice
		charged = about + `,"attempt_id":5,"gateway_payment_id":"pay_1"`
	)
	settle := func(stage int, ans billing.Answer) []billing.Event {
		ans.Outcome.PaymentID = "pay_1"
		return billing.Settle(at(stage), ans, billing.PastDue, sample.Policy(), sample.Day("2026-02-03"), sample.Noon).Events
	}
	free := sample.Subscription()
	free.Money.Amount = 0
	broken := sample.Subscription()
	broken.CustomerID = ""
	barred := []billing.PastAttempt{tried(1, billing.AttemptDeclined, payment.Hard)}

	type event struct{ kind, dedupe, payload string }
	for _, c := range []struct {
		name   string
		events []billing.Event
		want   []event
	}{
		{"paid", settle(1, sample.Answered(payment.Paid, "")), []event{
			{"invoice.paid", "invoice.paid:sub_42_20260131", `{` + charged + `}`},
		}},
		{"nothing to pay", billing.DecideIssue(free, billing.Newest{}, nothingInvoiced, onDate("2026-01-31")).Events, []event{
			{"invoice.paid", "invoice.paid:sub_42_20260131", `{"schema_version":1,"subscription_id":42,"customer_id":"cus_7","due_date":"2026-01-31","reference":"sub_42_20260131","amount":0,"currency":"KRW","gateway":"main"}`},
		}},
		{"declined", settle(1, sample.Answered(payment.Refused, payment.Soft)), []event{
			{"payment.failed", "payment.failed:sub_42_20260131-1", `{` + charged + `,"class":"soft","code":"soft_code","message":"the bank says no","attempt":1,"stage":1,"next_date":"2026-02-04"}`},
		}},
		{"the customer must act", settle(0, sample.Answered(payment.Refused, payment.Action)), []event{
			{"payment.failed", "payment.failed:sub_42_20260131-1", `{` + charged + `,"class":"action","code":"action_code","message":"the bank says no","attempt":1,"stage":0,"next_date":"2026-02-04"}`},
			{"payment.action_required", "payment.action_required:sub_42_20260131-1", `{` + charged + `,"class":"action","code":"action_code","message":"the bank says no","attempt":1,"stage":0,"next_date":"2026-02-04"}`},
		}},
		{"the end", settle(3, sample.Answered(payment.Refused, payment.Hard)), []event{
			{"payment.failed", "payment.failed:sub_42_20260131-1", `{` + charged + `,"class":"hard","code":"hard_code","message":"the bank says no","attempt":1,"stage":3,"next_date":null}`},
			{"subscription.cancelled", "subscription.cancelled:sub_42_20260131", `{` + charged + `,"reason":"unpaid after the last retry: the bank says no"}`},
		}},
		{"the end without an attempt", decideClaim(atStage(3), sample.Subscription(), barred...).Events, []event{
			{"payment.failed", "payment.failed:sub_42_20260131:stage-3", `{` + about + `,"class":"hard","code":"","message":"unpaid after the last retry: the payment method was declined for good (hard)","attempt":1,"stage":3,"next_date":null}`},
			{"subscription.cancelled", "subscription.cancelled:sub_42_20260131", `{` + about + `,"reason":"unpaid after the last retry: the payment method was declined for good (hard)"}`},
		}},
		{"an attempt in review", settle(0, sample.Answered(payment.Differs, "")), []event{
			{"review.needed", "review.needed:attempt:sub_42_20260131-1:a511aeee", `{` + charged + `,"reason":"because"}`},
		}},
		{"an invoice in review", decideClaim(sample.Invoice(), broken).Events, []event{
			{"review.needed", "review.needed:invoice:sub_42_20260131:20260205:933cd211", `{` + of + invoice + `,"reason":"customer_id is empty"}`},
		}},
		{"a subscription in review", billing.DecideIssue(broken, billing.Newest{}, nothingInvoiced, onDate("2026-02-01")).Events, []event{
			{"review.needed", "review.needed:subscription:42:20260201:933cd211", `{"schema_version":1,"subscription_id":42,"due_date":"2026-01-31","reference":"sub_42_20260131","amount":12900,"currency":"KRW","gateway":"main","reason":"customer_id is empty"}`},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Len(t, c.events, len(c.want))
			for i, want := range c.want {
				require.Equal(t, want, event{c.events[i].Type, c.events[i].Dedupe, payload(t, c.events[i])})
				require.Equal(t, "subscription:42", c.events[i].Subject)
			}
		})
	}
}

func TestReviewsForDifferentReasonsAreDifferentEvents(t *testing.T) {
	dedupe := func(why string) string { return billing.ToReview(sample.Attempt(), why).Events[0].Dedupe }
	require.Equal(t, dedupe("one"), dedupe("one"))
	require.NotEqual(t, dedupe("one"), dedupe("another"))
}
