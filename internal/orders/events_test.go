package orders_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/orders"
	"duly/internal/payment"
)

// What receivers read is looked at whole: names, units, identities.
func TestEventsGolden(t *testing.T) {
	five := int64(5)
	low, _ := orders.StockLow(orders.Product{ID: 3, Name: "Mug", Stock: 6, Threshold: &five}, 4, 7)
	out := orders.Decide(order("pending"), []orders.Checked{found(row(1, "pending"), payment.Succeeded)}, false, policy(), 1, noon())
	var all []payment.Event
	all = append(all, decide(order("pending"), found(row(1, "pending"), payment.Succeeded)).Events...)
	all = append(all, decide(order("pending")).Events...)
	all = append(all, out.Events...)
	all = append(all, decide(order("shipped"), found(row(1, "pending"), payment.Succeeded)).Events...)
	all = append(all, orders.RefundCompleted(order("failed"), row(1, "refund_due"), 12900, "order failed: out of stock"), orders.ReviewNeeded(order("failed"), "refund of payment 1: not done after a day"), low)
	var text strings.Builder
	for _, e := range all {
		body, err := json.Marshal(e.Payload)
		require.NoError(t, err)
		text.WriteString(e.Type + "\n  " + e.Subject + "\n  " + e.Dedupe + "\n  " + string(body) + "\n")
	}
	golden(t, "events.golden", text.String())
}

// Every event that fits its columns has an identity of its own, and the same change has the same.
func TestEventIdentities(t *testing.T) {
	completed := func() payment.Event {
		return decide(order("pending"), found(row(1, "pending"), payment.Succeeded)).Events[0]
	}
	require.Equal(t, completed(), completed())
	a, b := orders.ReviewNeeded(order("failed"), "one"), orders.ReviewNeeded(order("failed"), "another")
	require.NotEqual(t, a.Dedupe, b.Dedupe)
	require.NotEqual(t, orders.RefundCompleted(order(""), row(1, ""), 1, "").Dedupe, orders.RefundCompleted(order(""), row(2, ""), 1, "").Dedupe)
	long := orders.ReviewNeeded(order("failed"), strings.Repeat("가", 300))
	require.LessOrEqual(t, len(long.Dedupe), 191)
	require.LessOrEqual(t, len(long.Subject), 64)
}
