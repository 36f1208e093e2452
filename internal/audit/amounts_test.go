package audit_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/audit"
	"duly/internal/payment"
)

// A record whose amounts cannot be shows no refund, whatever our row says; that it is so is found, and no operator's word about a refund is
// believed by it.
func TestImpossibleAmountsAreFound(t *testing.T) {
	for _, c := range []struct {
		amount, refunded int64
		here             string
	}{
		{1000, 2000, "2,000 KRW of 1,000 KRW refunded, which cannot be: more than was paid"},
		{1000, -5, "-5 KRW of 1,000 KRW refunded, which cannot be"},
		{0, 0, "an amount of 0 KRW, which cannot be"},
		{-1000, 0, "an amount of -1,000 KRW, which cannot be"},
	} {
		p := record("pay_1", "k")
		p.Money.Amount, p.Refunded = c.amount, c.refunded
		for _, o := range []audit.Ours{ours("succeeded", 0), ours("refunded", 1000), ours("refunded", 2000)} {
			if o.Standing == audit.Refunded && p.Refunded == 0 {
				continue // refunded here, not there
			}
			f, found := audit.Compare(o, p)
			require.True(t, found, "%+v, %+v", o, p)
			require.Equal(t, audit.AmountDiffers, f.Kind)
			require.Equal(t, "1,000 KRW here, the gateway shows "+c.here, f.Detail.Text)
		}
		f := audit.Finding{Kind: audit.UnknownHere, GatewayPaymentID: "pay_1", Detail: audit.Detail{Gateway: "main"}}
		e := audit.Evidence{Sights: []payment.LookupResult{{Payment: &p}}}
		for _, as := range []payment.Resolution{payment.AsRefunded, payment.AsPaid} {
			require.ErrorContains(t, audit.Resolve(f, as, e), c.here)
		}
		_, found := audit.Unknown("main", p, nil)
		require.Equal(t, c.amount != 0, found, "money may be kept; a card that was only verified took none")
	}
}
