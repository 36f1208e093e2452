package jobs_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/gateway/simulator"
	"duly/internal/orders"
	"duly/internal/refundrows"
	"duly/internal/refunds"
	"duly/internal/test/worktest"
)

// soldUnder is sold, with a key of the shop's.
func (c *counter) soldUnder(key string) (paymentID uint64) {
	c.t.Helper()
	worktest.Exec(c.t, c.plain, `INSERT INTO orders (customer_id, status, amount, currency, completed_at) VALUES ('c', 'completed', 500, 'KRW', UTC_TIMESTAMP(6))`)
	order := worktest.Get[uint64](c.t, c.plain, `SELECT MAX(id) FROM orders`)
	there, err := c.sims["main"].Inject(simulator.Entry{Key: key, Reference: orders.Reference(order), CustomerID: "c", Method: "pm_ok", Amount: 500, Currency: "KRW"})
	require.NoError(c.t, err)
	worktest.Exec(c.t, c.plain, `INSERT INTO payments (order_id, gateway, idempotency_key, transaction_key, status, amount, currency) VALUES (?, 'main', ?, ?, 'succeeded', 500, 'KRW')`, order, key, there)
	return worktest.Get[uint64](c.t, c.plain, `SELECT MAX(id) FROM payments`)
}

// The keys of two payments' charges differ by what a number could be: each refund of theirs has a key of its own, also beside keys of an earlier
// version, which had the number behind.
func TestEachRefundHasItsOwnKey(t *testing.T) {
	t.Parallel()
	w := newCounter(t)
	first, second := w.soldUnder("col"), w.soldUnder("col-2")
	worktest.Exec(t, w.plain, `INSERT INTO refunds (payment_id, amount, reason, status, number, idempotency_key, gateway) VALUES (?, 1, 'earlier', 'refused', 2, 'rf_col-2', 'main')`, first)
	for range 2 {
		w.ask("payment_id", second, 100)
		w.ask("payment_id", first, 100)
	}
	require.Equal(t, batch.ExitDone, w.refund().Exit)
	worktest.Exec(t, w.plain, `UPDATE payments SET status = 'refund_due' WHERE id = ?`, second)
	require.Equal(t, batch.ExitDone, w.refund().Exit)
	require.Equal(t, []string{"200 in 2", "500 in 3"}, w.given("main"))
	require.Equal(t, []string{"rf2_col-2", "rf3_col", "rf3_col-2", "rf4_col", "rf4_col-2", "rf_col-2"}, worktest.List[string](t, w.plain, `SELECT idempotency_key FROM refunds ORDER BY idempotency_key`))
}

// One charge that two rows of payments have is refunded for the first of them that asks; what the other asks for goes to review with that one's name,
// and what it marks as refund_due too. No run tries it again.
func TestOneChargeUnderTwoPayments(t *testing.T) {
	t.Parallel()
	for name, marked := range map[string]bool{"requested": false, "refund_due": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newCounter(t)
			paid, _ := w.sold()
			w.ask("payment_id", paid, 200)
			require.Equal(t, batch.ExitDone, w.refund().Exit)
			worktest.Exec(t, w.plain, `DELETE FROM bookings`)
			worktest.Exec(t, w.plain, `INSERT INTO payments (order_id, gateway, idempotency_key, status, amount, currency, created_at, updated_at)
SELECT order_id, gateway, idempotency_key, 'succeeded', amount, currency, created_at, updated_at FROM payments WHERE id = ?`, paid)
			twin := worktest.Get[uint64](t, w.plain, `SELECT MAX(id) FROM payments`)
			if marked {
				worktest.Exec(t, w.plain, `UPDATE payments SET status = 'refund_due' WHERE id = ?`, twin)
			} else {
				w.ask("payment_id", twin, 200)
			}
			require.Equal(t, batch.ExitReview, w.refund().Exit)
			require.Equal(t, batch.ExitDone, w.refund().Exit)
			require.Equal(t, []string{"200 in 1"}, w.given("main"))
			want := fmt.Sprintf("refund 1 of payment %d", paid)
			if marked {
				require.Contains(t, worktest.Get[string](t, w.plain, `SELECT reason FROM order_checks`), want)
				require.Equal(t, "review", worktest.Get[string](t, w.plain, `SELECT status FROM payments WHERE id = ?`, twin))
				require.Equal(t, 1, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM refunds`))
				return
			}
			require.Equal(t, []string{"refunded 200 rf_ord_1-1", "review 200 - " + want + " is of the same charge: set the payment that does not stand for it to failed, and settle its refunds; then --as not_executed, and duly refund again"}, w.asked())
			require.Zero(t, worktest.Get[int](t, w.plain, `SELECT COUNT(unsettled) FROM refunds`))
		})
	}
}

// A refund that is asked for while its invoice is being charged has its key once it is paid.
func TestARefundOfWhatIsBeingCharged(t *testing.T) {
	t.Parallel()
	w := newCounter(t)
	invoice, _ := w.billed()
	worktest.Exec(t, w.plain, `UPDATE invoices SET status = 'charging'`)
	worktest.Exec(t, w.plain, `UPDATE payment_attempts SET status = 'in_flight'`)
	w.ask("invoice_id", invoice, 200)
	require.Equal(t, batch.ExitUnfinished, w.refund().Exit)
	worktest.Exec(t, w.plain, `UPDATE invoices SET status = 'paid'`)
	worktest.Exec(t, w.plain, `UPDATE payment_attempts SET status = 'succeeded'`)
	worktest.Exec(t, w.plain, `UPDATE refunds SET next_try_at = NULL`)
	require.Equal(t, batch.ExitDone, w.refund().Exit)
	require.Equal(t, []string{"refunded 200 rf_sub_1_20260131-1"}, w.asked())
}

// The shop has replaced the row of a payment, or has closed the one of two that does not stand for it. The refunds of one charge count together: the next
// one has the next number and what was refunded before is no question, while a refund of the earlier row that may still be executed holds it up.
func TestAReplacedPayment(t *testing.T) {
	t.Parallel()
	replaced := func(w *counter, paid uint64, status string) (by uint64) {
		worktest.Exec(w.t, w.plain, `INSERT INTO payments (order_id, gateway, idempotency_key, status, amount, currency, created_at, updated_at)
SELECT order_id, gateway, idempotency_key, 'succeeded', amount, currency, created_at, updated_at FROM payments WHERE id = ?`, paid)
		if status == "" {
			worktest.Exec(w.t, w.plain, `DELETE FROM payments WHERE id = ?`, paid)
		} else {
			worktest.Exec(w.t, w.plain, `UPDATE payments SET status = ? WHERE id = ?`, status, paid)
		}
		return worktest.Get[uint64](w.t, w.plain, `SELECT MAX(id) FROM payments`)
	}
	for _, status := range []string{"", "failed", "cancelled"} {
		t.Run("its row is gone or "+status, func(t *testing.T) {
			t.Parallel()
			w := newCounter(t)
			paid, _ := w.sold()
			w.ask("payment_id", paid, 200)
			w.ask("payment_id", paid, 501)
			require.Equal(t, batch.ExitDone, w.refund().Exit)
			second := replaced(w, paid, status)
			w.ask("payment_id", second, 100)
			require.Equal(t, batch.ExitDone, w.refund().Exit)
			third := replaced(w, second, status)
			w.ask("payment_id", third, 50)
			w.ask("payment_id", third, 0)
			require.Equal(t, batch.ExitDone, w.refund().Exit)
			require.Equal(t, []string{"500 in 4"}, w.given("main"))
			require.Equal(t, []string{
				"refunded 200 rf_ord_1-1", "refused 501 rf2_ord_1-1 500 KRW were paid, less than 501 KRW", "refunded 100 rf3_ord_1-1", "refunded 50 rf4_ord_1-1", "refunded 150 rf5_ord_1-1",
			}, w.asked())
		})
	}
	t.Run("a refund that is not settled", func(t *testing.T) {
		t.Parallel()
		w := newCounter(t)
		paid, _ := w.sold()
		w.ask("payment_id", paid, 200)
		require.Equal(t, batch.ExitDone, w.refund().Exit)
		worktest.Exec(t, w.plain, `UPDATE refunds SET status = 'review', unsettled = 1, settled_at = NULL`)
		w.ask("payment_id", replaced(w, paid, ""), 250)
		require.Equal(t, batch.ExitReview, w.refund().Exit)
		require.Equal(t, []string{"200 in 1"}, w.given("main"))
		require.Contains(t, w.asked()[1], "is of the same charge")
	})
	t.Run("recorded of both", func(t *testing.T) {
		t.Parallel()
		w := newCounter(t)
		paid, _ := w.sold()
		w.ask("payment_id", paid, 200)
		require.Equal(t, batch.ExitDone, w.refund().Exit)
		second := replaced(w, paid, "")
		worktest.Exec(t, w.plain, `INSERT INTO refunds (payment_id, amount, reason, origin, status) VALUES (?, 200, 'found', 'provider', 'refunded'), (?, 30, 'asked for', 'request', 'refused')`, second, second)
		targets, err := refundrows.Targets(t.Context(), w.plain, []refunds.Refund{{ID: 9, PaymentID: second}})
		require.NoError(t, err)
		require.Equal(t, int64(200), targets[9].Recorded, "what was found at the provider was refunded for the row before")
		require.Equal(t, []uint64{paid}, targets[9].SameCharge)

		worktest.Exec(t, w.plain, `UPDATE refunds SET gateway = 'old' WHERE payment_id = ?`, paid)
		targets, err = refundrows.Targets(t.Context(), w.plain, []refunds.Refund{{ID: 9, PaymentID: second}})
		require.NoError(t, err)
		require.Zero(t, targets[9].Recorded, "another gateway has another charge under the key")
		require.Empty(t, targets[9].SameCharge)
	})
}
