package reopening_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"duly/internal/billing"
	"duly/internal/billing/reopening"
	"duly/internal/payment"
	"duly/internal/test/sample"
)

var today = sample.Day("2026-03-11")

func known(gateway string) bool { return gateway == "main" }

// done is an invoice in a status with one attempt, of a subscription in a status.
func done(status billing.InvoiceStatus, attempt billing.AttemptStatus, proof billing.Proof, sub billing.SubscriptionStatus) reopening.Invoice {
	return reopening.Invoice{
		Invoice: billing.Invoice{ID: 3, SubscriptionID: 42, Due: sample.Day("2026-01-31"), Money: payment.Money{Amount: 9900, Currency: "KRW"}, Stage: 3, FirstDeclined: sample.Day("2026-01-31")},
		Status:  status,
		Past:    []billing.PastAttempt{{ID: 7, No: 1, Key: "sub_42_20260131-1", Status: attempt, Class: payment.Soft, Gateway: "main", Method: "pm_1", Account: 1, Proof: proof}},
		Subscription: &billing.Subscription{
			ID: 42, CustomerID: "cus_1", Status: sub, Gateway: "main", Method: "pm_1", Money: payment.Money{Amount: 9900, Currency: "KRW"},
			Interval: billing.Interval{Unit: "month", Count: 1}, Next: today - 40,
		},
		CancelReason: "unpaid after the last retry: declined: insufficient_funds",
	}
}

func ended(d reopening.Invoice) (billing.Reopening, error) {
	return reopening.DecideEnded(d, billing.Policy{RetryDays: []int{1, 3, 5}}, today, known)
}

func TestEnded(t *testing.T) {
	uncollectible := func(change func(*reopening.Invoice)) reopening.Invoice {
		d := done(billing.Uncollectible, billing.AttemptDeclined, billing.ProofAnswer, billing.Cancelled)
		change(&d)
		return d
	}
	got, err := ended(uncollectible(func(*reopening.Invoice) {}))
	require.NoError(t, err)
	require.Equal(t, billing.Reopening{
		Stage: 3, Due: today, SubscriptionFrom: billing.Cancelled, SubscriptionTo: billing.PastDue, Next: got.Next, Anchor: got.Anchor,
		Detail: got.Detail, Events: got.Events,
	}, got)
	require.Greater(t, got.Next, today, "what began while it was cancelled is not charged")
	require.Len(t, got.Events, 1)
	require.True(t, got.Events[0].Transition)

	byPolicy := uncollectible(func(d *reopening.Invoice) { d.Subscription.Status, d.Dunning.Paused = billing.Paused, true })
	got, err = ended(byPolicy)
	require.NoError(t, err)
	require.Empty(t, got.SubscriptionTo, "nobody knows whose pause it is")
	require.Contains(t, got.Stays, "UPDATE subscriptions SET status = 'active', next_billing_date = ")
	require.Contains(t, got.Detail, got.Stays)
	byPolicy.Dunning.Mark, byPolicy.Since.Written = "20260205000000000001", "20260205000000000001"
	got, err = ended(byPolicy)
	require.NoError(t, err)
	require.Equal(t, billing.Paused, got.SubscriptionFrom)
	require.Equal(t, billing.PastDue, got.SubscriptionTo, "its dunning policy paused it, and not the shop")
	require.Greater(t, got.Next, today)

	for name, c := range map[string]struct {
		is      reopening.Invoice
		refused string
	}{
		"a subscription that goes on":                   {uncollectible(func(d *reopening.Invoice) { d.Subscription.Status = billing.Active }), ""},
		"one that is paused":                            {uncollectible(func(d *reopening.Invoice) { d.Subscription.Status = billing.Paused }), ""},
		"another method than the one declined for good": {uncollectible(func(d *reopening.Invoice) { d.Past[0].Class, d.Subscription.Method = payment.Hard, "pm_2" }), ""},
		"a decline for good that was taken back":        {uncollectible(func(d *reopening.Invoice) { d.Past[0].Class, d.Past[0].Reopened = payment.Hard, true }), ""},
		"declined for good":                             {uncollectible(func(d *reopening.Invoice) { d.Past[0].Class = payment.Hard }), "set another one first"},
		"declined for good, not the last stage":         {uncollectible(func(d *reopening.Invoice) { d.Past[0].Class, d.Stage = payment.Action, 1 }), "set another one first"},
		"cancelled by the shop":                         {uncollectible(func(d *reopening.Invoice) { d.CancelReason = "moved away" }), "cancelled by somebody else"},
		"whose cancellation it is, is not known":        {uncollectible(func(d *reopening.Invoice) { d.Dunning.Mark, d.Since.Written = "1", "2" }), "cancelled_at = NULL, cancel_reason = NULL, next_billing_date = "},
		"a new card since":                              {uncollectible(func(d *reopening.Invoice) { d.Dunning.Mark, d.Since.Written, d.Subscription.Method = "1", "2", "pm_2" }), ""},
		"trialing":                                      {uncollectible(func(d *reopening.Invoice) { d.Subscription.Status = billing.Trialing }), "make it active first"},
		"of no status of ours":                          {uncollectible(func(d *reopening.Invoice) { d.Subscription.Status = "frozen" }), "make it active first"},
		"its row is gone":                               {uncollectible(func(d *reopening.Invoice) { d.Subscription = nil }), "is gone"},
		"an interval that is none":                      {uncollectible(func(d *reopening.Invoice) { d.Subscription.Interval.Unit = "moon" }), "interval_unit \"moon\" is not one of"},
		"closed by an operator":                         {uncollectible(func(d *reopening.Invoice) { d.Closed = true }), "an operator closed invoice 3"},
		"a charge that nothing accounts for":            {uncollectible(func(d *reopening.Invoice) { d.Unknown = "main" }), "duly adopt main"},
		"in flight":                                     {uncollectible(func(d *reopening.Invoice) { d.Past[0].Status = billing.AttemptInFlight }), "may still take money"},
		"in doubt":                                      {uncollectible(func(d *reopening.Invoice) { d.Past[0].Status = billing.AttemptInDoubt }), "may still take money"},
		"in review":                                     {uncollectible(func(d *reopening.Invoice) { d.Past[0].Status = billing.AttemptReview }), "may have taken money"},
		"taken":                                         {uncollectible(func(d *reopening.Invoice) { d.Past[0].Status = billing.AttemptSucceeded }), "took the money"},
		"not proven":                                    {uncollectible(func(d *reopening.Invoice) { d.Past[0].Proof = "" }), "does not prove"},
		"paid":                                          {uncollectible(func(d *reopening.Invoice) { d.Status = billing.Paid }), "is paid"},
		"void":                                          {uncollectible(func(d *reopening.Invoice) { d.Status = billing.Void }), "is void"},
		"open":                                          {uncollectible(func(d *reopening.Invoice) { d.Status = billing.Open }), "is open"},
		"charging":                                      {uncollectible(func(d *reopening.Invoice) { d.Status = billing.Charging }), "being charged"},
		"review":                                        {uncollectible(func(d *reopening.Invoice) { d.Status = billing.Review }), "in review"},
		"of no status at all":                           {uncollectible(func(d *reopening.Invoice) { d.Status = "" }), "none of duly's"},
	} {
		_, err := ended(c.is)
		if c.refused == "" {
			require.NoError(t, err, name)
			continue
		}
		require.ErrorContains(t, err, c.refused, name)
	}
}

// Whatever is reopened is what the next claim charges, and nothing that may have taken money, or may yet, is.
func TestWhatIsReopenedIsCharged(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := done(
			rapid.SampledFrom([]billing.InvoiceStatus{billing.Uncollectible, billing.Uncollectible, billing.Paid, billing.Void, billing.Open}).Draw(t, "status"),
			rapid.SampledFrom([]billing.AttemptStatus{billing.AttemptDeclined, billing.AttemptReleased, billing.AttemptRejected, billing.AttemptReview, billing.AttemptInDoubt, billing.AttemptInFlight, billing.AttemptSucceeded}).Draw(t, "attempt"),
			rapid.SampledFrom([]billing.Proof{"", billing.ProofAnswer, billing.ProofLookUp, billing.ProofOperator}).Draw(t, "proof"),
			rapid.SampledFrom([]billing.SubscriptionStatus{billing.Active, billing.PastDue, billing.Paused, billing.Cancelled, billing.Trialing}).Draw(t, "subscription"))
		d.Past[0].Class = rapid.SampledFrom([]payment.Class{"", payment.Soft, payment.Hard, payment.Action}).Draw(t, "class")
		d.Subscription.Method = rapid.SampledFrom([]string{"pm_1", "pm_2", ""}).Draw(t, "method")
		r, err := ended(d)
		if err != nil {
			return
		}
		s := *d.Subscription
		if r.SubscriptionTo != "" {
			s.Status = r.SubscriptionTo
		}
		claim := billing.DecideClaim(d.Invoice, s, d.Past, billing.Policy{RetryDays: []int{1, 3, 5}}, today, known)
		if claim.Action != billing.Charge || d.Status != billing.Uncollectible {
			t.Fatalf("%+v is reopened, and the claim is %+v", d, claim)
		}
	})
}
