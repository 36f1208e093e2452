package billing_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"duly/internal/billing"
	"duly/internal/payment"
	"duly/internal/test/sample"
)

// declined is the first attempt of invoice, declined for good, so that its subscription is past due and waits for the next stage.
func declined(changes ...func(*billing.Declined)) billing.Declined {
	s := sample.Subscription()
	s.Status, s.Next = billing.PastDue, sample.Day("2026-02-28")
	at := billing.PastAttempt{
		ID: 5, No: 1, Key: "sub_42_20260131-1", Status: billing.AttemptDeclined, Class: payment.Hard, Gateway: s.Gateway, Method: s.Method,
		Account: 1, Proof: billing.ProofAnswer,
	}
	d := billing.Declined{PastAttempt: at, Invoice: sample.Invoice(), InvoiceStatus: billing.Open, Subscription: &s, Attempts: []billing.PastAttempt{at}}
	d.Invoice.Stage, d.Invoice.FirstDeclined = 1, sample.Day("2026-01-31")
	for _, change := range changes {
		change(&d)
	}
	return d
}

// ended is declined after its last stage.
func ended(d *billing.Declined) {
	d.InvoiceStatus, d.Subscription.Status = billing.Uncollectible, billing.Cancelled
	d.CancelReason = "unpaid after the last retry: the payment method was declined for good (hard)"
}

func later(changes ...func(*billing.PastAttempt)) func(*billing.Declined) {
	return func(d *billing.Declined) {
		next := d.Attempts[0]
		next.ID, next.No, next.Key = 6, 2, "sub_42_20260131-2"
		for _, change := range changes {
			change(&next)
		}
		d.Attempts = append(d.Attempts, next)
	}
}

func inStage(n int) func(*billing.Declined) { return func(d *billing.Declined) { d.Stage = n } }

func status(s billing.SubscriptionStatus) func(*billing.Declined) {
	return func(d *billing.Declined) { d.Subscription.Status = s }
}

func is(s billing.InvoiceStatus) func(*billing.Declined) {
	return func(d *billing.Declined) { d.InvoiceStatus = s }
}

func TestDecideReopen(t *testing.T) {
	both := []payment.Class{payment.Hard, payment.Action}
	for name, c := range map[string]struct {
		declined billing.Declined
		today    string
		detail   string
		problem  string
	}{
		"its first stage": {declined(), "2026-02-02", "stage 0, due 2026-02-02; subscription 42 past_due → active", ""},
		"a later stage":   {declined(inStage(2)), "2026-02-02", "stage 2, due 2026-02-02", ""},
		"stages that passed since": {
			declined(func(d *billing.Declined) { d.Invoice.Stage = 3 }), "2026-02-02", "stage 0, due 2026-02-02; subscription 42 past_due → active", "",
		},
		"an action": {
			declined(func(d *billing.Declined) { d.Class, d.Attempts[0].Class = payment.Action, payment.Action }), "2026-02-02",
			"stage 0, due 2026-02-02; subscription 42 past_due → active", "",
		},
		"the end of it": {declined(ended), "2026-02-06", "stage 0, due 2026-02-06; subscription 42 cancelled → active", ""},
		"declined at its end": {
			declined(ended, inStage(3), func(d *billing.Declined) { d.CancelReason = "unpaid after the last retry: lost card" }), "2026-02-06",
			"stage 3, due 2026-02-06; subscription 42 cancelled → past_due", "",
		},
		"periods that were missed": {
			declined(ended), "2026-04-15", "stage 0, due 2026-04-15; subscription 42 cancelled → active, next billing date 2026-04-30", "",
		},
		"a period that begins today": {
			declined(ended), "2026-02-28", "stage 0, due 2026-02-28; subscription 42 cancelled → active, next billing date 2026-03-31", "",
		},
		"taken back before": {declined(func(d *billing.Declined) { d.Reopened = true }), "2026-02-02", "", "taken back already"},
		"of another class": {
			declined(func(d *billing.Declined) { d.Class = payment.Soft }), "2026-02-02", "",
			"attempt 5 is declined, and not a decline of these classes any more",
		},
		"no decline": {
			declined(func(d *billing.Declined) { d.PastAttempt.Status = billing.AttemptSucceeded }), "2026-02-02", "",
			"attempt 5 is succeeded, and not a decline of these classes any more",
		},
		"charged again since": {declined(later()), "2026-02-02", "", "attempt 6 came after attempt 5, and is declined"},
		"in flight since": {
			declined(later(func(p *billing.PastAttempt) { p.Status, p.Proof = billing.AttemptInFlight, "" })), "2026-02-02", "",
			"attempt 6 came after attempt 5, and is in_flight",
		},
		"not proven": {
			declined(func(d *billing.Declined) { d.Proof, d.Attempts[0].Proof = "", "" }), "2026-02-02", "",
			"attempt 5 is declined, which does not prove that no money was taken: duly resolve attempt 5 --as not_executed --reason …",
		},
		"paid":                 {declined(is(billing.Paid)), "2026-02-02", "", "it is paid: duly show invoice 9"},
		"void":                 {declined(is(billing.Void)), "2026-02-02", "", "it is void: duly show invoice 9"},
		"in review":            {declined(is(billing.Review)), "2026-02-02", "", "it is in review: duly show invoice 9"},
		"being charged":        {declined(is(billing.Charging)), "2026-02-02", "", "it is charging: duly show invoice 9"},
		"an odd status":        {declined(is("odd")), "2026-02-02", "", `it has the status "odd", which is none of duly's`},
		"no subscription":      {declined(func(d *billing.Declined) { d.Subscription = nil }), "2026-02-02", "", "the subscription's row is gone"},
		"active again":         {declined(status(billing.Active)), "2026-02-02", "", "subscription 42 is active, and duly made it past_due: somebody changed it since"},
		"paused since":         {declined(status(billing.Paused)), "2026-02-02", "", "subscription 42 is paused, and duly made it past_due: somebody changed it since"},
		"paused after its end": {declined(ended, status(billing.Paused)), "2026-02-06", "", "subscription 42 is paused, and duly made it cancelled: somebody changed it since"},
		"active after its end": {declined(ended, status(billing.PastDue)), "2026-02-06", "", "subscription 42 is past_due, and duly made it cancelled: somebody changed it since"},
		"cancelled since":      {declined(status(billing.Cancelled)), "2026-02-02", "", "subscription 42 was cancelled by somebody else (no reason is stored)"},
		"cancelled by the customer": {
			declined(ended, func(d *billing.Declined) { d.CancelReason = "moved away" }), "2026-02-06", "",
			"subscription 42 was cancelled by somebody else (moved away)",
		},
		"an interval that is none": {
			declined(ended, func(d *billing.Declined) { d.Subscription.Interval.Unit = "moon" }), "2026-04-15", "",
			`subscription 42: interval_unit "moon" is not one of day, week, month, year`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := billing.DecideReopen(c.declined, both, sample.Day(c.today))
			if c.problem != "" {
				require.EqualError(t, err, c.problem)
				require.Zero(t, r)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.detail, r.Detail)
			require.Equal(t, []string{"invoice.reopened"}, sample.EventTypes(r.Events))
		})
	}
}

// Whatever is declined by the rules of dunning can be taken back by these, and is charged then: in the same stage, under the next key,
// by the same method. After that it can be declined again, and the subscription is what it was before the first decline.
func TestReopenUndoesADecline(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := billing.Policy{RetryDays: []int{1, 3, 5}[:rapid.IntRange(0, 3).Draw(t, "retries")]}
		stage := rapid.IntRange(0, len(p.RetryDays)).Draw(t, "stage")
		class := sample.Draw(t, "class", payment.Hard, payment.Action, payment.Soft)
		before := billing.Active
		a, s := sample.Attempt(), sample.Subscription()
		s.Next = sample.Day("2026-02-28")
		a.Stage, a.Invoice.Stage = stage, stage
		if stage > 0 {
			before, a.Invoice.FirstDeclined = billing.PastDue, sample.Day("2026-01-31")
		}
		settled := billing.Settle(a, sample.Answered(payment.Refused, class), before, p, sample.Day("2026-02-05"), sample.Noon)
		if s.Status = before; settled.SubscriptionTo != "" {
			s.Status = settled.SubscriptionTo
		}
		past := billing.PastAttempt{
			ID: a.ID, No: a.No, Key: a.Charge.Key, Status: settled.Attempt, Class: settled.Decline.Class, Gateway: s.Gateway, Method: s.Method,
			Account: 1, Proof: settled.Proof,
		}
		d := billing.Declined{
			PastAttempt: past, Stage: stage, Invoice: a.Invoice, InvoiceStatus: settled.Invoice, Subscription: &s, CancelReason: settled.CancelReason,
			Attempts: []billing.PastAttempt{past},
		}
		d.Invoice.Stage, d.Invoice.FirstDeclined = settled.Stage, settled.FirstDeclined
		r, err := billing.DecideReopen(d, []payment.Class{class}, sample.Day("2026-02-06"))
		require.NoError(t, err)
		require.Equal(t, stage, r.Stage)
		if r.SubscriptionTo != "" {
			require.Equal(t, s.Status, r.SubscriptionFrom)
			s.Status = r.SubscriptionTo
		}
		require.Equal(t, before, s.Status)

		past.Reopened = true
		inv := a.Invoice
		if r.First {
			require.Zero(t, stage)
			inv.FirstDeclined = 0
		}
		claim := billing.DecideClaim(inv, s, []billing.PastAttempt{past}, p, r.Due, sample.Known)
		require.Equal(t, billing.Charge, claim.Action, claim.Reason)
		require.Equal(t, "sub_42_20260131-2", claim.Key)
		_, err = billing.DecideReopen(billing.Declined{PastAttempt: past}, []payment.Class{class}, r.Due)
		require.ErrorIs(t, err, billing.ErrReopened)
	})
}

// What follows from a charge that came after a reopened decline occurs again: its first occurrence keeps its key, and the charges
// themselves have keys of their own.
func TestEventsThatOccurAgain(t *testing.T) {
	claim := billing.DecideClaim(billing.Invoice{ID: 9, SubscriptionID: 42, Due: sample.Day("2026-01-31"), Money: sample.Invoice().Money, Stage: 3, FirstDeclined: sample.Day("2026-01-31")},
		sample.Subscription(), []billing.PastAttempt{declined().PastAttempt}, sample.Policy(), sample.Day("2026-02-05"), sample.Known)
	require.Equal(t, billing.EndInvoice, claim.Action)
	require.Len(t, claim.Events, 2)
	for _, e := range claim.Events {
		require.True(t, e.Transition, e.Type)
	}
	require.Equal(t, "payment.failed:sub_42_20260131:stage-3", claim.Events[0].Occurrence(1))
	require.Equal(t, "subscription.cancelled:sub_42_20260131#2", claim.Events[1].Occurrence(2))
	review := billing.Unclaimable(sample.Invoice(), "why").Events[0]
	require.False(t, review.Transition)
	require.Equal(t, []string{"invoice:9"}, review.Actors, "an operator made it due again")
	paid := billing.Event{Type: billing.EventInvoicePaid}
	require.False(t, paid.Repeats())
}
