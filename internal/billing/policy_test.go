package billing_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"duly/internal/billing"
	"duly/internal/billing/dunning"
	"duly/internal/payment"
	"duly/internal/test/sample"
)

// policies are the default one beside three by name.
func policies() billing.Policy {
	p := sample.Policy()
	p.Named = map[string]dunning.Policy{
		"gentle": {RetryDays: []int{2, 5, 9, 14, 20}, AfterLast: dunning.PauseAfterLast, MaxTries: 4},
		"keep":   {RetryDays: []int{1}, AfterLast: dunning.KeepAfterLast, CatchUp: billing.CatchUpSkip},
		"once":   {AfterLast: dunning.PauseAfterLast},
	}
	return p
}

func noneInvoiced(payment.Date) bool { return false }

// following is a after the settlement got.
func following(a billing.Attempt, got billing.Settlement) billing.Attempt {
	a.ID++
	a.No++
	a.Invoice.Stage, a.Invoice.FirstDeclined, a.Invoice.Dunning = got.Stage, got.FirstDeclined, dunning.ParseFrozen(got.Dunning.Text())
	if len(got.RetryDays) > 0 {
		a.Invoice.RetryDays = dunning.ParseDays(dunning.DaysText(got.RetryDays))
	}
	return a
}

// declinedTo declines every charge of an invoice of a policy, and changes what the policy is before each: it returns the days of its charges, and
// the last settlement.
func declinedTo(a billing.Attempt, change func(charge int) billing.Policy) (days []string, last billing.Settlement) {
	next, sub := a.Invoice.Due, billing.Active
	for today := next; today < a.Invoice.Due+90; today++ {
		if next > today {
			continue
		}
		days = append(days, today.String()[5:])
		last = billing.Settle(a, sample.Answered(payment.Refused, payment.Soft), sub, change(len(days)), today, today.Time())
		if last.SubscriptionTo != "" {
			sub = last.SubscriptionTo
		}
		if last.Invoice != billing.Open {
			return days, last
		}
		a, next = following(a, last), last.Next
	}
	return days, last
}

// Each policy has its own days and its own end, and what an invoice began with it keeps: whatever becomes of the configuration or of the subscription's
// policy meanwhile.
func TestAnInvoiceKeepsThePolicyOfItsFirstDecline(t *testing.T) {
	gentle := []string{"01-31", "02-02", "02-05", "02-09", "02-14", "02-20"}
	usual := []string{"01-31", "02-01", "02-03", "02-05"}
	other := billing.Policy{RetryDays: []int{30}, AfterLast: dunning.KeepAfterLast, Named: map[string]dunning.Policy{"gentle": {RetryDays: []int{7}}}}
	for _, c := range []struct {
		name   string
		policy func(charge int) billing.Policy
		days   []string
		to     billing.SubscriptionStatus
		event  string
		text   string
	}{
		{"the default", func(int) billing.Policy { return policies() }, usual, billing.Cancelled, "subscription.cancelled", ""},
		{"the default by its name", func(int) billing.Policy { return policies().Of("default") }, usual, billing.Cancelled, "subscription.cancelled", ""},
		{"another", func(int) billing.Policy { return policies().Of("gentle") }, gentle, billing.Paused, "subscription.paused", "gentle paused"},
		{"kept", func(int) billing.Policy { return policies().Of("keep") }, []string{"01-31", "02-01"}, "", "", "keep keep"},
		{"no retries", func(int) billing.Policy { return policies().Of("once") }, []string{"01-31"}, billing.Paused, "subscription.paused", "once paused"},
		{"the configuration is changed", func(charge int) billing.Policy {
			if charge > 1 {
				return other.Of("gentle")
			}
			return policies().Of("gentle")
		}, gentle, billing.Paused, "subscription.paused", "gentle paused"},
		{"the subscription's policy is changed", func(charge int) billing.Policy {
			if charge > 2 {
				return policies().Of("keep")
			}
			return policies().Of("gentle")
		}, gentle, billing.Paused, "subscription.paused", "gentle paused"},
		{"the policy is removed", func(charge int) billing.Policy {
			if charge > 1 {
				return sample.Policy().Of("gentle")
			}
			return policies().Of("gentle")
		}, gentle, billing.Paused, "subscription.paused", "gentle paused"},
		{"one of the default gets a policy", func(charge int) billing.Policy {
			if charge > 1 {
				return policies().Of("gentle")
			}
			return policies()
		}, usual, billing.Cancelled, "subscription.cancelled", ""},
		{"one of the default gets a policy that is not configured", func(charge int) billing.Policy {
			if charge > 1 {
				return policies().Of("nobody")
			}
			return policies()
		}, usual, billing.Cancelled, "subscription.cancelled", ""},
		{"the default's end", func(charge int) billing.Policy {
			p := policies()
			p.AfterLast = dunning.PauseAfterLast
			if charge > 1 {
				p.AfterLast = dunning.KeepAfterLast
			}
			return p
		}, usual, billing.Paused, "subscription.paused", "default paused"},
	} {
		t.Run(c.name, func(t *testing.T) {
			days, last := declinedTo(sample.Attempt(), c.policy)
			require.Equal(t, c.days, days)
			require.Equal(t, billing.Uncollectible, last.Invoice)
			require.Equal(t, c.to, last.SubscriptionTo)
			require.Equal(t, c.text, last.Dunning.Text())
			want := []string{"payment.failed"}
			if c.event != "" {
				want = append(want, c.event)
			}
			require.Equal(t, want, sample.EventTypes(last.Events))
		})
	}
}

// A stage that passes without a charge ends in the same way.
func TestAStageThatPassesEndsByThePolicy(t *testing.T) {
	barred := []billing.PastAttempt{{ID: 5, No: 1, Key: "sub_42_20260131-1", Status: billing.AttemptDeclined, Class: payment.Hard, Gateway: "main", Method: "pm_secret_1", Account: 1, Proof: billing.ProofAnswer}}
	for _, c := range []struct {
		kept  dunning.Frozen
		to    billing.SubscriptionStatus
		text  string
		event []string
	}{
		{dunning.Frozen{}, billing.Cancelled, "", []string{"payment.failed", "subscription.cancelled"}},
		{dunning.Frozen{Policy: "gentle", AfterLast: dunning.PauseAfterLast}, billing.Paused, "gentle paused", []string{"payment.failed", "subscription.paused"}},
		{dunning.Frozen{Policy: "gone", AfterLast: dunning.KeepAfterLast}, "", "gone keep", []string{"payment.failed"}},
	} {
		inv, s := sample.Invoice(), sample.Subscription()
		inv.Stage, inv.FirstDeclined, inv.RetryDays, inv.Dunning = 1, inv.Due, []int{3}, c.kept
		s.Status, s.DunningPolicy = billing.PastDue, "keep"
		claim := billing.DecideClaim(inv, s, barred, policies(), inv.Due+3, sample.Known)
		require.Equal(t, billing.EndInvoice, claim.Action)
		require.Equal(t, c.to, claim.SubscriptionTo)
		require.Equal(t, c.text, claim.Dunning.Text())
		require.Equal(t, c.event, sample.EventTypes(claim.Events))

		s.Status = billing.Paused // by the customer
		claim = billing.DecideClaim(inv, s, barred, policies(), inv.Due+3, sample.Known)
		require.Empty(t, claim.SubscriptionTo)
		require.False(t, claim.Dunning.Paused, "the customer did")
	}
}

// A policy that is not configured keeps the first charge from being made. It is no reason once the invoice is being dunned.
func TestAnUnknownPolicyIsReviewedBeforeAnyCharge(t *testing.T) {
	const why = `dunning_policy "nobody" is not configured: set it to NULL or to a name below billing.policies`
	s := sample.Subscription()
	s.DunningPolicy = "nobody"
	run := billing.IssuePolicy{Business: s.Next, Effective: s.Next, KnownGateway: sample.Known, Named: policies().Named}
	issue := billing.DecideIssue(s, billing.Newest{}, noneInvoiced, run)
	require.Equal(t, why, issue.Review)
	require.Zero(t, issue.Due)
	require.Equal(t, []string{"review.needed"}, sample.EventTypes(issue.Events))
	s.ReviewReason = why
	require.Empty(t, billing.DecideIssue(s, billing.Newest{}, noneInvoiced, run).Events, "it is told once")
	s.DunningPolicy = "gentle"
	issue = billing.DecideIssue(s, billing.Newest{}, noneInvoiced, run)
	require.True(t, issue.ClearReview)
	require.Equal(t, s.Next, issue.Due)

	s.DunningPolicy = "nobody"
	claim := billing.DecideClaim(sample.Invoice(), s, nil, policies(), s.Next, sample.Known)
	require.Equal(t, billing.ReviewInvoice, claim.Action, "an invoice that was issued before")
	require.Equal(t, why, claim.Reason)
	dunned := sample.Invoice()
	dunned.Stage, dunned.FirstDeclined, dunned.RetryDays = 1, dunned.Due, []int{1, 3, 5}
	past := []billing.PastAttempt{{ID: 5, No: 1, Key: "sub_42_20260131-1", Status: billing.AttemptDeclined, Class: payment.Soft, Gateway: "main", Method: "pm_secret_1", Account: 1, Proof: billing.ProofAnswer}}
	require.Equal(t, billing.Charge, billing.DecideClaim(dunned, s, past, policies(), s.Next+1, sample.Known).Action)

	for _, name := range []string{"Gentle", "gentle ", "GENTLE"} {
		s.DunningPolicy = name
		require.NotEmpty(t, billing.DecideIssue(s, billing.Newest{}, noneInvoiced, run).Review, "%q: a name is compared letter by letter", name)
	}
}

// A first charge that is declined after its policy has gone waits for an operator: no stage is used, and it can be made due again.
func TestADeclineUnderAPolicyThatHasGone(t *testing.T) {
	got := billing.Settle(sample.Attempt(), sample.Answered(payment.Refused, payment.Action), billing.Active, policies().Of("nobody"), sample.Day("2026-01-31"), sample.Noon)
	require.Equal(t, billing.AttemptDeclined, got.Attempt)
	require.Equal(t, billing.ProofAnswer, got.Proof)
	require.Equal(t, billing.Review, got.Invoice)
	require.Zero(t, got.Stage)
	require.True(t, got.FirstDeclined.IsZero())
	require.Empty(t, got.SubscriptionTo)
	require.Equal(t, `declined, and dunning_policy "nobody" is not configured: set it to NULL or to a name below billing.policies, then: duly requeue invoice 9`, got.ReviewReason)
	require.Equal(t, []string{"payment.failed", "payment.action_required", "review.needed"}, sample.EventTypes(got.Events))
	past := []billing.PastAttempt{{ID: 5, No: 1, Key: "sub_42_20260131-1", Status: got.Attempt, Class: got.Decline.Class, Gateway: "main", Method: "pm_secret_1", Account: 1, Proof: got.Proof}}
	require.NoError(t, billing.Requeue(9, got.Invoice, past))
}

// What an end has made of a subscription is taken back with the decline; what the shop has made of it is not.
func TestReopeningTakesBackWhatThePolicyDid(t *testing.T) {
	hard := []payment.Class{payment.Hard}
	byPolicy := func(kept dunning.Frozen, status billing.SubscriptionStatus) billing.Declined {
		d := declined(inStage(1), is(billing.Uncollectible))
		d.Invoice.Dunning, d.Subscription.Status = kept, status
		return d
	}
	paused := byPolicy(dunning.Frozen{Policy: "gentle", AfterLast: dunning.PauseAfterLast, Paused: true, Mark: "20260205000000000001"}, billing.Paused)
	r, err := billing.DecideReopen(paused, hard, sample.Day("2026-03-15"))
	require.NoError(t, err)
	require.Empty(t, r.SubscriptionTo, "its row was written since: it may be the shop that paused it")
	require.Contains(t, r.Detail, "UPDATE subscriptions SET status = 'active', next_billing_date = '2026-03-31' WHERE id = 42 AND status = 'paused'")
	paused.Since.Written = paused.Invoice.Dunning.Mark
	r, err = billing.DecideReopen(paused, hard, sample.Day("2026-03-15"))
	require.NoError(t, err)
	require.Equal(t, billing.PastDue, r.SubscriptionTo)
	require.Equal(t, billing.Paused, r.SubscriptionFrom)
	require.Equal(t, "2026-03-31", r.Next.String(), "periods that began while it was paused are not charged")

	r, err = billing.DecideReopen(byPolicy(dunning.Frozen{Policy: "keep", AfterLast: dunning.KeepAfterLast}, billing.PastDue), hard, sample.Day("2026-02-05"))
	require.NoError(t, err)
	require.Empty(t, r.SubscriptionTo)
	require.Zero(t, r.Next)

	_, err = billing.DecideReopen(byPolicy(dunning.Frozen{Policy: "gentle", AfterLast: dunning.PauseAfterLast}, billing.Paused), hard, sample.Day("2026-02-05"))
	require.EqualError(t, err, "subscription 42 is paused, and duly made it cancelled: somebody changed it since", "the shop had paused it before the end")
	_, err = billing.DecideReopen(byPolicy(dunning.Frozen{Policy: "gentle", AfterLast: dunning.PauseAfterLast, Paused: true}, billing.Active), hard, sample.Day("2026-02-05"))
	require.EqualError(t, err, "subscription 42 is active, and duly made it paused: somebody changed it since")
	_, err = billing.DecideReopen(byPolicy(dunning.Frozen{}, billing.Paused), hard, sample.Day("2026-02-05"))
	require.Error(t, err)
}

// Whatever the policies are, each stage of each has a step.
func TestEveryStageHasAStep(t *testing.T) {
	require.Equal(t, 5, policies().MostStages())
	require.Equal(t, 5, policies().Of("keep").MostStages(), "also of a run that looks at one policy")
	require.Equal(t, 3, sample.Policy().MostStages())
	rapid.Check(t, func(t *rapid.T) {
		p := sample.Policy()
		p.Named = map[string]dunning.Policy{}
		for i := range rapid.IntRange(0, 4).Draw(t, "policies") {
			p.Named[string(rune('a'+i))] = dunning.Policy{RetryDays: make([]int, rapid.IntRange(0, 9).Draw(t, "stages"))}
		}
		for name := range p.Named {
			require.GreaterOrEqual(t, p.MostStages(), len(p.Of(name).RetryDays))
		}
		require.GreaterOrEqual(t, p.MostStages(), len(p.RetryDays))
	})
}

// A policy's way to catch up decides for its subscriptions alone.
func TestCatchUpByPolicy(t *testing.T) {
	s := sample.Subscription()
	run := billing.IssuePolicy{Business: sample.Day("2026-04-10"), Effective: sample.Day("2026-04-10"), CatchUp: billing.CatchUpOne, KnownGateway: sample.Known, Named: policies().Named}
	require.Equal(t, "2026-01-31", billing.DecideIssue(s, billing.Newest{}, noneInvoiced, run).Due.String())
	s.DunningPolicy = "keep"
	require.Equal(t, "2026-03-31", billing.DecideIssue(s, billing.Newest{}, noneInvoiced, run).Due.String())
	s.DunningPolicy = "nobody"
	require.Zero(t, billing.DecideIssue(s, billing.Newest{}, noneInvoiced, run).Due)
}
