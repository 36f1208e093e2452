package billing_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"duly/internal/billing"
	"duly/internal/payment"
	"duly/internal/test/sample"
)

// tried is an earlier attempt by the method that subscription has.
func tried(no int, status billing.AttemptStatus, class payment.Class) billing.PastAttempt {
	return billing.PastAttempt{
		ID: uint64(100 + no), No: no, Key: billing.Key(42, sample.Day("2026-01-31"), no), Status: status, Class: class,
		Gateway: "main", Method: "pm_secret_1", Account: 1, Proof: billing.ProofAnswer,
	}
}

// atStage is invoice at a later stage, first declined on its due date.
func atStage(stage int) billing.Invoice {
	inv := sample.Invoice()
	if inv.Stage = stage; stage > 0 {
		inv.FirstDeclined = inv.Due
	}
	return inv
}

func decideClaim(inv billing.Invoice, s billing.Subscription, past ...billing.PastAttempt) billing.Claim {
	return billing.DecideClaim(inv, s, past, sample.Policy(), sample.Day("2026-02-05"), sample.Known)
}

func TestDecideClaimCharges(t *testing.T) {
	inReview := tried(3, billing.AttemptRejected, "")
	for _, c := range []struct {
		name string
		past []billing.PastAttempt
		want billing.Claim
	}{
		{"the first", nil, billing.Claim{No: 1, Key: "sub_42_20260131-1"}},
		{"after a decline", []billing.PastAttempt{tried(1, billing.AttemptDeclined, payment.Soft)}, billing.Claim{No: 2, Key: "sub_42_20260131-2"}},
		{"after a try later", []billing.PastAttempt{tried(1, billing.AttemptDeclined, "")}, billing.Claim{No: 2, Key: "sub_42_20260131-2"}},
		{"after a rejection that was requeued", []billing.PastAttempt{tried(1, billing.AttemptDeclined, payment.Soft), tried(2, billing.AttemptDeclined, ""), inReview}, billing.Claim{No: 4, Key: "sub_42_20260131-4"}},
		{"a released one again", []billing.PastAttempt{tried(1, billing.AttemptReleased, "")}, billing.Claim{Reuse: 101, No: 1, Key: "sub_42_20260131-1"}},
		{"a released one after a decline", []billing.PastAttempt{tried(1, billing.AttemptDeclined, payment.Soft), tried(2, billing.AttemptReleased, "")}, billing.Claim{Reuse: 102, No: 2, Key: "sub_42_20260131-2"}},
		{"in any order", []billing.PastAttempt{tried(2, billing.AttemptReleased, ""), tried(1, billing.AttemptDeclined, payment.Soft)}, billing.Claim{Reuse: 102, No: 2, Key: "sub_42_20260131-2"}},
		{"numbers may have gaps", []billing.PastAttempt{tried(3, billing.AttemptDeclined, payment.Soft)}, billing.Claim{No: 4, Key: "sub_42_20260131-4"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.want.Action = billing.Charge
			require.Equal(t, c.want, decideClaim(atStage(len(c.past)), sample.Subscription(), c.past...))
		})
	}
}

func TestDecideClaimBySubscriptionStatus(t *testing.T) {
	for status, want := range map[billing.SubscriptionStatus]billing.ClaimAction{
		billing.Active: billing.Charge, billing.PastDue: billing.Charge, billing.Paused: billing.Charge,
		billing.Cancelled: billing.VoidInvoice, "trial": billing.ReviewInvoice,
	} {
		s := sample.Subscription()
		s.Status = status
		got := decideClaim(sample.Invoice(), s)
		require.Equal(t, want, got.Action, status)
		if want == billing.VoidInvoice {
			require.Equal(t, billing.Claim{Action: billing.VoidInvoice}, got)
		}
	}
}

func TestDecideClaimReview(t *testing.T) {
	type row = billing.Subscription
	for _, c := range []struct {
		name   string
		change func(*row)
		inv    billing.Invoice
		past   []billing.PastAttempt
		want   string
	}{
		{name: "an attempt in flight", past: []billing.PastAttempt{tried(1, billing.AttemptInFlight, "")}, want: "attempt 101 is not settled"},
		{name: "an attempt in doubt", past: []billing.PastAttempt{tried(1, billing.AttemptReleased, ""), tried(2, billing.AttemptInDoubt, "")}, want: "attempt 102 is not settled"},
		{name: "an attempt in review", past: []billing.PastAttempt{tried(1, billing.AttemptReview, "")}, want: "attempt 101 is in review"},
		{name: "an attempt that took the money", past: []billing.PastAttempt{tried(1, billing.AttemptSucceeded, "")}, want: "attempt 101 succeeded already"},
		{name: "an attempt in a status that is unknown", past: []billing.PastAttempt{tried(1, "odd", "")}, want: `attempt 101 has the unknown status "odd"`},
		{
			name: "also of a cancelled subscription", change: func(s *row) { s.Status = billing.Cancelled },
			past: []billing.PastAttempt{tried(1, billing.AttemptInDoubt, "")}, want: "attempt 101 is not settled",
		},
		{name: "no amount", inv: billing.Invoice{SubscriptionID: 42, Due: sample.Day("2026-01-31"), Money: payment.Money{Currency: "KRW"}}, want: "amount 0 cannot be charged"},
		{name: "gateway", change: func(s *row) { s.Gateway = "" }, want: "gateway is empty"},
		{name: "method", change: func(s *row) { s.Method = "" }, want: "payment_method is empty"},
		{name: "customer", change: func(s *row) { s.CustomerID = "" }, want: "customer_id is empty"},
		{
			name: "long", change: func(s *row) { s.Method, s.Gateway = strings.Repeat("m", 256), "gone" },
			want: `payment_method has 256 characters, 255 are the most`,
		},
		{
			name: "long gateway customer", change: func(s *row) { s.GatewayCustomer = strings.Repeat("ü", 301) },
			want: `gateway_customer has 301 characters, 300 are the most`,
		},
		{
			name: "gateway customer with a line break", change: func(s *row) { s.GatewayCustomer = "cus_1\n" },
			want: "gateway_customer has a control character",
		},
		{name: "status", change: func(s *row) { s.Status = "trial" }, want: `subscription status "trial" is not one of active, past_due, paused, cancelled, trialing`},
		{
			name: "a trial", change: func(s *row) { s.Status = billing.Trialing },
			want: "the subscription is trialing, and charges nothing: duly requeue invoice 9 once it is active, or duly resolve invoice 9 --as void",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := sample.Subscription()
			if c.change != nil {
				c.change(&s)
			}
			if c.inv.ID == 0 && c.want != "amount 0 cannot be charged" {
				c.inv = sample.Invoice()
			}
			got := decideClaim(c.inv, s, c.past...)
			require.Equal(t, []string{"review.needed"}, sample.EventTypes(got.Events))
			require.Equal(t, billing.Claim{Action: billing.ReviewInvoice, Reason: c.want, Events: got.Events}, got)
		})
	}
}

// What is at a gateway that this host does not know is left as it is, and uses no stage. What is decided without a gateway is decided.
func TestDecideClaimLeavesWhatIsAtAnotherHostsGateway(t *testing.T) {
	s := sample.Subscription()
	s.Gateway = "gone"
	require.Equal(t, billing.Claim{Action: billing.LeaveInvoice}, decideClaim(sample.Invoice(), s))
	hard := tried(1, billing.AttemptDeclined, payment.Hard)
	hard.Gateway = "gone"
	require.Equal(t, billing.Claim{Action: billing.LeaveInvoice}, decideClaim(sample.Invoice(), s, hard))
	s.Status = billing.Cancelled
	require.Equal(t, billing.Claim{Action: billing.VoidInvoice}, decideClaim(sample.Invoice(), s))
}

func TestDecideClaimPassesTheStageOfAMethodDeclinedForGood(t *testing.T) {
	for _, c := range []struct {
		name   string
		stage  int
		class  payment.Class
		change func(*billing.Subscription)
		status billing.AttemptStatus
		want   billing.Claim
	}{
		{name: "hard", stage: 1, class: payment.Hard, want: billing.Claim{Action: billing.UseStage, Stage: 2, Next: sample.Day("2026-02-06")}},
		{name: "action", stage: 1, class: payment.Action, want: billing.Claim{Action: billing.UseStage, Stage: 2, Next: sample.Day("2026-02-06")}},
		{name: "soft", stage: 1, class: payment.Soft, want: billing.Claim{Action: billing.Charge, No: 2, Key: "sub_42_20260131-2"}},
		{
			name: "its second identifier was changed, which makes no other card of it", stage: 1, class: payment.Hard,
			change: func(s *billing.Subscription) { s.GatewayCustomer = "cus_2" },
			want:   billing.Claim{Action: billing.UseStage, Stage: 2, Next: sample.Day("2026-02-06")},
		},
		{
			name: "the method was changed", stage: 1, class: payment.Hard, change: func(s *billing.Subscription) { s.Method = "pm_secret_2" },
			want: billing.Claim{Action: billing.Charge, No: 2, Key: "sub_42_20260131-2"},
		},
		{
			name: "the gateway was changed", stage: 1, class: payment.Hard, change: func(s *billing.Subscription) { s.Gateway = "second" },
			want: billing.Claim{Action: billing.Charge, No: 2, Key: "sub_42_20260131-2"},
		},
		{name: "the last stage but one", stage: 2, class: payment.Hard, want: billing.Claim{Action: billing.UseStage, Stage: 3, Next: sample.Day("2026-02-06")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := sample.Subscription()
			s.Status = billing.PastDue
			if c.change != nil {
				c.change(&s)
			}
			require.Equal(t, c.want, decideClaim(atStage(c.stage), s, tried(1, billing.AttemptDeclined, c.class)))
		})
	}

	t.Run("an earlier method again", func(t *testing.T) {
		other := tried(2, billing.AttemptDeclined, payment.Soft)
		other.Method = "pm_secret_2"
		got := decideClaim(atStage(2), sample.Subscription(), tried(1, billing.AttemptDeclined, payment.Hard), other)
		require.Equal(t, billing.UseStage, got.Action)
	})
	t.Run("by the days after the first decline", func(t *testing.T) {
		got := billing.DecideClaim(atStage(2), sample.Subscription(), []billing.PastAttempt{tried(1, billing.AttemptDeclined, payment.Hard)}, sample.Policy(), sample.Day("2026-02-03"), sample.Known)
		require.Equal(t, billing.Claim{Action: billing.UseStage, Stage: 3, Next: sample.Day("2026-02-05")}, got)
	})
}

func TestDecideClaimEndsAtTheLastStage(t *testing.T) {
	both := []string{"payment.failed", "subscription.cancelled"}
	for _, c := range []struct {
		status billing.SubscriptionStatus
		stage  int
		to     billing.SubscriptionStatus
		events []string
	}{
		{billing.PastDue, 3, billing.Cancelled, both},
		{billing.Active, 3, billing.Cancelled, both},
		{billing.Paused, 3, "", []string{"payment.failed"}},
		{billing.PastDue, 4, billing.Cancelled, both}, // there were more stages once
		{billing.PastDue, 17, billing.Cancelled, both},
	} {
		s := sample.Subscription()
		s.Status = c.status
		got := decideClaim(atStage(c.stage), s, tried(1, billing.AttemptDeclined, payment.Hard), tried(2, billing.AttemptDeclined, ""))
		require.Equal(t, c.events, sample.EventTypes(got.Events))
		require.Equal(t, billing.Claim{
			Action: billing.EndInvoice, SubscriptionTo: c.to, Events: got.Events,
			Reason: "unpaid after the last retry: the payment method was declined for good (hard)",
		}, got)
	}
}

// Whatever was tried before: an unsettled attempt, or one that took the money, bars every other (I4), and a
// key is never used again but by the attempt that it belongs to.
func TestDecideClaimProperty(t *testing.T) {
	statuses := []billing.AttemptStatus{
		billing.AttemptInFlight, billing.AttemptSucceeded, billing.AttemptDeclined, billing.AttemptDeclined, billing.AttemptInDoubt,
		billing.AttemptRejected, billing.AttemptRejected, billing.AttemptReview,
	}
	rapid.Check(t, func(t *rapid.T) {
		var past []billing.PastAttempt
		n := rapid.IntRange(0, 6).Draw(t, "attempts")
		barred := false
		for no := 1; no <= n; no++ {
			a := tried(no, sample.Draw(t, "status", statuses...), sample.Draw(t, "class", payment.Soft, payment.Hard, ""))
			if no == n && rapid.Bool().Draw(t, "released") {
				a.Status = billing.AttemptReleased
			}
			a.Method = sample.Draw(t, "method", "pm_secret_1", "pm_secret_2")
			switch a.Status {
			case billing.AttemptInFlight, billing.AttemptInDoubt, billing.AttemptReview, billing.AttemptSucceeded:
				barred = true
			}
			a.Proof = sample.Draw(t, "proof", billing.ProofAnswer, billing.ProofAnswer, billing.ProofLookUp, billing.ProofOperator, "")
			barred = barred || no == n && a.Proof == "" && a.Status != billing.AttemptReleased
			past = append(past, a)
		}
		got := decideClaim(atStage(rapid.IntRange(0, 4).Draw(t, "stage")), sample.Subscription(), past...)
		require.Equal(t, barred, got.Action == billing.ReviewInvoice)
		if got.Action != billing.Charge {
			require.Empty(t, got.Key)
			return
		}
		for _, a := range past {
			require.Equal(t, got.Reuse == a.ID, got.Key == a.Key)
			require.Equal(t, got.Reuse == a.ID, got.No == a.No)
		}
	})
}

// While the method that should be charged is not known, no other is charged in its place, and dunning does not go on: not by a stage, and not to its end.
func TestDecideClaimLeavesWhatHasNoKnownMethod(t *testing.T) {
	const why = "planned change 1 (method from 2026-02-01): value is empty, and should be the payment method"
	hard := tried(1, billing.AttemptDeclined, payment.Hard)
	for _, stage := range []int{0, 1, 2, 3} {
		s := sample.Subscription()
		s.MethodProblem = why
		for _, s.Status = range []billing.SubscriptionStatus{billing.Active, billing.PastDue, billing.Paused} {
			require.Equal(t, billing.Claim{Action: billing.LeaveInvoice, Reason: why}, decideClaim(atStage(stage), s))
			require.Equal(t, billing.Claim{Action: billing.LeaveInvoice, Reason: why}, decideClaim(atStage(stage), s, hard))
		}
		s.Status = billing.Cancelled
		require.Equal(t, billing.Claim{Action: billing.VoidInvoice}, decideClaim(atStage(stage), s))
	}
}
