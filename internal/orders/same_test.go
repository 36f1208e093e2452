package orders_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/orders"
	"duly/internal/payment"
)

// Two rows that stand for one payment count once: the money is kept for one of them and refunded for none, and the other is for
// an operator, with both rows named.
func TestOnePaymentCountsOnce(t *testing.T) {
	older := func(p orders.Payment) orders.Payment {
		p.CreatedAt = p.CreatedAt.Add(-time.Minute)
		return p
	}
	with := func(p orders.Payment, key, id, gateway string) orders.Payment {
		p.Key, p.TransactionKey = key, id
		if gateway != "" {
			p.Gateway = gateway
		}
		return p
	}
	one := func(status orders.PaymentStatus) orders.Payment { return with(older(row(1, status)), "k", "", "") }
	is := func(id string) func(*payment.Payment) { return func(p *payment.Payment) { p.ID = id } }
	paid := func(p orders.Payment, id string) orders.Checked { return found(p, payment.Succeeded, is(id)) }
	recorded := func(p orders.Payment) orders.Checked { return orders.Checked{Payment: p, Guarantees: lasting()} }
	to := func(d orders.Decision) map[uint64]orders.PaymentStatus {
		all := map[uint64]orders.PaymentStatus{}
		for _, c := range d.Payments {
			all[c.ID] = c.To
		}
		return all
	}
	two := "payment 2 is the same payment at the gateway as payment 1"
	for _, c := range []struct {
		name    string
		status  orders.OrderStatus
		checked []orders.Checked
		want    map[uint64]orders.PaymentStatus
		review  string
		takes   int
	}{
		{
			"one key", "pending",
			[]orders.Checked{paid(one("pending"), "pay_1"), paid(with(row(2, "pending"), "k", "", ""), "pay_1")},
			map[uint64]orders.PaymentStatus{1: "succeeded", 2: "review"},
			two, 1,
		},
		{
			"one key, and two ids", "pending",
			[]orders.Checked{paid(one("pending"), "pay_1"), paid(with(row(2, "pending"), "k", "", ""), "pay_2")},
			map[uint64]orders.PaymentStatus{1: "succeeded", 2: "review"},
			two, 1,
		},
		{
			"one id", "pending",
			[]orders.Checked{paid(with(one("pending"), "a", "pay_1", ""), "pay_1"), paid(with(row(2, "pending"), "", "pay_1", ""), "pay_1")},
			map[uint64]orders.PaymentStatus{1: "succeeded", 2: "review"},
			two, 1,
		},
		{
			"one id in two letter cases", "pending",
			[]orders.Checked{paid(with(one("pending"), "a", "PAY_1", ""), "pay_1"), paid(with(row(2, "pending"), "", "Pay_1", ""), "pay_1")},
			map[uint64]orders.PaymentStatus{1: "succeeded", 2: "review"},
			two, 1,
		},
		{
			"one that is recorded", "completed",
			[]orders.Checked{paid(with(one("pending"), "k", "", ""), "pay_1"), recorded(with(row(2, "succeeded"), "k", "", ""))},
			map[uint64]orders.PaymentStatus{1: "review"},
			"payment 1 is the same payment at the gateway as payment 2", 0,
		},
		{
			"three rows", "pending",
			[]orders.Checked{paid(one("pending"), "pay_1"), paid(with(row(2, "pending"), "k", "", ""), "pay_1"), paid(with(row(3, "failed"), "k", "", ""), "pay_1")},
			map[uint64]orders.PaymentStatus{1: "succeeded", 2: "review", 3: "review"},
			two + "; payment 3 is the same payment at the gateway as payment 1", 1,
		},
		{
			"late", "failed",
			[]orders.Checked{paid(one("pending"), "pay_1"), paid(with(row(2, "pending"), "k", "", ""), "pay_1")},
			map[uint64]orders.PaymentStatus{1: "refund_due", 2: "review"},
			two, 1,
		},
		{
			"one that is refunded", "pending",
			[]orders.Checked{recorded(with(row(1, "refund_due"), "", "pay_2", "")), paid(with(row(2, "pending"), "k", "", ""), "pay_2")},
			map[uint64]orders.PaymentStatus{2: "review"},
			two, 0,
		},
		{
			"two gateways", "pending",
			[]orders.Checked{paid(one("pending"), "pay_1"), paid(with(row(2, "pending"), "k", "", "other"), "pay_1")},
			map[uint64]orders.PaymentStatus{1: "succeeded", 2: "refund_due"},
			"", 2,
		},
		{
			"two payments", "pending",
			[]orders.Checked{paid(one("pending"), "pay_1"), paid(row(2, "pending"), "pay_2")},
			map[uint64]orders.PaymentStatus{1: "succeeded", 2: "refund_due"},
			"", 2,
		},
	} {
		d := orders.Decide(order(c.status), c.checked, true, policy(), 1, noon())
		require.Equal(t, c.want, to(d), c.name)
		require.Equal(t, c.review, d.Review, c.name)
		require.Len(t, orders.Takes(order(c.status), c.checked), c.takes, c.name)
	}
}

// What another row has is neither kept nor refunded, and its id is not written.
func TestAPaymentThatIsTaken(t *testing.T) {
	for _, status := range []orders.OrderStatus{"pending", "completed", "failed"} {
		c := found(row(1, "pending"), payment.Succeeded)
		c.Taken = "attempt 7 of invoice 3"
		d := orders.Decide(order(status), []orders.Checked{c}, true, policy(), 1, noon())
		require.Equal(t, []orders.Change{{ID: 1, To: "review"}}, d.Payments)
		require.Equal(t, "payment 1 is pay_1 at the gateway, which is booked for attempt 7 of invoice 3", d.Review)
		require.Empty(t, d.Order)
	}
	c := found(row(1, "refund_due"), payment.Succeeded)
	c.Taken = "payment 9 of order 8"
	end := orders.DecideRefund(order("failed"), c, noon())
	require.Equal(t, orders.RefundReview, end.Step)
	require.Equal(t, "nothing is refunded: payment 9 of order 8 keeps this payment", end.Reason)
}
