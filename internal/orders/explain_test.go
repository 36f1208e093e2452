package orders_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/orders"
	"duly/internal/payment"
)

func TestExplain(t *testing.T) {
	ago := func(d time.Duration) time.Time { return noon().Add(-d) }
	in := func(d time.Duration) time.Time { return noon().Add(d) }
	const m, h = time.Minute, time.Hour
	standing := func(o orders.OrderStatus, check orders.Check, payments ...orders.Payment) orders.Snapshot {
		return orders.Snapshot{Order: order(o), Payments: payments, Check: check, Policy: policy(), Now: noon()}
	}
	young := row(1, "pending")
	young.UpdatedAt = ago(9 * m)
	declined := row(1, "failed")
	declined.FailureCode = "stolen_card"
	paused := standing("pending", orders.Check{}, row(1, "refund_due"))
	behind := standing("failed", orders.Check{}, row(1, "refund_due"))
	behind.Held = 3
	paused.JobPaused = "kim, since 09:00: audit"

	var text strings.Builder
	for _, c := range []struct {
		name     string
		want     []orders.Why
		standing orders.Snapshot
	}{
		{"never begun to pay", []orders.Why{orders.WhyDue}, standing("pending", orders.Check{})},
		{"abandoned while paying", []orders.Why{orders.WhyDue}, standing("payment_in_progress", orders.Check{}, row(1, "pending"))},
		{"just begun to pay", []orders.Why{orders.WhyYoung}, standing("pending", orders.Check{}, young)},
		{"not decided", []orders.Why{orders.WhyWaits}, standing("payment_in_progress", orders.Check{Checks: 2, At: ago(5 * m), Next: in(25 * m)}, row(1, "pending"), row(2, "pending"))},
		{"not decided, and asked in vain", []orders.Why{orders.WhyWaits}, standing("payment_in_progress", orders.Check{Checks: 2, Next: in(25 * m), Patience: map[uint64]payment.Patience{1: askedEnough(), 2: payment.Patience{}.Unanswered(ago(h))}}, row(1, "pending"), row(2, "pending"))},
		{"checked once", []orders.Why{orders.WhyWaits}, standing("pending", orders.Check{Checks: 1, Next: in(5 * m)})},
		{"its next check is due", []orders.Why{orders.WhyDue}, standing("payment_in_progress", orders.Check{Checks: 2, Next: ago(m)}, row(1, "pending"))},
		{"late payment of a completed order", []orders.Why{orders.WhyWaits}, standing("completed", orders.Check{Checks: 1, Next: in(h)}, row(1, "succeeded"), row(2, "pending"))},
		{"given up, one more look", []orders.Why{orders.WhyLastLook}, standing("failed", orders.Check{Checks: 1, At: ago(h), Next: in(23 * h)}, row(1, "failed"))},
		{"given up by the shop, never asked", []orders.Why{orders.WhyDue}, standing("failed", orders.Check{}, row(1, "failed"), row(2, "failed"))},
		{"given up for good", []orders.Why{orders.WhySettled}, standing("failed", orders.Check{Checks: 2, At: ago(m)}, row(1, "failed"))},
		{"settled", []orders.Why{orders.WhySettled}, standing("completed", orders.Check{}, declined, row(2, "succeeded"))},
		{"a payment in review", []orders.Why{orders.WhyReview}, standing("pending", orders.Check{Reason: "payment 1 succeeded at the gateway and differs: reference is not ours"}, row(1, "review"))},
		{"two payments in review", []orders.Why{orders.WhyReview}, standing("pending", orders.Check{Reason: "split tender"}, row(1, "review"), row(2, "review"))},
		{"frozen", []orders.Why{orders.WhyReview}, standing("shipped", orders.Check{Reason: "payment 1 succeeded while the order was shipped"}, row(1, "succeeded"))},
		{"in check", []orders.Why{orders.WhyChecking}, standing("pending", orders.Check{Run: 12, RunLives: true}, row(1, "pending"))},
		{"claimed by a run that ended", []orders.Why{orders.WhyDue}, standing("pending", orders.Check{Run: 12}, row(1, "pending"))},
		{"out of stock, refund due", []orders.Why{orders.WhySettled, orders.WhyRefund}, standing("failed", orders.Check{Checks: 1}, row(1, "refund_due"))},
		{"refund tried", []orders.Why{orders.WhySettled, orders.WhyRefund}, standing("failed", orders.Check{RefundTries: 1, RefundSince: ago(h), RefundNext: in(m)}, row(1, "refund_due"), row(2, "refund_due"))},
		{"refund behind another", []orders.Why{orders.WhySettled, orders.WhyRefund}, behind},
		{"refund under way", []orders.Why{orders.WhyChecking, orders.WhyChecking}, standing("failed", orders.Check{Run: 12, RunLives: true}, row(1, "refund_due"))},
		{"held back", []orders.Why{orders.WhyHeldBack, orders.WhyHeldBack}, paused},
	} {
		got := orders.Explain(c.standing)
		why := make([]orders.Why, 0, len(got))
		fmt.Fprintln(&text, c.name)
		for _, e := range got {
			why = append(why, e.Why)
			require.NotEmpty(t, e.Text, c.name)
			require.NotEmpty(t, e.Next, c.name)
			fmt.Fprintf(&text, "  %s: %s\n  %s\n", e.Why, e.Text, e.Next)
		}
		require.Equal(t, c.want, why, c.name)
	}
	golden(t, "explain.golden", text.String())
}
