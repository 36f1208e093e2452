package payment_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/payment"
)

// Only the id of a record whose key, reference and customer are the charge's is an id of its payment.
func TestJudgeKeepsNoForeignID(t *testing.T) {
	c := payment.Charge{Key: "k-1", Reference: "r", CustomerID: "c", Money: payment.Money{Amount: 100, Currency: "EUR"}}
	for _, status := range []payment.Status{payment.Succeeded, payment.Declined, payment.Pending, payment.Canceled, "odd"} {
		p := payment.Payment{ID: "pay_1", Status: status, Key: c.Key, Reference: c.Reference, CustomerID: c.CustomerID, Money: c.Money}
		require.Equal(t, "pay_1", payment.Judge(c, p).PaymentID, status)
		other := p
		other.Money.Amount++
		require.Equal(t, "pay_1", payment.Judge(c, other).PaymentID, status)
		require.Equal(t, payment.Differs, payment.Judge(c, other).Kind, status)
		for field, change := range map[string]func(*payment.Payment){
			"idempotency_key": func(p *payment.Payment) { p.Key = "k-2" },
			"reference":       func(p *payment.Payment) { p.Reference = "x" },
			"customer_id":     func(p *payment.Payment) { p.CustomerID = "x" },
		} {
			foreign := p
			change(&foreign)
			require.Equal(t, payment.Outcome{Kind: payment.Differs, Reason: field + " is not ours: payment pay_1"}, payment.Judge(c, foreign), status)
		}
	}
}

// A decline without a record speaks of one request alone: where an earlier one may have been executed, it frees nothing.
func TestADeclineWithoutARecordDoesNotEndADoubt(t *testing.T) {
	for _, unrecorded := range []bool{true, false} {
		o := payment.Outcome{Kind: payment.Refused, Unrecorded: unrecorded, Reason: "no method"}
		first, doubted := o.After(false)
		require.Equal(t, payment.Refused, first.Kind)
		require.False(t, doubted)
		again, doubted := o.After(true)
		require.True(t, doubted)
		if unrecorded {
			require.Equal(t, payment.InDoubt, again.Kind)
			require.Equal(t, "in doubt before, then declined: no method", again.Reason)
		} else {
			require.Equal(t, payment.Refused, again.Kind)
		}
	}
}
