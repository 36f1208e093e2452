package inspect

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/billing"
	"duly/internal/billing/explain"
	"duly/internal/cli"
	"duly/internal/payment"
	"duly/internal/query"
	"duly/internal/query/details"
)

// The second line of a subscription or an invoice answers whether it was charged, whether twice, and if not, why.
func TestChargeAnswers(t *testing.T) {
	t.Parallel()
	ptr := func(s string) *string { return &s }
	now := time.Date(2026, time.November, 28, 2, 0, 0, 0, time.UTC)
	due := payment.NewDate(2026, time.November, 28)
	attempt := func(status billing.AttemptStatus, code string) details.Attempt {
		return details.Attempt{ID: 9, Status: string(status), DeclineCode: ptr(code), PaymentID: ptr("pay_86"), Gateway: "main", Run: 45, NextCheckAt: &now}
	}
	invoice := func(status billing.InvoiceStatus, attempts ...details.Attempt) *details.Invoice {
		return &details.Invoice{ID: 7, Due: due, Amount: 1299, Currency: "USD", Status: string(status), Stage: 1, StageDate: due + 1, PaidAt: &now, Attempts: attempts}
	}
	took, declined := attempt(billing.AttemptSucceeded, ""), attempt(billing.AttemptDeclined, "do_not_honor")
	review := invoice(billing.Review, attempt(billing.AttemptReview, ""))
	review.ReviewReason = ptr("gateway booked 9.99 USD, invoice is 12.99 USD")
	silent := attempt(billing.AttemptInDoubt, "")
	silent.Message = ptr("timed out after 10s")
	live := attempt(billing.AttemptInFlight, "")
	live.RunLives = true
	free := invoice(billing.Paid)
	free.Amount = 0
	byHand := invoice(billing.Paid, took)
	byHand.Resolved = &details.Resolution{Attempt: 9, As: "paid", Who: "kim", Reason: "provider's page"}
	sub := &details.Subscription{ID: 1, Status: "active", Gateway: "main", Next: due + 30}
	second := query.Finding{ID: 3, Kind: "charged_twice", Detail: []byte(`{"text": "payment pay_2 was the second one"}`)}
	closed := second
	closed.Resolved = &now
	for _, c := range []struct {
		name     string
		invoice  *details.Invoice
		why      explain.Why
		audited  time.Time
		findings []query.Finding
		want     string
	}{
		{"once", invoice(billing.Paid, declined, declined, took), explain.WhyNotDue, now.Add(time.Hour), nil, "Charged once for 28 Nov: 3 attempts, 1 took money. Audits: no second payment."},
		{"once, not audited", invoice(billing.Paid, took), explain.WhyPaid, now.Add(-time.Hour), nil, "Charged once for 28 Nov: 1 attempt, 1 took money. Not audited yet."},
		{"twice", invoice(billing.Paid, took, took), explain.WhyPaid, time.Time{}, nil, "Charged twice for 28 Nov: 2 attempts, 2 took money. Not audited yet."},
		{"twice at the gateway", invoice(billing.Paid, took), explain.WhyPaid, now.Add(time.Hour), []query.Finding{second}, "Charged once for 28 Nov: 1 attempt, 1 took money. Audits: finding 3, payment pay_2 was the second one."},
		{"twice, and settled", invoice(billing.Paid, took), explain.WhyPaid, now.Add(time.Hour), []query.Finding{closed}, "Charged once for 28 Nov: 1 attempt, 1 took money. Audits: no second payment."},
		{"by a person's word", byHand, explain.WhyPaid, now.Add(time.Hour), nil, `Charged once for 28 Nov: 1 attempt, 1 took money. Audits: no second payment. kim resolved it as paid ("provider's page").`},
		{"free", free, explain.WhyPaid, time.Time{}, nil, "Nothing to charge for 28 Nov: the amount is 0."},
		{"not due", nil, explain.WhyNotDue, time.Time{}, nil, "Not due until 28 Dec"},
		{"declined", invoice(billing.Open, declined), explain.WhyStage, time.Time{}, nil, "Declined (do_not_honor); retry 1 of 3 on 29 Nov"},
		{"lost card", invoice(billing.Open, attempt(billing.AttemptDeclined, "lost_card")), explain.WhyBarred, time.Time{}, nil, "Card lost: needs a new card"},
		{"another hard decline", invoice(billing.Open, attempt(billing.AttemptDeclined, "closed_account")), explain.WhyBarred, time.Time{}, nil, "Declined (closed_account): needs a new payment method"},
		{"in doubt", invoice(billing.Charging, silent), explain.WhyInDoubt, time.Time{}, nil, "In doubt: main timed out; not charged until known. Asked again at 11:00"},
		{"in review", review, explain.WhyReview, time.Time{}, nil, "Gateway booked 9.99 USD (pay_86), invoice is 12.99 USD. Not charged again."},
		{"claimed", invoice(billing.Charging, live), explain.WhyInFlight, time.Time{}, nil, "Claimed: run 45 is charging it now"},
		{"claimed by the dead", invoice(billing.Charging, attempt(billing.AttemptInFlight, "")), explain.WhyInFlight, time.Time{}, nil, "Claimed by run 45, which died; the next run asks main before it charges"},
	} {
		seoul, err := time.LoadLocation("Asia/Seoul")
		require.NoError(t, err)
		answer := chargeAnswer{
			Calendar: cli.CalendarOn(due, seoul), subscription: sub, invoice: c.invoice, why: explain.Explanation{Why: c.why, Text: "text", Next: "nothing"}, retries: 3,
			audited: c.audited, findings: c.findings,
		}
		require.Equal(t, c.want, answer.text(), c.name)
	}
}

// A sentence begins with a capital, and the name of a column stays as it is written.
func TestCapital(t *testing.T) {
	t.Parallel()
	require.Equal(t, "", capital(""))
	require.Equal(t, "Declined: gateway_customer", capital("declined: gateway_customer"))
	require.Equal(t, "gateway_customer is missing", capital("gateway_customer is missing"))
}
