package billing_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/billing"
	"duly/internal/payment"
	"duly/internal/test/sample"
)

// closable is an invoice with an attempt in a status, proven to have taken nothing or not; without a status it has none.
func closable(status billing.InvoiceStatus, attempt billing.AttemptStatus, proof billing.Proof) billing.Closable {
	c := billing.Closable{Status: status, Invoice: billing.Invoice{ID: 3, SubscriptionID: 42, Due: sample.Day("2026-01-31"), Money: payment.Money{Amount: 9900, Currency: "KRW"}}}
	if attempt != "" {
		c.Past = []billing.PastAttempt{{ID: 7, No: 1, Key: "sub_42_20260131-1", Status: attempt, Gateway: "main", Account: 1, Proof: proof}}
	}
	return c
}

// Every invoice that waits can be closed in the three ways of an invoice, unless something may have taken money for it; nothing else
// can, and each refusal says in a line what is right.
func TestClose(t *testing.T) {
	closes := []payment.Resolution{payment.AsPaidOutside, payment.AsVoid, payment.AsUncollectible}
	to := map[payment.Resolution]billing.InvoiceStatus{payment.AsPaidOutside: billing.Paid, payment.AsVoid: billing.Void, payment.AsUncollectible: billing.Uncollectible}
	const ask = "duly run billing --subscription 42 settles it first"
	for _, c := range []struct {
		name    string
		is      billing.Closable
		refused string
	}{
		{"open, never charged", closable(billing.Open, "", ""), ""},
		{"open, declined", closable(billing.Open, billing.AttemptDeclined, billing.ProofAnswer), ""},
		{"open, declined before proofs were stored", func() billing.Closable {
			c := closable(billing.Open, billing.AttemptDeclined, "")
			c.Past[0].Account = 0
			return c
		}(), ""},
		{"open, released", closable(billing.Open, billing.AttemptReleased, billing.ProofLookUp), ""},
		{"open, rejected and proven", closable(billing.Open, billing.AttemptRejected, billing.ProofOperator), ""},
		{"open, declined without a proof", closable(billing.Open, billing.AttemptDeclined, ""), "attempt 7 of invoice 3 is declined, which does not prove that no money was taken: duly run billing --subscription 42 sends it to review first"},
		{"review, never charged", closable(billing.Review, "", ""), ""},
		{"review, declined", closable(billing.Review, billing.AttemptDeclined, billing.ProofLookUp), ""},
		{"review, rejected", closable(billing.Review, billing.AttemptRejected, ""), "attempt 7 of invoice 3 is rejected, which does not prove"},
		{"review, in review", closable(billing.Review, billing.AttemptReview, ""), "attempt 7 of invoice 3 may have taken money: duly resolve attempt 7 --as … --reason … first"},
		{"review, in doubt", closable(billing.Review, billing.AttemptInDoubt, ""), "attempt 7 of invoice 3 is in_doubt and may still take money: " + ask},
		{"review, in flight", closable(billing.Review, billing.AttemptInFlight, ""), "attempt 7 of invoice 3 is in_flight and may still take money: " + ask},
		{"review, succeeded", closable(billing.Review, billing.AttemptSucceeded, billing.ProofAnswer), "attempt 7 of invoice 3 took the money"},
		{"open, in doubt", closable(billing.Open, billing.AttemptInDoubt, ""), "may still take money: " + ask},
		{"charging, in flight", closable(billing.Charging, billing.AttemptInFlight, ""), "may still take money: " + ask},
		{"charging, in doubt, its subscription gone", func() billing.Closable {
			c := closable(billing.Charging, billing.AttemptInDoubt, "")
			c.Gone = true
			return c
		}(), "may still take money: duly run billing --step recover settles it first"},
		{"charging, nothing known", closable(billing.Charging, billing.AttemptReleased, ""), "invoice 3 is being charged: " + ask},
		{"open, its subscription gone", func() billing.Closable {
			c := closable(billing.Open, "", "")
			c.Gone = true
			return c
		}(), ""},
		{"open, a charge unknown here", func() billing.Closable {
			c := closable(billing.Open, "", "")
			c.Unknown = "main"
			return c
		}(), "gateway main lists a charge for its period that is unknown here: duly adopt main first"},
		{"uncollectible", closable(billing.Uncollectible, billing.AttemptDeclined, billing.ProofAnswer), ""},
		{"uncollectible, in review beside it", closable(billing.Uncollectible, billing.AttemptReview, ""), "may have taken money"},
		{"paid", closable(billing.Paid, billing.AttemptSucceeded, billing.ProofAnswer), "invoice 3 is paid"},
		{"void", closable(billing.Void, billing.AttemptDeclined, billing.ProofAnswer), "invoice 3 is void"},
		{"none of duly's", closable("lost", "", ""), `invoice 3 has the status "lost", which is none of duly's`},
	} {
		for _, as := range closes {
			refused := c.refused
			if c.is.Status == billing.Uncollectible && as == payment.AsUncollectible {
				refused = "invoice 3 is uncollectible already; --as void or paid_outside is still possible"
			}
			got, err := billing.Close(c.is, as)
			if refused != "" {
				require.ErrorContains(t, err, refused, "%s as %s", c.name, as)
				require.NotContains(t, err.Error(), "\n")
				require.Zero(t, got)
				continue
			}
			require.NoError(t, err, "%s as %s", c.name, as)
			require.Equal(t, to[as], got.Status, c.name)
			if as == payment.AsPaidOutside {
				require.Equal(t, billing.Active, got.SubscriptionTo, c.name)
				require.Len(t, got.Events, 1, c.name)
				require.Equal(t, "invoice.paid:sub_42_20260131", got.Events[0].Dedupe)
				continue
			}
			require.Empty(t, got.SubscriptionTo, c.name)
			require.Empty(t, got.Events, c.name)
		}
		for _, as := range []payment.Resolution{payment.AsPaid, payment.AsNotExecuted, payment.AsRefunded, payment.AsIgnored, "lost"} {
			_, err := billing.Close(c.is, as)
			require.Error(t, err, "%s as %s", c.name, as)
			require.NotContains(t, err.Error(), "\n")
		}
	}
	for _, as := range []payment.Resolution{payment.AsPaid, payment.AsNotExecuted, payment.AsRefunded, payment.AsIgnored} {
		_, err := billing.Close(closable(billing.Review, billing.AttemptReview, ""), as)
		require.ErrorContains(t, err, "duly resolve attempt 7 --as "+string(as))
		_, err = billing.Close(closable(billing.Review, billing.AttemptDeclined, billing.ProofAnswer), as)
		require.ErrorContains(t, err, "no charge of invoice 3")
		require.NotContains(t, err.Error(), "resolve attempt", "nothing of it is to be resolved")
	}
}

// What an attempt cannot become is said of its invoice, whatever its status.
func TestWordsOfAnInvoiceAreNotAnAttempts(t *testing.T) {
	for _, status := range []billing.AttemptStatus{
		billing.AttemptInFlight, billing.AttemptSucceeded, billing.AttemptDeclined, billing.AttemptInDoubt, billing.AttemptReleased, billing.AttemptRejected, billing.AttemptReview,
	} {
		for _, as := range []payment.Resolution{payment.AsPaidOutside, payment.AsVoid, payment.AsUncollectible} {
			a := reviewed(func(a *billing.Reviewed) { a.Status = status })
			require.ErrorContains(t, billing.Resolvable(a, as), "duly resolve invoice 3 --as "+string(as)+" --reason …", status)
			_, err := billing.Resolve(a, word(as), evidence(payment.LookupResult{Absent: true}), billing.Guarantees{})
			require.ErrorContains(t, err, "duly resolve invoice 3 --as "+string(as), status)
		}
	}
}

// An invoice that an operator wrote off is not charged again by taking its decline back.
func TestReopenOfWhatAnOperatorClosed(t *testing.T) {
	d := billing.Declined{
		PastAttempt: billing.PastAttempt{ID: 7, No: 1, Key: "sub_42_20260131-1", Status: billing.AttemptDeclined, Class: payment.Hard, Proof: billing.ProofAnswer},
		Stage:       3, Invoice: billing.Invoice{ID: 3, SubscriptionID: 42, Due: sample.Day("2026-01-31"), Money: payment.Money{Amount: 9900, Currency: "KRW"}, Stage: 3},
		InvoiceStatus: billing.Uncollectible, Closed: true,
	}
	d.Attempts = []billing.PastAttempt{d.PastAttempt}
	_, err := billing.DecideReopen(d, []payment.Class{payment.Hard}, sample.Day("2026-02-05"))
	require.ErrorContains(t, err, "an operator closed it as uncollectible: duly show invoice 3")
}
