package jobs_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/gateway/simulator"
	"duly/internal/test/worktest"
)

// wish inserts a refund with what is to follow from it.
func (c *counter) wish(column string, id uint64, amount int64, follow string, restock bool) {
	c.t.Helper()
	worktest.Exec(c.t, c.plain, `INSERT INTO refunds (`+column+`, amount, reason, follow_up, restock) VALUES (?, NULLIF(?, 0), 'asked for', NULLIF(?, ''), ?)`, id, amount, follow, restock)
}

// soldWith adds a sold order that took two of a product, and returns its payment.
func (c *counter) soldWith(product uint64) (paymentID uint64, there string) {
	c.t.Helper()
	paymentID, there = c.sold()
	worktest.Exec(c.t, c.plain, `INSERT IGNORE INTO products (id, name, stock) VALUES (?, 'Vitamin C', 5)`, product)
	worktest.Exec(c.t, c.plain, `INSERT INTO order_items (order_id, product_id, quantity) SELECT order_id, ?, 2 FROM payments WHERE id = ?`, product, paymentID)
	return paymentID, there
}

// What is to follow from a refund follows, although somebody refunded all of the payment at the provider before it was executed.
func TestWhatFollowsThoughSomebodyElseRefunded(t *testing.T) {
	t.Parallel()
	for _, amount := range []int64{0, 200} {
		w := newCounter(t)
		all := func(id string) { w.amend(id, func(e *simulator.Entry) { e.Refunded = e.Amount }) }
		invoice, there := w.billed()
		all(there)
		paid, bought := w.soldWith(7)
		all(bought)
		w.wish("invoice_id", invoice, amount, "end_subscription", false)
		w.wish("payment_id", paid, amount, "", true)
		w.wish("payment_id", paid, 0, "", true)
		require.Equal(t, batch.ExitDone, w.refund().Exit)
		asked := "-"
		if amount > 0 {
			asked = fmt.Sprint(amount)
		}
		require.Equal(t, []string{
			"refused " + asked + " rf_sub_1_20260131-1 nothing is left: it was refunded in full before; subscription 1 is cancelled",
			"refused " + asked + " rf_ord_1-1 nothing is left: it was refunded in full before; its items are back in the stock",
			"refused - rf2_ord_1-1 nothing is left: it was refunded in full before",
		}, w.asked())
		require.Equal(t, "cancelled", worktest.Get[string](t, w.plain, `SELECT status FROM subscriptions`))
		require.Equal(t, 7, worktest.Get[int](t, w.plain, `SELECT stock FROM products WHERE id = 7`), "once")
		require.Equal(t, []string{"refunded 500"}, w.payments())
		require.ElementsMatch(t, []string{"refund.refused", "refund.refused", "refund.refused", "subscription.cancelled", "refund.completed"}, w.events())
		require.Zero(t, w.requests("main"))
	}
	w := newCounter(t)
	invoice, there := w.billed()
	w.amend(there, func(e *simulator.Entry) { e.Refunded = e.Amount })
	w.wish("invoice_id", invoice, 0, "give_period_back", false)
	require.Equal(t, batch.ExitDone, w.refund().Exit)
	require.Equal(t, "void 500", worktest.Get[string](t, w.plain, `SELECT CONCAT_WS(' ', status, refunded_amount) FROM invoices`))
	require.Equal(t, "active", worktest.Get[string](t, w.plain, `SELECT status FROM subscriptions`))
}

// An order's items go back once all of its payment is refunded, also if another refund gave the rest back.
func TestARestockOfAnEarlierPart(t *testing.T) {
	t.Parallel()
	for name, rest := range map[string]func(w *counter, paid uint64, there string){
		"another refund": func(w *counter, paid uint64, _ string) { w.ask("payment_id", paid, 0) },
		"refund_due": func(w *counter, _ uint64, _ string) {
			worktest.Exec(w.t, w.plain, `UPDATE payments SET status = 'refund_due'`)
		},
		"somebody at the provider, and another refund": func(w *counter, paid uint64, there string) {
			w.amend(there, func(e *simulator.Entry) { e.Refunded = e.Amount })
			w.ask("payment_id", paid, 0)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newCounter(t)
			paid, there := w.soldWith(7)
			w.wish("payment_id", paid, 200, "", true)
			require.Equal(t, batch.ExitDone, w.refund().Exit)
			stock := func() int { return worktest.Get[int](t, w.plain, `SELECT stock FROM products WHERE id = 7`) }
			require.Equal(t, 5, stock(), "not yet")
			rest(w, paid, there)
			require.Equal(t, batch.ExitDone, w.refund().Exit)
			require.Equal(t, 7, stock())
			require.Equal(t, []string{"refunded 500"}, w.payments())
			require.Equal(t, 1, worktest.Get[int](t, w.plain, `SELECT restocked FROM refunds ORDER BY id LIMIT 1`))
			w.refund()
			require.Equal(t, 7, stock(), "once")
		})
	}
}

// A subscription of a status that duly does not know is not ended without a word: its money is refunded, and a person is told.
func TestASubscriptionThatDulyCannotEnd(t *testing.T) {
	t.Parallel()
	w := newCounter(t)
	invoice, _ := w.billed()
	worktest.Exec(t, w.plain, `UPDATE subscriptions SET status = 'churning'`)
	w.wish("invoice_id", invoice, 200, "end_subscription", false)
	result := w.refund()
	require.Equal(t, batch.ExitReview, result.Exit, "%v", result)
	require.Equal(t, int64(200), result.Tally.Amounts["KRW"])
	require.Equal(t, []string{`review 200 rf_sub_1_20260131-1 refunded, but subscription 1 is "churning", which duly does not end: fix its status, then --as refunded`}, w.asked())
	require.Equal(t, "200 1 0", worktest.Get[string](t, w.plain, `SELECT CONCAT_WS(' ', i.refunded_amount, r.unsettled IS NULL, r.refunded_before) FROM invoices i, refunds r`))
	require.ElementsMatch(t, []string{"refund.succeeded", "review.needed"}, w.events())
	require.Equal(t, []string{"200 in 1"}, w.given("main"))

	w.ask("invoice_id", invoice, 0)
	require.Equal(t, batch.ExitDone, w.refund().Exit, "it blocks no other")
}

// The period that a refund of a part was to give back is given back once all of the payment is refunded, also if another refund gave the rest back.
func TestAPeriodOfAnEarlierPart(t *testing.T) {
	t.Parallel()
	for name, rest := range map[string]func(w *counter, invoice uint64, there string){
		"another refund": func(w *counter, invoice uint64, _ string) { w.ask("invoice_id", invoice, 0) },
		"somebody at the provider, and another refund": func(w *counter, invoice uint64, there string) {
			w.amend(there, func(e *simulator.Entry) { e.Refunded = e.Amount })
			w.ask("invoice_id", invoice, 0)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newCounter(t)
			invoice, there := w.billed()
			w.amend(there, func(e *simulator.Entry) { e.Refunded = 200 })
			worktest.Exec(t, w.plain, `INSERT INTO refunds (invoice_id, amount, currency, reason, follow_up, status, settled_at) VALUES
(?, 200, 'KRW', 'asked for', 'give_period_back', 'refunded', UTC_TIMESTAMP(6)), (?, 100, 'KRW', 'asked for', 'give_period_back', 'refused', UTC_TIMESTAMP(6))`, invoice, invoice)
			worktest.Exec(t, w.plain, `UPDATE payment_attempts SET refunded_amount = 200`)
			worktest.Exec(t, w.plain, `UPDATE invoices SET refunded_amount = 200`)
			w.ask("invoice_id", invoice, 100)
			require.Equal(t, batch.ExitDone, w.refund().Exit)
			status := func() string { return worktest.Get[string](t, w.plain, `SELECT status FROM invoices`) }
			require.Equal(t, "paid", status(), "not yet")
			rest(w, invoice, there)
			require.Equal(t, batch.ExitDone, w.refund().Exit)
			require.Equal(t, "void", status())
		})
	}
	w := newCounter(t)
	invoice, _ := w.billed()
	worktest.Exec(t, w.plain, `INSERT INTO refunds (invoice_id, amount, reason, follow_up, status) VALUES (?, 200, 'asked for', 'give_period_back', 'refused')`, invoice)
	w.ask("invoice_id", invoice, 0)
	require.Equal(t, batch.ExitDone, w.refund().Exit)
	require.Equal(t, "paid", worktest.Get[string](t, w.plain, `SELECT status FROM invoices`), "what was refused asks for nothing")
}
