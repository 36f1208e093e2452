package billing_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/billing"
	"duly/internal/payment"
	"duly/internal/test/sample"
)

const reviewedID = "pay_1"

// reviewed is an attempt in review, three days old.
func reviewed(change func(*billing.Reviewed)) billing.Reviewed {
	money := payment.Money{Amount: 9900, Currency: "KRW"}
	a := billing.Reviewed{
		Attempt: billing.Attempt{
			ID: 7, No: 1, Gateway: "main", Doubted: true, CreatedAt: sample.Noon.Add(-72 * time.Hour), SentBy: sample.Noon.Add(-72 * time.Hour),
			Charge:  payment.Charge{Key: "sub_42_20260131-1", Reference: "sub_42_20260131", CustomerID: "cus_7", Money: money},
			Invoice: billing.Invoice{ID: 3, SubscriptionID: 42, Due: payment.DateOf(time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)), Money: money},
		},
		Status: billing.AttemptReview, InvoiceStatus: billing.Review, SettledAt: sample.Noon.Add(-72 * time.Hour),
	}
	if change != nil {
		change(&a)
	}
	return a
}

// sight is a gateway's record of the attempt's payment.
func sight(change func(*payment.Payment)) payment.LookupResult {
	p := payment.Payment{ID: reviewedID, Status: payment.Succeeded, Key: "sub_42_20260131-1", Reference: "sub_42_20260131", CustomerID: "cus_7", Money: payment.Money{Amount: 9900, Currency: "KRW"}}
	if change != nil {
		change(&p)
	}
	return payment.LookupResult{Payment: &p}
}

// vetted is an absence that controls bear out.
func vetted() payment.Vetting {
	return payment.Vetting{Earlier: payment.ControlPassed, Later: payment.ControlPassed}
}

// evidence is what a gateway that says this of a charge proves, by key and by id, borne out by controls.
func evidence(s payment.LookupResult) payment.Evidence {
	return payment.Evidence{ByKey: s, ByID: s, Named: s, Begun: sample.Noon, Lasting: true, Gateway: "main", Vetting: vetted()}
}

func word(as payment.Resolution) billing.Word {
	return billing.Word{As: as, Reason: "the reason", Counts: true}
}

func TestResolve(t *testing.T) {
	guarantees := billing.Guarantees{KeyLife: 24 * time.Hour, Longest: 2 * time.Minute, LookupOutlivesKey: true}
	declined := sight(func(p *payment.Payment) { p.Status, p.Decline.Code = payment.Declined, "do_not_honor" })
	refunded := sight(func(p *payment.Payment) { p.Refunded = 9900 })
	partly := sight(func(p *payment.Payment) { p.Refunded = 100 })
	absent, unaskable := payment.LookupResult{Absent: true}, payment.LookupResult{Unaskable: true}
	rejected := func(a *billing.Reviewed) { a.Status = billing.AttemptRejected }
	for _, c := range []struct {
		name    string
		change  func(*billing.Reviewed)
		as      payment.Resolution
		seen    payment.LookupResult
		attempt billing.AttemptStatus
		invoice billing.InvoiceStatus
		err     string
	}{
		{name: "paid", as: payment.AsPaid, seen: sight(nil), attempt: billing.AttemptSucceeded, invoice: billing.Paid},
		{name: "rejected, and paid otherwise", change: rejected, as: payment.AsPaid, seen: sight(nil), attempt: billing.AttemptSucceeded, invoice: billing.Paid},
		{
			name: "paid after the subscription was cancelled", change: func(a *billing.Reviewed) { a.InvoiceStatus = billing.Void },
			as: payment.AsPaid, seen: sight(nil), attempt: billing.AttemptSucceeded, invoice: billing.Paid,
		},
		{name: "paid by what was declined", as: payment.AsPaid, seen: declined, err: "declined, not succeeded"},
		{name: "paid by what was refunded", as: payment.AsPaid, seen: refunded, err: "refunded"},
		{name: "paid by what was refunded in part", as: payment.AsPaid, seen: partly, attempt: billing.AttemptSucceeded, invoice: billing.Paid},
		{name: "paid, another amount", as: payment.AsPaid, seen: sight(func(p *payment.Payment) { p.Money.Amount++ }), err: "the invoice of 9,900 KRW"},
		{name: "paid, another currency", as: payment.AsPaid, seen: sight(func(p *payment.Payment) { p.Money.Currency = "JPY" }), err: "9,900 JPY"},
		{name: "paid by nothing", as: payment.AsPaid, seen: absent, err: "knows no such payment"},
		{name: "paid at a gateway that cannot be asked", as: payment.AsPaid, seen: unaskable, err: "cannot be asked"},
		{name: "paid, made for another", as: payment.AsPaid, seen: sight(func(p *payment.Payment) { p.Reference = "ord_5" }), err: "was made for order 5"},
		{name: "paid, gateway down", as: payment.AsPaid, seen: payment.LookupResult{Reason: "timeout"}, err: "timeout"},

		{name: "never executed", as: payment.AsNotExecuted, seen: absent, attempt: billing.AttemptReleased, invoice: billing.Open},
		{name: "declined after all", as: payment.AsNotExecuted, seen: declined, attempt: billing.AttemptDeclined, invoice: billing.Open},
		{name: "nobody can ask", as: payment.AsNotExecuted, seen: unaskable, attempt: billing.AttemptRejected, invoice: billing.Open},
		{name: "executed in truth", as: payment.AsNotExecuted, seen: sight(nil), err: "--as paid pay_1"},
		{name: "pending", as: payment.AsNotExecuted, seen: sight(func(p *payment.Payment) { p.Status = payment.Pending }), err: "pending"},
		{
			name: "it may still arrive", change: func(a *billing.Reviewed) { a.CreatedAt = sample.Noon.Add(-24*time.Hour - 2*time.Minute) },
			as: payment.AsNotExecuted, seen: absent, err: "may still arrive",
		},
		{
			name: "an id that the gateway does not know any more", change: func(a *billing.Reviewed) { a.PaymentID = reviewedID },
			as: payment.AsNotExecuted, seen: absent, err: "proves nothing",
		},
		{
			name: "refunded, an id that the gateway does not know any more", change: func(a *billing.Reviewed) { a.PaymentID = reviewedID },
			as: payment.AsRefunded, seen: absent, err: "proves nothing",
		},
		{name: "not executed, gateway down", as: payment.AsNotExecuted, seen: payment.LookupResult{Reason: "timeout"}, err: "timeout"},
		{name: "rejected, and never executed", change: rejected, as: payment.AsNotExecuted, seen: absent, attempt: billing.AttemptRejected, invoice: billing.Open},
		{name: "rejected, and executed in truth", change: rejected, as: payment.AsNotExecuted, seen: sight(nil), err: "duly resolve attempt 7 --as paid pay_1"},

		{name: "refunded", as: payment.AsRefunded, seen: refunded, attempt: billing.AttemptDeclined, invoice: billing.Void},
		{name: "cancelled", as: payment.AsRefunded, seen: sight(func(p *payment.Payment) { p.Status = payment.Canceled }), attempt: billing.AttemptDeclined, invoice: billing.Void},
		{name: "refunded, nobody can ask", as: payment.AsRefunded, seen: unaskable, attempt: billing.AttemptDeclined, invoice: billing.Void},
		{name: "refunded in part", as: payment.AsRefunded, seen: partly, err: "100 KRW of 9,900 KRW refunded"},
		{name: "not refunded at all", as: payment.AsRefunded, seen: sight(nil), err: "0 KRW of 9,900 KRW"},
		{name: "nothing to refund", as: payment.AsRefunded, seen: absent, err: "--as not_executed"},
		{name: "rejected, nothing to refund", change: rejected, as: payment.AsRefunded, seen: absent, err: "--as ignored"},
		{
			name: "refunded after the subscription was cancelled", change: func(a *billing.Reviewed) { a.InvoiceStatus = billing.Void },
			as: payment.AsRefunded, seen: refunded, attempt: billing.AttemptDeclined,
		},

		{name: "ignored", as: payment.AsIgnored, attempt: billing.AttemptRejected, invoice: billing.Void},
		{name: "rejected and ignored", change: rejected, as: payment.AsIgnored, attempt: billing.AttemptRejected, invoice: billing.Void},
		{name: "rejected and done with", change: func(a *billing.Reviewed) { rejected(a); a.InvoiceStatus = billing.Void }, as: payment.AsIgnored, err: "nothing to resolve"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := billing.Resolve(reviewed(c.change), word(c.as), evidence(c.seen), guarantees)
			if c.err != "" {
				require.ErrorContains(t, err, c.err)
				require.NotContains(t, err.Error(), "\n")
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.attempt, r.Attempt)
			require.Equal(t, c.invoice, r.Invoice)
			require.Equal(t, string(c.as)+": the reason", r.Message)
			paid := c.invoice == billing.Paid
			require.Equal(t, paid, len(r.Events) == 1, "money that was booked is told of (I11)")
			require.Equal(t, paid, r.SubscriptionTo == billing.Active)
			require.Equal(t, paid, r.PaymentID == reviewedID && c.as == payment.AsPaid)
		})
	}
}

// Whatever an operator says, what is unsettled is the gateway's to decide, and what is settled stays (I5).
func TestResolveOnlyWhatIsInReview(t *testing.T) {
	for _, status := range []billing.AttemptStatus{
		billing.AttemptInFlight, billing.AttemptInDoubt, billing.AttemptSucceeded, billing.AttemptDeclined, billing.AttemptReleased,
	} {
		for _, as := range []payment.Resolution{payment.AsPaid, payment.AsNotExecuted, payment.AsRefunded, payment.AsIgnored} {
			for _, seen := range []payment.LookupResult{sight(nil), {Absent: true}, {Unaskable: true}} {
				if status == billing.AttemptInDoubt && as == payment.AsNotExecuted {
					continue // see TestAnOperatorsWord
				}
				_, err := billing.Resolve(reviewed(func(a *billing.Reviewed) { a.Status, a.Proof = status, billing.ProofAnswer }), word(as), evidence(seen), billing.Guarantees{})
				require.ErrorContains(t, err, "attempt 7 is "+string(status))
			}
		}
	}
}

func TestRequeue(t *testing.T) {
	past := func(statuses ...billing.AttemptStatus) []billing.PastAttempt {
		var out []billing.PastAttempt
		for i, s := range statuses {
			out = append(out, billing.PastAttempt{ID: uint64(i + 1), No: i + 1, Key: billing.Key(42, sample.Day("2026-01-31"), i+1), Status: s})
		}
		return out
	}
	for _, c := range []struct {
		status billing.InvoiceStatus
		past   []billing.PastAttempt
		err    string
	}{
		{billing.Review, nil, ""},
		{billing.Review, past(billing.AttemptRejected), "attempt 1 is rejected, which does not prove that no money was taken: duly resolve attempt 1 --as not_executed"},
		{billing.Review, past(billing.AttemptDeclined, billing.AttemptReleased), ""},
		{billing.Review, past(billing.AttemptReview), "duly resolve attempt 1"},
		{billing.Review, past(billing.AttemptRejected, billing.AttemptInFlight), "attempt 2 of invoice 3 is in_flight"},
		{billing.Review, past(billing.AttemptInDoubt), "is in_doubt"},
		{billing.Review, past(billing.AttemptSucceeded), "succeeded"},
		{billing.Open, nil, "open already"},
		{billing.Charging, past(billing.AttemptInFlight), "being charged"},
		{billing.Paid, nil, "is paid"},
		{billing.Uncollectible, nil, "is uncollectible"},
		{billing.Void, nil, "is void"},
		{"odd", nil, "none of duly's"},
	} {
		err := billing.Requeue(3, c.status, c.past)
		if c.err == "" {
			require.NoError(t, err, c)
		} else {
			require.ErrorContains(t, err, c.err)
		}
	}
}
