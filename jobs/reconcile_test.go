package jobs_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/gateway/httpapi"
	"duly/internal/gateway/simulator"
	"duly/internal/payment"
	"duly/internal/test/worktest"
)

// there is what the gateway has of an order's payments, by their number: a change to the record, nil for a plain
// success.
type there map[int]func(*simulator.Entry)

// Every line of the table, through the whole step.
func TestOrdersAreSettledByTheTable(t *testing.T) {
	t.Parallel()
	one := []worktest.Payment{{}}
	for _, c := range []struct {
		name   string
		order  worktest.Order
		there  there
		want   string
		check  string
		events []string
		left   int64 // of five in stock
		count  batch.Tally
		exit   int
	}{
		{
			name: "paid, still open", order: worktest.Order{Payments: one, Items: map[uint64]int64{1: 2}}, there: there{1: nil},
			want: "completed | succeeded", check: "free 0", events: []string{"order.completed"}, left: 3,
			count: batch.Tally{Succeeded: 1, Amounts: map[string]int64{"KRW": 12900}},
		},
		{
			name: "paid, never begun as the shop thinks", order: worktest.Order{Status: "pending", Payments: one}, there: there{1: nil},
			want: "completed | succeeded", check: "free 0", events: []string{"order.completed"}, left: 5,
			count: batch.Tally{Succeeded: 1, Amounts: map[string]int64{"KRW": 12900}},
		},
		{
			name: "paid twice", order: worktest.Order{Payments: []worktest.Payment{{}, {}}, Items: map[uint64]int64{1: 1}}, there: there{1: nil, 2: nil},
			want: "completed | succeeded | refund_due", check: "free 0", events: []string{"order.completed"}, left: 4,
			count: batch.Tally{Succeeded: 1, Amounts: map[string]int64{"KRW": 12900}},
		},
		{
			name: "paid, out of stock", order: worktest.Order{Payments: one, Items: map[uint64]int64{1: 6}}, there: there{1: nil},
			want: "failed (out of stock) | refund_due", check: "free 0", events: []string{"order.failed"}, left: 5, count: batch.Tally{Declined: 1},
		},
		{
			name: "paid, a product is gone", order: worktest.Order{Payments: one, Items: map[uint64]int64{1: 1, 99: 1}}, there: there{1: nil},
			want: "failed (out of stock) | refund_due", check: "free 0", events: []string{"order.failed"}, left: 5, count: batch.Tally{Declined: 1},
		},
		{
			name: "paid after it was given up", order: worktest.Order{Status: "failed", Payments: []worktest.Payment{{Status: "failed", Code: "request_failed"}}},
			there: there{1: nil}, want: "failed | refund_due request_failed", check: "free 0", left: 5, count: batch.Tally{Declined: 1},
		},
		{
			name: "paid after it was cancelled", order: worktest.Order{Status: "cancelled", Payments: one}, there: there{1: nil},
			want: "cancelled | refund_due", check: "free 0", left: 5, count: batch.Tally{Declined: 1},
		},
		{
			name: "paid, completed by the shop", order: worktest.Order{Status: "completed", Payments: one, Items: map[uint64]int64{1: 2}}, there: there{1: nil},
			want: "completed | succeeded", check: "free 0", left: 5, count: batch.Tally{Succeeded: 1, Amounts: map[string]int64{"KRW": 12900}},
		},
		{
			name: "paid, in a status that is the shop's own", order: worktest.Order{Status: "shipped", Payments: one}, there: there{1: nil},
			want: "shipped | succeeded", check: "free 0 (payment 1 succeeded while the order was shipped)", events: []string{"review.needed"}, left: 5,
			count: batch.Tally{Review: 1, Amounts: map[string]int64{"KRW": 12900}}, exit: batch.ExitReview,
		},
		{
			name: "another amount", order: worktest.Order{Payments: one}, there: there{1: func(e *simulator.Entry) { e.Amount = 12901 }},
			want: "payment_in_progress | review", events: []string{"review.needed"}, left: 5, count: batch.Tally{Review: 1}, exit: batch.ExitReview,
			check: "free 0 (payment 1 succeeded at the gateway and differs: 12,901 KRW were taken, 12,900 KRW are recorded)",
		},
		{
			name: "pending", order: worktest.Order{Payments: one}, there: there{1: stands(payment.Pending)},
			want: "payment_in_progress | pending", check: "free 1 in 10m", left: 5, count: batch.Tally{InDoubt: 1}, exit: batch.ExitUnfinished,
		},
		{
			name: "pending for too long", order: worktest.Order{Age: 25 * time.Hour, Payments: one}, there: there{1: stands(payment.Pending)},
			want:  "failed (not paid: payment cancelled, given_up: it was pending for too long, and was cancelled at the gateway) | cancelled given_up",
			check: "free 0", events: []string{"order.failed"}, left: 5, count: batch.Tally{Declined: 1},
		},
		{
			name: "declined", order: worktest.Order{Payments: one}, there: there{1: stands(payment.Declined)},
			want: "failed (not paid: payment failed, insufficient_funds: declined: insufficient_funds) | failed insufficient_funds", check: "free 0", events: []string{"order.failed"},
			left: 5, count: batch.Tally{Declined: 1},
		},
		{
			name: "never arrived", order: worktest.Order{Payments: one},
			want:  "failed (not paid: payment failed, request_failed: the charge never arrived at the gateway) | failed request_failed",
			check: "free 1 in 1382m", events: []string{"order.failed"}, left: 5, count: batch.Tally{Declined: 1},
		},
		{
			name: "nothing was begun", order: worktest.Order{Status: "pending"}, want: "failed (not paid: no payment was begun)",
			check: "free 0", events: []string{"order.failed"}, left: 5, count: batch.Tally{Declined: 1},
		},
		{
			name: "a gateway that is not configured", order: worktest.Order{Payments: []worktest.Payment{{Gateway: "gone"}}},
			want: "payment_in_progress | pending", check: "free 0", left: 5, count: batch.Tally{Released: 1}, exit: batch.ExitUnfinished,
		},
		{
			name:  "a gateway that is not configured, for long",
			order: worktest.Order{Age: 1000 * time.Hour, Payments: []worktest.Payment{{Gateway: "gone"}}},
			want:  "payment_in_progress | pending", check: "free 0", left: 5, count: batch.Tally{Released: 1}, exit: batch.ExitUnfinished,
		},
		{
			name:  "a gateway that is not configured, and paid at another one",
			order: worktest.Order{Payments: []worktest.Payment{{}, {Gateway: "gone"}}}, there: there{1: nil},
			want: "completed | succeeded | pending", check: "free 1 in 10m", events: []string{"order.completed"}, left: 5, count: batch.Tally{Succeeded: 1, Amounts: map[string]int64{"KRW": 12900}}, exit: batch.ExitUnfinished,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := newMarket(t)
			product := worktest.Stock(t, m.plain, 5)[0]
			id := m.sell(c.order)[0]
			for n, change := range c.there {
				m.took(id, n, change)
			}
			m.proven()
			result := m.run()
			require.NoError(t, result.Err)
			require.Equal(t, c.want, m.order(id))
			require.Equal(t, c.check, m.check(id))
			require.Equal(t, c.events, m.events(fmt.Sprintf("order:%d", id)))
			require.Equal(t, c.left, m.stock(product))
			c.count.Read = 1
			require.Equal(t, c.count, result.Tally)
			require.Equal(t, c.exit, result.Exit, "%v", result.Left)
		})
	}
}

// A gateway that knows no look-up by key is asked by its own id, and else waited for.
func TestOrdersOfAGatewayThatCannotBeAskedByKey(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	m.client = func(c *httpapi.Config) { c.NoFind = true }
	ids := m.sell(worktest.Order{Payments: []worktest.Payment{{}}}, worktest.Order{Payments: []worktest.Payment{{}}})
	known := m.took(ids[0], 1, nil)
	m.took(ids[1], 1, nil)
	worktest.Exec(t, m.plain, `UPDATE payments SET transaction_key = ?, updated_at = updated_at WHERE order_id = ?`, known, ids[0])
	m.run()
	require.Equal(t, "completed | succeeded", m.order(ids[0]))
	require.Equal(t, "payment_in_progress | pending", m.order(ids[1]))
	m.pass(25 * time.Hour)
	require.Equal(t, batch.ExitReview, m.run().Exit)
	require.Equal(t, "payment_in_progress | review", m.order(ids[1]))
}
