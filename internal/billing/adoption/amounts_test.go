package adoption_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/billing"
	"duly/internal/billing/adoption"
)

// A charge whose record has amounts that cannot be is no refund, which would close the period: an operator decides.
func TestAdoptOfImpossibleAmounts(t *testing.T) {
	for _, c := range []struct {
		amount, refunded int64
		detail           string
	}{
		{12900, 12901, "the gateway shows payment pay_1 with 12,901 KRW of 12,900 KRW refunded, which cannot be: more than was paid"},
		{12900, -1, "the gateway shows payment pay_1 with -1 KRW of 12,900 KRW refunded, which cannot be"},
		{0, 0, "payment pay_1 is 0 KRW, the invoice is 12,900 KRW"},
		{-12900, 0, "payment pay_1 is -12,900 KRW, the invoice is 12,900 KRW"},
	} {
		for _, own := range []string{"none", "rejected", "declined", "in_doubt"} {
			u := adoptCase{record: "succeeded", invoice: "open", own: own, other: "none", subscription: "active"}.unadopted()
			u.Record.Money.Amount, u.Record.Refunded = c.amount, c.refunded
			a, err := adopted(u)
			require.NoError(t, err)
			require.Equal(t, adoption.Review, a.As, "%+v, %s: %s", c, own, a.Detail)
			require.Equal(t, c.detail, a.Detail)
			require.Equal(t, billing.Review, u.Period.After(a).Invoice.Status)
		}
	}
}
