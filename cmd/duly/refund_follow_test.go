package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/gateway/simulator"
)

// An operator's word that a refund was executed does what a run does after one: the subscription ends, the period is given back, the items go
// back into the stock, and each event that says the one says the other.
func TestAWordOfARefundIsFollowedAsARunIs(t *testing.T) {
	t.Parallel()
	for _, word := range []string{"refunded", "not_executed"} {
		for _, follow := range []string{"end_subscription", "give_period_back"} {
			s := billed(t)
			s.exec(t, `INSERT INTO refunds (id, invoice_id, reason, follow_up, status, detail) VALUES (7, 1, 'asked for', ?, 'review', 'why')`, follow)
			require.NoError(t, s.sim.Amend(s.sim.Ledger()[0].ID, func(e *simulator.Entry) { e.Refunded = e.Amount }))
			if word == "not_executed" { // it was another refund, which is recorded
				s.exec(t, `UPDATE payment_attempts SET refunded_amount = amount`)
				s.exec(t, `UPDATE invoices SET refunded_amount = amount`)
			}
			got := s.duly(t, "resolve", "refund", "7", "--as", word, "--reason", "looked")
			require.Equal(t, batch.ExitDone, got.code, got.err)
			want := map[string]struct{ subscription, invoice, told string }{
				"end_subscription": {"cancelled", "paid", "; subscription 1 is cancelled"},
				"give_period_back": {"active", "void", "; its invoice is void"},
			}[follow]
			require.Contains(t, got.out, want.told)
			require.Equal(t, int64(1), s.number(t, `SELECT COUNT(*) FROM subscriptions WHERE status = ?`, want.subscription), follow)
			require.Equal(t, int64(1), s.number(t, `SELECT COUNT(*) FROM invoices WHERE status = ? AND refunded_amount = amount`, want.invoice), follow)
			ended := int64(0)
			if follow == "end_subscription" {
				ended = 1
			}
			require.Equal(t, ended, s.number(t, `SELECT COUNT(*) FROM events WHERE type = 'subscription.cancelled'`))
			require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
			require.Len(t, s.sim.Ledger(), 1, "it is not charged again")
		}
	}
}

// The items of an order go back with an operator's word, once.
func TestAWordOfARefundRestocks(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.order(t, "payment_in_progress", "succeeded")
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "reconcile").code)
	stock := s.number(t, "SELECT stock FROM products WHERE id = 1")
	taken := s.number(t, "SELECT SUM(quantity) FROM order_items WHERE product_id = 1")
	require.NoError(t, s.sim.Amend(s.sim.Ledger()[0].ID, func(e *simulator.Entry) { e.Refunded = e.Amount }))
	s.exec(t, `INSERT INTO refunds (id, payment_id, reason, restock, status, detail) SELECT 7, id, 'returned', TRUE, 'review', 'why' FROM payments`)
	s.exec(t, `INSERT INTO refunds (id, payment_id, reason, restock, status, detail) SELECT 8, id, 'returned', TRUE, 'review', 'why' FROM payments`)
	got := s.duly(t, "resolve", "refund", "7", "--as", "refunded", "--reason", "looked")
	require.Equal(t, batch.ExitDone, got.code, got.err)
	require.Contains(t, got.out, "; its items are back in the stock")
	require.Equal(t, stock+taken, s.number(t, "SELECT stock FROM products WHERE id = 1"))
	require.Equal(t, int64(1), s.number(t, `SELECT COUNT(*) FROM refunds WHERE restocked = 1 AND status = 'refunded'`))
	require.Equal(t, int64(1), s.number(t, `SELECT COUNT(*) FROM events WHERE type = 'refund.succeeded' AND payload LIKE '%"restocked":%true%'`))
	require.Equal(t, batch.ExitDone, s.duly(t, "resolve", "refund", "8", "--as", "not_executed", "--reason", "looked").code)
	require.Equal(t, stock+taken, s.number(t, "SELECT stock FROM products WHERE id = 1"), "once")
}

// A subscription of a status that duly does not know is ended by nobody's word alone: the command says what to do first.
func TestAWordOfARefundOfAnUnknownStatus(t *testing.T) {
	t.Parallel()
	s := billed(t)
	s.exec(t, `UPDATE subscriptions SET status = 'churning'`)
	require.Equal(t, batch.ExitDone, s.duly(t, "refund", "invoice", "1", "--amount", "5000", "--end-subscription", "--reason", "half").code)
	got := s.duly(t, "run", "reconcile", "--step", "refund")
	require.Equal(t, batch.ExitReview, got.code, got.out+got.err)
	require.Contains(t, got.out, "duly list review")
	resolve := func() ended { return s.duly(t, "resolve", "refund", "1", "--as", "refunded", "--reason", "looked") }
	got = resolve()
	require.Equal(t, batch.ExitUsage, got.code)
	require.Contains(t, got.err, `subscription 1 is "churning", which duly does not end: fix its status, then --as refunded`)
	require.Zero(t, s.number(t, `SELECT COUNT(*) FROM refunds WHERE status <> 'review'`))
	s.exec(t, `UPDATE subscriptions SET status = 'active'`)
	got = resolve()
	require.Equal(t, batch.ExitDone, got.code, got.err)
	require.Equal(t, int64(1), s.number(t, `SELECT COUNT(*) FROM subscriptions WHERE status = 'cancelled'`))
	require.Equal(t, int64(1), s.number(t, `SELECT COUNT(*) FROM refunds WHERE status = 'refunded' AND amount = 5000 AND settled_at IS NOT NULL`))
	require.Equal(t, int64(1), s.number(t, `SELECT COUNT(*) FROM events WHERE type = 'refund.succeeded'`), "once")
	require.Equal(t, int64(5000), s.sim.Ledger()[0].Refunded)
}

// Items that an earlier refund of a part was to bring back go back when an operator says that the rest of its payment was refunded.
func TestAWordOfAPaymentRestocks(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.order(t, "payment_in_progress", "succeeded")
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "reconcile").code)
	stock := s.number(t, "SELECT stock FROM products WHERE id = 1")
	taken := s.number(t, "SELECT SUM(quantity) FROM order_items WHERE product_id = 1")
	require.Equal(t, batch.ExitDone, s.duly(t, "refund", "order", "1", "--amount", "1", "--restock", "--reason", "returned").code)
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "reconcile").code)
	require.NoError(t, s.sim.Amend(s.sim.Ledger()[0].ID, func(e *simulator.Entry) { e.Refunded = e.Amount }))
	s.exec(t, `UPDATE payments SET status = 'review'`)
	got := s.duly(t, "resolve", "payment", "1", "--as", "refunded", "--reason", "looked")
	require.Equal(t, batch.ExitDone, got.code, got.err)
	require.Equal(t, stock+taken, s.number(t, "SELECT stock FROM products WHERE id = 1"))
	require.Equal(t, int64(1), s.number(t, `SELECT COUNT(*) FROM refunds WHERE restocked = 1`))
}
