package reopening_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/billing"
	"duly/internal/billing/network"
	"duly/internal/billing/reopening"
	"duly/internal/payment"
)

// paidBy is a paid invoice with the attempt that paid it, and what its gateway says now: declined, beside a control that it shows.
type paidBy struct {
	invoice reopening.Invoice
	attempt billing.Reviewed
	says    payment.Evidence
}

func paid(change func(*paidBy)) paidBy {
	p := paidBy{invoice: done(billing.Paid, billing.AttemptSucceeded, billing.ProofAnswer, billing.Active)}
	p.invoice.Stage = 0
	charge := payment.Charge{Key: "sub_42_20260131-1", Reference: "sub_42_20260131", CustomerID: "cus_1", Money: p.invoice.Money}
	p.attempt = billing.Reviewed{Attempt: billing.Attempt{ID: 7, Gateway: "main", Charge: charge, PaymentID: "pay_1", Invoice: p.invoice.Invoice}, Status: billing.AttemptSucceeded}
	p.says = payment.Evidence{Gateway: "main", Vetting: payment.Vetting{Earlier: payment.ControlPassed, Later: payment.ControlNone}, ByKey: payment.LookupResult{Payment: &payment.Payment{
		ID: "pay_1", Status: payment.Declined, Key: charge.Key, Reference: charge.Reference, CustomerID: "cus_1", Money: charge.Money,
		Decline: payment.Decline{Class: payment.Soft, Code: "insufficient_funds"},
	}}}
	change(&p)
	return p
}

func (p paidBy) decide() (reopening.PaidReopening, error) {
	return reopening.DecidePaid(p.invoice, p.attempt, p.says, billing.Policy{Network: network.Rules{On: true}}, today)
}

// A paid invoice is charged again by the gateway's own record of that very charge alone: declined, and ours in every field.
func TestPaid(t *testing.T) {
	got, err := paid(func(*paidBy) {}).decide()
	require.NoError(t, err)
	require.Equal(t, uint64(7), got.Attempt)
	require.Equal(t, payment.Soft, got.Decline.Class)
	require.Equal(t, []any{0, today, false}, []any{got.Stage, got.Due, got.First})
	require.Empty(t, got.SubscriptionTo)
	require.Len(t, got.Events, 1)

	got, err = paid(func(p *paidBy) { p.says.ByKey.Payment.Decline.AdviceCode = "03" }).decide()
	require.NoError(t, err)
	require.Equal(t, payment.Hard, got.Decline.Class, "the card network's advice bars the method")
	got, err = paid(func(p *paidBy) { p.says.ByKey.Payment.Decline.Class = "" }).decide()
	require.NoError(t, err)
	require.Equal(t, payment.Soft, got.Decline.Class)
	got, err = paid(func(p *paidBy) { p.invoice.Subscription.Status = billing.Cancelled }).decide()
	require.NoError(t, err)
	require.Contains(t, got.Detail, "the next run makes it void")

	for name, c := range map[string]struct {
		is      paidBy
		refused string
	}{
		"the gateway says succeeded": {paid(func(p *paidBy) { p.says.ByKey.Payment.Status = payment.Succeeded }), "stays paid: the gateway says that payment pay_1 is succeeded"},
		"pending":                    {paid(func(p *paidBy) { p.says.ByKey.Payment.Status = payment.Pending }), "stays paid"},
		"cancelled, which was paid":  {paid(func(p *paidBy) { p.says.ByKey.Payment.Status = payment.Canceled }), "was paid, and is canceled now"},
		"not known": {paid(func(p *paidBy) {
			p.says.ByKey, p.says.ByID = payment.LookupResult{Absent: true}, payment.LookupResult{Absent: true}
		}), "does not know"},
		"no answer": {paid(func(p *paidBy) { p.says.ByKey = payment.LookupResult{Reason: "time-out"} }), "try again"},
		"not asked": {paid(func(p *paidBy) {
			p.says.ByKey, p.says.ByID = payment.LookupResult{Unaskable: true}, payment.LookupResult{Unaskable: true}
		}), "stays paid"},
		"another customer's":              {paid(func(p *paidBy) { p.says.ByKey.Payment.CustomerID = "cus_2" }), "stays paid"},
		"another amount":                  {paid(func(p *paidBy) { p.says.ByKey.Payment.Money.Amount++ }), "stays paid"},
		"another reference":               {paid(func(p *paidBy) { p.says.ByKey.Payment.Reference = "sub_43_20260131" }), "stays paid"},
		"another key":                     {paid(func(p *paidBy) { p.says.ByKey.Payment.Key = "sub_42_20260131-2" }), "another key"},
		"another id than the one booked":  {paid(func(p *paidBy) { p.attempt.PaymentID = "pay_2" }), "stays paid by payment pay_2"},
		"another account":                 {paid(func(p *paidBy) { p.says.Elsewhere = true }), "stays paid"},
		"a control that is not shown":     {paid(func(p *paidBy) { p.says.Vetting.Later = payment.ControlFailed }), "does not show payment"},
		"no control":                      {paid(func(p *paidBy) { p.says.Vetting.Earlier = payment.ControlNone }), "duly doctor --control main"},
		"named by an operator":            {paid(func(p *paidBy) { p.invoice.Past[0].Proof = billing.ProofOperator }), "an operator named"},
		"paid outside":                    {paid(func(p *paidBy) { p.invoice.Past[0].Status = billing.AttemptDeclined }), "by no charge"},
		"paid twice":                      {paid(func(p *paidBy) { p.invoice.Past = append(p.invoice.Past, p.invoice.Past[0]) }), "took its money"},
		"another attempt may have paid":   {paid(func(p *paidBy) { p.also(billing.AttemptReview) }), "may have taken money"},
		"another attempt is in doubt":     {paid(func(p *paidBy) { p.also(billing.AttemptInDoubt) }), "may have taken money"},
		"another attempt has paid it":     {paid(func(p *paidBy) { p.attempt.ID = 8 }), "try again"},
		"an unknown charge of the period": {paid(func(p *paidBy) { p.invoice.Unknown = "main" }), "duly adopt main"},
		"the subscription's row is gone":  {paid(func(p *paidBy) { p.invoice.Subscription = nil }), "is gone"},
		"not paid":                        {paid(func(p *paidBy) { p.invoice.Status = billing.Void }), "is void"},
	} {
		_, err := c.is.decide()
		require.ErrorContains(t, err, c.refused, name)
	}
}

// also adds another attempt.
func (p *paidBy) also(status billing.AttemptStatus) {
	p.invoice.Past = append(p.invoice.Past, billing.PastAttempt{ID: 8, No: 2, Key: "sub_42_20260131-2", Status: status, Gateway: "main"})
}
