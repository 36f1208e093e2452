package explain_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/billing"
	"duly/internal/billing/explain"
	"duly/internal/billing/guard"
	"duly/internal/billing/network"
	"duly/internal/payment"
	"duly/internal/test/golden"
	"duly/internal/test/sample"
)

// standing is what is known of subscription on 2 February 2026, a day after it fell due.
func standing(change ...func(*explain.Standing)) explain.Standing {
	s := explain.Standing{
		Subscription: sample.Subscription(),
		Invoiced:     func(payment.Date) bool { return false },
		Policy:       billing.Policy{RetryDays: []int{1, 3, 5}},
		Issue: billing.IssuePolicy{
			Business: sample.Day("2026-02-02"), Effective: sample.Day("2026-02-02"),
			KnownGateway: func(name string) bool { return name == "main" },
		},
	}
	for _, c := range change {
		c(&s)
	}
	return s
}

// invoiced gives the standing an invoice of 31 January with these attempts, and moves the next date on.
func invoiced(status billing.InvoiceStatus, past ...billing.PastAttempt) func(*explain.Standing) {
	return func(s *explain.Standing) {
		s.Subscription.Next = sample.Day("2026-02-28")
		s.Invoice = &explain.InvoiceStanding{
			Invoice: sample.Invoice(), Status: status, Issued: sample.Day("2026-01-31"), StageDate: sample.Day("2026-01-31"), Past: past,
		}
	}
}

func past(status billing.AttemptStatus, class payment.Class) billing.PastAttempt {
	return billing.PastAttempt{ID: 5, No: 1, Key: "sub_42_20260131-1", Status: status, Class: class, Gateway: "main", Method: "pm_secret_1", Proof: billing.ProofAnswer}
}

func TestExplain(t *testing.T) {
	const secret = "pm_secret_1"
	soft, hard := past(billing.AttemptDeclined, payment.Soft), past(billing.AttemptDeclined, payment.Hard)
	atStage := func(stage int, date, message string) func(*explain.Standing) {
		return func(s *explain.Standing) {
			s.Subscription.Status = billing.PastDue
			s.Invoice.Stage, s.Invoice.StageDate, s.Invoice.Message = stage, sample.Day(date), message
			s.Invoice.FirstDeclined = sample.Day("2026-01-31")
		}
	}
	status := func(to billing.SubscriptionStatus) func(*explain.Standing) {
		return func(s *explain.Standing) { s.Subscription.Status = to }
	}
	next := func(date string) func(*explain.Standing) {
		return func(s *explain.Standing) { s.Subscription.Next = sample.Day(date) }
	}
	daily := func(s *explain.Standing) { s.Subscription.Interval = billing.Interval{Unit: "day", Count: 1} }
	const words = "amount 12,900 KRW is more than 10 times the last paid 100 KRW (billing.max_factor)"
	guarded := func(s *explain.Standing) { s.Amount = guard.Verdict{Beyond: guard.BeyondFactor, Words: words} }
	reviewed := func(s *explain.Standing) { s.Invoice.AmountCheck, s.Invoice.ReviewReason = guard.BeyondFactor, words }
	blocked := func(s *explain.Standing) {
		s.Stuck = "planned change 7 (method from 2026-02-01): value is empty"
		s.Subscription.MethodProblem = s.Stuck
	}
	inDoubt := func(s *explain.Standing) {
		s.Invoice.Message, s.Invoice.NextCheck = "timeout", time.Date(2026, 2, 2, 3, 12, 5, 0, time.UTC)
	}

	var text strings.Builder
	for _, c := range []struct {
		name     string
		want     explain.Why
		standing explain.Standing
	}{
		{"not due yet", explain.WhyNotDue, standing(next("2026-02-28"))},
		{"due", explain.WhyDue, standing()},
		{"due on the very day", explain.WhyDue, standing(next("2026-02-02"))},
		{"due, amount 0", explain.WhyDue, standing(func(s *explain.Standing) { s.Subscription.Money.Amount = 0 })},
		{"due, too large", explain.WhyAmount, standing(guarded)},
		{"open, too large", explain.WhyAmount, standing(invoiced(billing.Open), guarded)},
		{"in review for its amount", explain.WhyReview, standing(invoiced(billing.Review), reviewed)},
		{"due, job paused", explain.WhyHeldBack, standing(func(s *explain.Standing) { s.JobPaused = "kim, since 09:00: audit" })},
		{"due, gateway paused", explain.WhyHeldBack, standing(func(s *explain.Standing) { s.GatewayPaused = "kim: maintenance" })},
		{"paused by the shop", explain.WhyPaused, standing(status(billing.Paused))},
		{"cancelled by the shop", explain.WhyCancelled, standing(status(billing.Cancelled))},
		{"cancelled by us", explain.WhyCancelled, standing(status(billing.Cancelled), func(s *explain.Standing) { s.CancelReason = "unpaid after the last retry: no funds" })},
		{"unknown gateway", explain.WhyElsewhere, standing(func(s *explain.Standing) { s.Subscription.Gateway = "maim" })},
		{"several things wrong", explain.WhyReview, standing(func(s *explain.Standing) { s.Subscription.Gateway, s.Subscription.Money.Amount = "maim", -1 })},
		{"unknown status", explain.WhyUnknownStatus, standing(status("frozen"))},
		{"trial", explain.WhyTrialing, standing(status(billing.Trialing), next("2026-02-28"))},
		{"trial that ends today", explain.WhyTrialing, standing(status(billing.Trialing), next("2026-02-02"))},
		{"trial that has ended", explain.WhyTrialing, standing(status(billing.Trialing))},
		{"trial without an end", explain.WhyTrialing, standing(status(billing.Trialing), func(s *explain.Standing) { s.Subscription.Next = 0 })},
		{"period invoiced already", explain.WhyDue, standing(func(s *explain.Standing) {
			s.Invoiced = func(d payment.Date) bool { return d == sample.Day("2026-01-31") }
		})},
		{"issued today", explain.WhyIssuedToday, standing(invoiced(billing.Paid), next("2026-01-31"), func(s *explain.Standing) { s.Invoice.Issued = sample.Day("2026-02-02") })},
		{"issued today, for an earlier day, days are skipped", explain.WhyDue, standing(invoiced(billing.Paid), next("2026-02-02"), daily, func(s *explain.Standing) { s.Invoice.Issued = sample.Day("2026-02-02") })},
		{"issued today, moved back, days are skipped", explain.WhyIssuedToday, standing(invoiced(billing.Paid), next("2026-01-20"), daily, func(s *explain.Standing) { s.Invoice.Issued = sample.Day("2026-02-02") })},
		{"paid, not due again", explain.WhyNotDue, standing(invoiced(billing.Paid))},
		{"invoice issued, not charged", explain.WhyDue, standing(invoiced(billing.Open))},
		{"invoice for later", explain.WhyNotDue, standing(invoiced(billing.Open), func(s *explain.Standing) { s.Invoice.StageDate = sample.Day("2026-02-03") })},
		{"invoice held by a paused gateway", explain.WhyHeldBack, standing(invoiced(billing.Open), func(s *explain.Standing) { s.GatewayPaused = "kim: maintenance" })},
		{"subscription cancelled, invoice open", explain.WhyCancelled, standing(invoiced(billing.Open), status(billing.Cancelled))},
		{"subscription paused, invoice open", explain.WhyDue, standing(invoiced(billing.Open), status(billing.Paused))},
		{"subscription's row gone", explain.WhyReview, standing(invoiced(billing.Open), func(s *explain.Standing) { s.Gone = true })},
		{"waits for a stage", explain.WhyStage, standing(invoiced(billing.Open, soft), atStage(2, "2026-02-03", "insufficient funds"))},
		{"waits for a stage, next period begun", explain.WhyStage, standing(invoiced(billing.Open, soft), atStage(2, "2026-02-03", "insufficient funds"), next("2026-02-01"))},
		{"waits for a stage, next day begun, days are skipped", explain.WhyStage, standing(invoiced(billing.Open, soft), atStage(2, "2026-02-03", "insufficient funds"), next("2026-02-01"), daily)},
		{"waits for a stage, row gone", explain.WhyReview, standing(invoiced(billing.Open, soft), atStage(2, "2026-02-03", "insufficient funds"), func(s *explain.Standing) { s.Gone = true })},
		{"waits for a stage, cancelled", explain.WhyCancelled, standing(invoiced(billing.Open, soft), atStage(2, "2026-02-03", "insufficient funds"), status(billing.Cancelled))},
		{"waits for a stage, gateway gone", explain.WhyElsewhere, standing(invoiced(billing.Open, soft), atStage(2, "2026-02-03", "insufficient funds"), func(s *explain.Standing) { s.Subscription.Gateway = "maim" })},
		{"waits for a stage, no method", explain.WhyReview, standing(invoiced(billing.Open, soft), atStage(2, "2026-02-03", "insufficient funds"), func(s *explain.Standing) { s.Subscription.Method = "" })},
		{"waits for a stage, too large", explain.WhyAmount, standing(invoiced(billing.Open, soft), atStage(2, "2026-02-03", "insufficient funds"), guarded)},
		{"waits for a stage, new method, too large", explain.WhyAmount, standing(invoiced(billing.Open, soft), atStage(2, "2026-02-03", "insufficient funds"), guarded, func(s *explain.Standing) { s.Policy.RetryOnNewMethod, s.Subscription.Method = true, "pm_secret_2" })},
		{"waits for a stage, new method", explain.WhyNewMethod, standing(invoiced(billing.Open, soft), atStage(2, "2026-02-03", "insufficient funds"), func(s *explain.Standing) { s.Policy.RetryOnNewMethod, s.Subscription.Method = true, "pm_secret_2" })},
		{"put off by a network", explain.WhyNetwork, standing(invoiced(billing.Open, soft), atStage(2, "2026-02-03", "insufficient funds"), func(s *explain.Standing) { s.Invoice.HoldRule = "mastercard_advice_25" })},
		{"put off by its policy", explain.WhyNetwork, standing(invoiced(billing.Open, soft), atStage(2, "2026-02-03", "insufficient funds"), func(s *explain.Standing) { s.Invoice.HoldRule = network.PolicyRule })},
		{"not due yet, too large", explain.WhyAmount, standing(next("2026-02-28"), guarded)},
		{"stage due", explain.WhyDue, standing(invoiced(billing.Open, soft), atStage(1, "2026-02-01", "insufficient funds"))},
		{"declined for good, stage to come", explain.WhyBarred, standing(invoiced(billing.Open, hard), atStage(2, "2026-02-03", "stolen card"))},
		{"declined for good, stage passes", explain.WhyBarred, standing(invoiced(billing.Open, hard), atStage(1, "2026-02-01", "stolen card"))},
		{"declined for good, last stage", explain.WhyBarred, standing(invoiced(billing.Open, hard), atStage(3, "2026-02-02", "stolen card"))},
		{"declined for good, method changed", explain.WhyDue, standing(invoiced(billing.Open, hard), atStage(1, "2026-02-01", "stolen card"), func(s *explain.Standing) { s.Subscription.Method = "pm_secret_2" })},
		{"declined for good, method changed, stage to come", explain.WhyStage, standing(invoiced(billing.Open, hard), atStage(2, "2026-02-03", "stolen card"), func(s *explain.Standing) { s.Subscription.Method = "pm_secret_2" })},
		{"stage due, the new method cannot be applied", explain.WhyReview, standing(invoiced(billing.Open, soft), atStage(1, "2026-02-01", "insufficient funds"), blocked)},
		{"stage to come, the new method cannot be applied", explain.WhyStage, standing(invoiced(billing.Open, soft), atStage(2, "2026-02-03", "insufficient funds"), blocked)},
		{"gateway gone from the configuration", explain.WhyElsewhere, standing(invoiced(billing.Open), func(s *explain.Standing) { s.Subscription.Gateway = "maim" })},
		{"released", explain.WhyAgain, standing(invoiced(billing.Open, past(billing.AttemptReleased, "")), func(s *explain.Standing) { s.Invoice.Message = "429 too many requests" })},
		{"try later", explain.WhyAgain, standing(invoiced(billing.Open, past(billing.AttemptDeclined, "")), func(s *explain.Standing) { s.Invoice.Message, s.Invoice.TryLaterSince = "outside hours", sample.Noon })},
		{"in flight, run alive", explain.WhyInFlight, standing(invoiced(billing.Charging, past(billing.AttemptInFlight, "")), func(s *explain.Standing) { s.Invoice.Run, s.Invoice.RunLives = 17, true })},
		{"in flight, run dead", explain.WhyInFlight, standing(invoiced(billing.Charging, past(billing.AttemptInFlight, "")), func(s *explain.Standing) { s.Invoice.Run = 17 })},
		{"in doubt, asked in vain", explain.WhyInDoubt, standing(invoiced(billing.Charging, past(billing.AttemptInDoubt, "")), inDoubt, func(s *explain.Standing) {
			s.Invoice.Patience = payment.Patience{}.Answered(true, sample.Noon).Unanswered(sample.Noon)
		})},
		{"in doubt", explain.WhyInDoubt, standing(invoiced(billing.Charging, past(billing.AttemptInDoubt, "")), inDoubt)},
		{"in review", explain.WhyReview, standing(invoiced(billing.Review, past(billing.AttemptReview, "")), func(s *explain.Standing) { s.Invoice.ReviewReason = "amount is not ours" })},
		{"in review, subscription's row gone", explain.WhyReview, standing(invoiced(billing.Review), func(s *explain.Standing) { s.Gone, s.Invoice.ReviewReason = true, "the subscription's row is gone" })},
		{"status of somebody else", explain.WhyReview, standing(invoiced("lost"))},
	} {
		e := explain.Subscription(c.standing)
		require.Equal(t, c.want, e.Why, c.name)
		require.NotEmpty(t, e.Text, c.name)
		require.NotEmpty(t, e.Next, c.name)
		require.NotContains(t, fmt.Sprint(e), secret, c.name)
		fmt.Fprintf(&text, "%s\n  %s: %s\n  %s\n", c.name, e.Why, e.Text, e.Next)
	}
	golden.Equal(t, "explain.golden", text.String())
}

func TestExplainInvoiceThatIsSettled(t *testing.T) {
	for status, want := range map[billing.InvoiceStatus]explain.Why{
		billing.Paid: explain.WhyPaid, billing.Uncollectible: explain.WhyUncollectible, billing.Void: explain.WhyVoid,
	} {
		s := standing(invoiced(status), func(s *explain.Standing) { s.Invoice.PaidAt, s.Invoice.Message = sample.Noon, "no funds" })
		e := explain.Invoice(s)
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
		{billing.Uncollectible, false, "", billing.Paused, "it stayed unpaid after the last retry: no funds", "nothing more is charged for this period; the subscription is paused"},
		{billing.Uncollectible, false, "", billing.Cancelled, "it stayed unpaid after the last retry: no funds", "nothing more is charged for this period; the subscription has ended"},
	} {
		e := explain.Invoice(standing(invoiced(c.status), func(s *explain.Standing) {
			s.Invoice.PaidAt, s.Invoice.Message, s.Invoice.Refunded, s.Subscription.Status = sample.Noon, "no funds", c.refunded, c.sub
			if c.as != "" {
				s.Invoice.Resolved = &explain.Resolved{As: c.as, Who: "ann", Reason: "by hand", PaymentID: "pay_9"}
			}
		}))
		require.Equal(t, c.text, e.Text)
		require.Equal(t, c.next, e.Next)
	}
	free := standing(invoiced(billing.Paid), func(s *explain.Standing) { s.Invoice.Money.Amount = 0 })
	require.Contains(t, explain.Invoice(free).Text, "nothing was to be charged")
}
