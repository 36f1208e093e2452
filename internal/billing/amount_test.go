package billing_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/billing"
	"duly/internal/billing/guard"
	"duly/internal/payment"
	"duly/internal/test/sample"
)

// What is beyond a guard goes to review, and tells of it.
func TestHoldAmount(t *testing.T) {
	t.Parallel()
	v := guard.Verdict{Beyond: guard.BeyondFactor, Words: "amount 12,900 KRW is more than 10 times the last paid 1,000 KRW (billing.max_factor)"}
	held := billing.HoldAmount(sample.Invoice(), sample.Subscription(), v, sample.Day("2026-02-05"))
	require.Equal(t, billing.ReviewInvoice, held.Action)
	require.Equal(t, guard.BeyondFactor, held.AmountCheck)
	require.Equal(t, v.Words, held.Reason)
	require.Len(t, held.Events, 1)
	require.Equal(t, "review.needed", held.Events[0].Type)
}

// An invoice that is in review for its amount, and for nothing else, is open again by an operator's word.
func TestApprove(t *testing.T) {
	t.Parallel()
	held := func(status billing.InvoiceStatus, check guard.Check, attempt billing.AttemptStatus, proof billing.Proof) billing.Closable {
		c := closable(status, attempt, proof)
		c.AmountCheck = check
		return c
	}
	gone := held(billing.Review, guard.BeyondMax, "", "")
	gone.Gone = true
	cancelled := held(billing.Review, guard.BeyondMax, "", "")
	cancelled.Cancelled = true
	free := held(billing.Paid, "", "", "")
	free.Money.Amount = 0
	unknown := held(billing.Review, guard.BeyondMax, "", "")
	unknown.Unknown = "main"
	for name, c := range map[string]struct {
		is      billing.Closable
		refused string
	}{
		"too large":                   {held(billing.Review, guard.BeyondMax, "", ""), ""},
		"too many times":              {held(billing.Review, guard.BeyondFactor, "", ""), ""},
		"in a retry":                  {held(billing.Review, guard.BeyondFactor, billing.AttemptDeclined, billing.ProofAnswer), ""},
		"for another reason":          {held(billing.Review, "", "", ""), "invoice 3 is not in review for its amount: duly show invoice 3 says what it waits for"},
		"for another, once approved":  {held(billing.Review, guard.Approved, "", ""), "invoice 3 is not in review for its amount: duly show invoice 3 says what it waits for"},
		"its attempt may have money":  {held(billing.Review, guard.BeyondMax, billing.AttemptReview, ""), "attempt 7 of invoice 3 may have taken money: duly resolve attempt 7 --as … --reason … first"},
		"a charge of it unknown here": {unknown, "gateway main lists a charge for its period that is unknown here: duly adopt main first"},
		"its subscription gone":       {gone, "the subscription of invoice 3 is gone, so that nobody can be charged: --as void, uncollectible or paid_outside"},
		"open":                        {held(billing.Open, "", "", ""), "invoice 3 is open, and its amount is not held: when its date has come, a run charges it or sends it to review"},
		"open and approved":           {held(billing.Open, guard.Approved, "", ""), "invoice 3 is approved already, and open: a run charges it when its date has come"},
		"being charged":               {held(billing.Charging, "", billing.AttemptInFlight, ""), "attempt 7 of invoice 3 is in_flight and may still take money: duly run billing --subscription 42 settles it first"},
		"uncollectible":               {held(billing.Uncollectible, guard.BeyondMax, "", ""), "invoice 3 is uncollectible: only what is in review for its amount is approved"},
		"paid":                        {held(billing.Paid, guard.Approved, billing.AttemptSucceeded, billing.ProofAnswer), "invoice 3 is paid: duly refund invoice 3 --reason … refunds it"},
		"paid outside":                {held(billing.Paid, "", "", ""), "invoice 3 is paid outside the gateways: what is to be refunded is refunded there"},
		"of amount 0":                 {free, "invoice 3 is paid, since its amount is 0"},
		"its subscription cancelled":  {cancelled, "the subscription of invoice 3 is cancelled, so that it is not charged: --as void, uncollectible or paid_outside"},
		"void":                        {held(billing.Void, guard.BeyondMax, "", ""), "invoice 3 is void: nothing more is charged for it"},
	} {
		got, err := billing.Close(c.is, payment.AsApproved)
		if c.refused != "" {
			require.EqualError(t, err, c.refused, name)
			continue
		}
		require.NoError(t, err, name)
		require.Equal(t, billing.Closing{Status: billing.Open, AmountCheck: guard.Approved}, got, name)
	}
}
