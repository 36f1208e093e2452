package payment_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/payment"
)

// What a record says of its refund counts only if its amounts can be.
func TestAmountsThatCannotBeAreNoRefund(t *testing.T) {
	const paid, canceled, declined = payment.Succeeded, payment.Canceled, payment.Declined
	for _, c := range []struct {
		status           payment.Status
		amount, refunded int64
		whole, back      bool
		why              string
	}{
		{paid, 1000, 0, false, false, ""},
		{paid, 1000, 999, false, false, ""},
		{paid, 1000, 1000, true, true, ""},
		{paid, 1000, 1001, false, false, "1,001 KRW of 1,000 KRW refunded, which cannot be: more than was paid"},
		{paid, 1000, -5, false, false, "-5 KRW of 1,000 KRW refunded, which cannot be"},
		{paid, 0, 0, false, false, "an amount of 0 KRW, which cannot be"},
		{paid, 0, 1000, false, false, "an amount of 0 KRW, which cannot be"},
		{paid, -1000, -1000, false, false, "an amount of -1,000 KRW, which cannot be"},
		{canceled, 1000, 0, false, true, ""},
		{canceled, 1000, 1000, true, true, ""},
		{canceled, 1000, 2000, false, false, "2,000 KRW of 1,000 KRW refunded, which cannot be: more than was paid"},
		{canceled, 0, 0, false, false, "an amount of 0 KRW, which cannot be"},
		{declined, 1000, 1000, false, false, ""},
	} {
		p := payment.Payment{ID: "pay_1", Status: c.status, Money: payment.Money{Amount: c.amount, Currency: "KRW"}, Refunded: c.refunded}
		require.Equal(t, c.why, p.Impossible(), "%+v", c)
		require.Equal(t, c.whole, p.RefundedInFull(), "%+v", c)
		require.Equal(t, c.back, p.HoldsNothing(), "%+v", c)

		record, unknown, why := payment.Evidence{ByKey: payment.LookupResult{Payment: &p}, Gateway: "main"}.Given(payment.Charge{}, "")
		require.Equal(t, c.back, record != nil, "%+v: %s", c, why)
		require.False(t, unknown)
		require.Contains(t, why, c.why)

		charge := payment.Charge{Money: p.Money}
		if o := payment.Judge(charge, p); c.status == paid && c.refunded != 0 {
			require.Equal(t, payment.Differs, o.Kind, "%+v", c)
			require.Contains(t, o.Reason, c.why)
		}
	}
	require.Equal(t, int64(700), payment.Payment{Refunded: 1000}.RefundOf(700), "no more than was paid here")
	require.Contains(t, payment.Payment{Money: payment.Money{Amount: -3, Currency: "secret"}}.Impossible(), "-3 of an unknown currency")
}
