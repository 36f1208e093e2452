package billing_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/billing"
	"duly/internal/payment"
)

// standing is what is known of subscription on 2 February 2026, a day after it fell due.
func standing(change ...func(*billing.Standing)) billing.Standing {
	s := billing.Standing{
		Subscription: subscription(),
		Invoiced:     func(payment.Date) bool { return false },
		Policy:       billing.Policy{RetryDays: []int{1, 3, 5}},
		Issue: billing.IssuePolicy{
			Business: day("2026-02-02"), Effective: day("2026-02-02"),
			KnownGateway: func(name string) bool { return name == "main" },
		},
	}
	for _, c := range change {
		c(&s)
	}
	return s
}

// invoiced gives the standing an invoice of 31 January with these attempts, and moves the next date on.
func invoiced(status billing.InvoiceStatus, past ...billing.PastAttempt) func(*billing.Standing) {
	return func(s *billing.Standing) {
		s.Subscription.Next = day("2026-02-28")
		s.Invoice = &billing.StandingInvoice{
			Invoice: invoice(), Status: status, Issued: day("2026-01-31"), StageDate: day("2026-01-31"), Past: past,
		}
	}
}

func past(status billing.AttemptStatus, class payment.Class) billing.PastAttempt {
	return billing.PastAttempt{ID: 5, No: 1, Key: "sub_42_20260131-1", Status: status, Class: class, Gateway: "main", Method: "pm_secret_1", Proof: billing.ProofAnswer}
}

func TestExplain(t *testing.T) {
	const secret = "pm_secret_1"
	soft, hard := past(billing.AttemptDeclined, payment.Soft), past(billing.AttemptDeclined, payment.Hard)
	atStage := func(stage int, date, message string) func(*billing.Standing) {
		return func(s *billing.Standing) {
			s.Subscription.Status = billing.PastDue
			s.Invoice.Stage, s.Invoice.StageDate, s.Invoice.Message = stage, day(date), message
			s.Invoice.FirstDeclined = day("2026-01-31")
		}
	}
	status := func(to billing.SubscriptionStatus) func(*billing.Standing) {
		return func(s *billing.Standing) { s.Subscription.Status = to }
	}
	next := func(date string) func(*billing.Standing) {
		return func(s *billing.Standing) { s.Subscription.Next = day(date) }
	}
	inDoubt := func(s *billing.Standing) {
		s.Invoice.Message, s.Invoice.NextCheck = "timeout", time.Date(2026, 2, 2, 3, 12, 5, 0, time.UTC)
	}

	var text strings.Builder
	for _, c := range []struct {
		name     string
		want     billing.Why
		standing billing.Standing
	}{
		{"not due yet", billing.WhyNotDue, standing(next("2026-02-28"))},
		{"due", billing.WhyDue, standing()},
		{"due on the very day", billing.WhyDue, standing(next("2026-02-02"))},
		{"due, amount 0", billing.WhyDue, standing(func(s *billing.Standing) { s.Subscription.Money.Amount = 0 })},
		{"due, job paused", billing.WhyHeldBack, standing(func(s *billing.Standing) { s.JobPaused = "kim, since 09:00: audit" })},
		{"due, gateway paused", billing.WhyHeldBack, standing(func(s *billing.Standing) { s.GatewayPaused = "kim: maintenance" })},
		{"paused by the shop", billing.WhyPaused, standing(status(billing.Paused))},
		{"cancelled by the shop", billing.WhyCancelled, standing(status(billing.Cancelled))},
		{"cancelled by us", billing.WhyCancelled, standing(status(billing.Cancelled), func(s *billing.Standing) { s.CancelReason = "unpaid after the last retry: no funds" })},
		{"unknown gateway", billing.WhyElsewhere, standing(func(s *billing.Standing) { s.Subscription.Gateway = "maim" })},
		{"several things wrong", billing.WhyReview, standing(func(s *billing.Standing) { s.Subscription.Gateway, s.Subscription.Money.Amount = "maim", -1 })},
		{"unknown status", billing.WhyUnknownStatus, standing(status("frozen"))},
		{"trial", billing.WhyTrialing, standing(status(billing.Trialing), next("2026-02-28"))},
		{"trial that ends today", billing.WhyTrialing, standing(status(billing.Trialing), next("2026-02-02"))},
		{"trial that has ended", billing.WhyTrialing, standing(status(billing.Trialing))},
		{"trial without an end", billing.WhyTrialing, standing(status(billing.Trialing), func(s *billing.Standing) { s.Subscription.Next = 0 })},
		{"period invoiced already", billing.WhyDue, standing(func(s *billing.Standing) { s.Invoiced = func(d payment.Date) bool { return d == day("2026-01-31") } })},
		{"issued today", billing.WhyIssuedToday, standing(invoiced(billing.Paid), next("2026-01-31"), func(s *billing.Standing) { s.Invoice.Issued = day("2026-02-02") })},
		{"paid, not due again", billing.WhyNotDue, standing(invoiced(billing.Paid))},
		{"invoice issued, not charged", billing.WhyDue, standing(invoiced(billing.Open))},
		{"invoice for later", billing.WhyNotDue, standing(invoiced(billing.Open), func(s *billing.Standing) { s.Invoice.StageDate = day("2026-02-03") })},
		{"invoice held by a paused gateway", billing.WhyHeldBack, standing(invoiced(billing.Open), func(s *billing.Standing) { s.GatewayPaused = "kim: maintenance" })},
		{"subscription cancelled, invoice open", billing.WhyCancelled, standing(invoiced(billing.Open), status(billing.Cancelled))},
		{"subscription paused, invoice open", billing.WhyDue, standing(invoiced(billing.Open), status(billing.Paused))},
		{"subscription's row gone", billing.WhyReview, standing(invoiced(billing.Open), func(s *billing.Standing) { s.Gone = true })},
		{"waits for a stage", billing.WhyStage, standing(invoiced(billing.Open, soft), atStage(2, "2026-02-03", "insufficient funds"))},
		{"waits for a stage, next period begun", billing.WhyStage, standing(invoiced(billing.Open, soft), atStage(2, "2026-02-03", "insufficient funds"), next("2026-02-01"))},
		{"stage due", billing.WhyDue, standing(invoiced(billing.Open, soft), atStage(1, "2026-02-01", "insufficient funds"))},
		{"declined for good, stage to come", billing.WhyBarred, standing(invoiced(billing.Open, hard), atStage(2, "2026-02-03", "stolen card"))},
		{"declined for good, stage passes", billing.WhyBarred, standing(invoiced(billing.Open, hard), atStage(1, "2026-02-01", "stolen card"))},
		{"declined for good, last stage", billing.WhyBarred, standing(invoiced(billing.Open, hard), atStage(3, "2026-02-02", "stolen card"))},
		{"declined for good, method changed", billing.WhyDue, standing(invoiced(billing.Open, hard), atStage(1, "2026-02-01", "stolen card"), func(s *billing.Standing) { s.Subscription.Method = "pm_secret_2" })},
		{"declined for good, method changed, stage to come", billing.WhyStage, standing(invoiced(billing.Open, hard), atStage(2, "2026-02-03", "stolen card"), func(s *billing.Standing) { s.Subscription.Method = "pm_secret_2" })},
		{"gateway gone from the configuration", billing.WhyElsewhere, standing(invoiced(billing.Open), func(s *billing.Standing) { s.Subscription.Gateway = "maim" })},
		{"released", billing.WhyAgain, standing(invoiced(billing.Open, past(billing.AttemptReleased, "")), func(s *billing.Standing) { s.Invoice.Message = "429 too many requests" })},
		{"try later", billing.WhyAgain, standing(invoiced(billing.Open, past(billing.AttemptDeclined, "")), func(s *billing.Standing) { s.Invoice.Message, s.Invoice.TryLaterSince = "outside hours", noon })},
		{"in flight, run alive", billing.WhyInFlight, standing(invoiced(billing.Charging, past(billing.AttemptInFlight, "")), func(s *billing.Standing) { s.Invoice.Run, s.Invoice.RunLives = 17, true })},
		{"in flight, run dead", billing.WhyInFlight, standing(invoiced(billing.Charging, past(billing.AttemptInFlight, "")), func(s *billing.Standing) { s.Invoice.Run = 17 })},
		{"in doubt, asked in vain", billing.WhyInDoubt, standing(invoiced(billing.Charging, past(billing.AttemptInDoubt, "")), inDoubt, func(s *billing.Standing) {
			s.Invoice.Patience = payment.Patience{}.Answered(true, noon).Unanswered(noon)
		})},
		{"in doubt", billing.WhyInDoubt, standing(invoiced(billing.Charging, past(billing.AttemptInDoubt, "")), inDoubt)},
		{"in review", billing.WhyReview, standing(invoiced(billing.Review, past(billing.AttemptReview, "")), func(s *billing.Standing) { s.Invoice.ReviewReason = "amount is not ours" })},
		{"in review, subscription's row gone", billing.WhyReview, standing(invoiced(billing.Review), func(s *billing.Standing) { s.Gone, s.Invoice.ReviewReason = true, "the subscription's row is gone" })},
		{"status of somebody else", billing.WhyReview, standing(invoiced("lost"))},
	} {
		e := billing.Explain(c.standing)
		require.Equal(t, c.want, e.Why, c.name)
		require.NotEmpty(t, e.Text, c.name)
		require.NotEmpty(t, e.Next, c.name)
		require.NotContains(t, fmt.Sprint(e), secret, c.name)
		fmt.Fprintf(&text, "%s\n  %s: %s\n  %s\n", c.name, e.Why, e.Text, e.Next)
	}
	golden(t, "explain.golden", text.String())
}

func TestExplainInvoiceThatIsSettled(t *testing.T) {
	for status, want := range map[billing.InvoiceStatus]billing.Why{
		billing.Paid: billing.WhyPaid, billing.Uncollectible: billing.WhyUncollectible, billing.Void: billing.WhyVoid,
	} {
		s := standing(invoiced(status), func(s *billing.Standing) { s.Invoice.PaidAt, s.Invoice.Message = noon, "no funds" })
		e := billing.ExplainInvoice(s)
		require.Equal(t, want, e.Why)
	}
	for _, c := range []struct {
		status   billing.InvoiceStatus
		refunded bool
		as       payment.Resolution
		sub      billing.SubscriptionStatus
		text     string
		next     string
	}{
		{billing.Void, false, "", billing.Cancelled, "the subscription was cancelled when it was to be charged", "nothing"},
		{billing.Void, false, payment.AsIgnored, billing.Active, "ann closed it as ignored: by hand; the gateway was not asked, and may have kept its money as pay_9", "nothing more is charged for this period; the subscription is active"},
		{billing.Void, true, payment.AsRefunded, billing.Active, "its money was refunded: no funds", "nothing more is charged for this period; the subscription is active"},
		{billing.Void, true, "", billing.Cancelled, "its money was refunded: no funds", "nothing more is charged for this period; the subscription has ended"},
		{billing.Paid, false, payment.AsPaid, billing.Active, "it was paid at 2026-01-31 03:00:00 UTC, by payment pay_9, which ann named: by hand", "nothing"},
		{billing.Uncollectible, false, "", billing.Paused, "it stayed unpaid after the last retry: no funds", "nothing: the subscription is paused"},
		{billing.Uncollectible, false, "", billing.Cancelled, "it stayed unpaid after the last retry: no funds", "nothing: the subscription has ended"},
	} {
		e := billing.ExplainInvoice(standing(invoiced(c.status), func(s *billing.Standing) {
			s.Invoice.PaidAt, s.Invoice.Message, s.Invoice.Refunded, s.Subscription.Status = noon, "no funds", c.refunded, c.sub
			if c.as != "" {
				s.Invoice.Resolved = &billing.Resolved{As: c.as, Who: "ann", Reason: "by hand", PaymentID: "pay_9"}
			}
		}))
		require.Equal(t, c.text, e.Text)
		require.Equal(t, c.next, e.Next)
	}
	free := standing(invoiced(billing.Paid), func(s *billing.Standing) { s.Invoice.Money.Amount = 0 })
	require.Contains(t, billing.ExplainInvoice(free).Text, "nothing was to be charged")
}
