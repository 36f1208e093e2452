package orders_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/orders"
	"duly/internal/payment"
)

// A word about an order is one about the only payment of it that waits; every other cell is refused, in a line that says what is right.
func TestThrough(t *testing.T) {
	frozen := orders.Check{Reason: "payment 1 differs"}
	said := []payment.Resolution{payment.AsPaid, payment.AsNotExecuted, payment.AsRefunded, payment.AsIgnored}
	for _, c := range []struct {
		name     string
		payments []orders.Payment
		check    orders.Check
		id       uint64
		refused  string
	}{
		{"in review", []orders.Payment{row(1, "review")}, frozen, 1, ""},
		{"in review, its order is not", []orders.Payment{row(1, "review")}, orders.Check{}, 1, ""},
		{"pending, frozen", []orders.Payment{row(1, "pending")}, frozen, 1, ""},
		{"succeeded, frozen", []orders.Payment{row(1, "refunded"), row(2, "succeeded")}, frozen, 2, ""},
		{"given up, frozen", []orders.Payment{row(1, "failed")}, frozen, 1, ""},
		{"pending, not frozen", []orders.Payment{row(1, "pending")}, orders.Check{}, 0, "order 7 is not in review: duly show order 7"},
		{"none", nil, frozen, 0, "order 7 waits for no payment: fix what it says, then duly requeue order 7"},
		{"settled", []orders.Payment{row(1, "refunded")}, frozen, 0, "duly requeue order 7"},
		{"two", []orders.Payment{row(1, "review"), row(2, "review")}, frozen, 0, "payments 1, 2 wait, each for a word of its own: duly resolve payment 1 --as "},
	} {
		for _, as := range said {
			p, err := orders.Through(7, c.payments, c.check, as)
			if c.refused != "" {
				require.ErrorContains(t, err, c.refused, "%s as %s", c.name, as)
				require.NotContains(t, err.Error(), "\n")
				continue
			}
			require.NoError(t, err, "%s as %s", c.name, as)
			require.Equal(t, c.id, p.ID, c.name)
		}
		for as, want := range map[payment.Resolution]string{
			payment.AsPaidOutside: "complete it there, then duly requeue order 7", payment.AsVoid: "order 7 is no invoice", payment.AsUncollectible: "order 7 is no invoice",
		} {
			_, err := orders.Through(7, c.payments, c.check, as)
			require.ErrorContains(t, err, want, "%s as %s", c.name, as)
		}
	}
	for as, want := range map[payment.Resolution]string{
		payment.AsPaidOutside: "order 7 is completed in the shop", payment.AsVoid: "not of an invoice", payment.AsUncollectible: "not of an invoice",
	} {
		for _, status := range []orders.PaymentStatus{"pending", "succeeded", "failed", "cancelled", "refund_due", "refunded", "review"} {
			r := reviewed("pending", func(r *orders.Reviewed) { r.Status = status })
			_, err := orders.Resolve(r, as, "why", evidence(payment.LookupResult{Absent: true}))
			require.ErrorContains(t, err, want, "%s as %s", status, as)
		}
	}
}
