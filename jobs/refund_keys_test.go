package jobs_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/gateway/simulator"
	"duly/internal/orders"
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
			require.Equal(t, []string{"refunded 200 rf_ord_1-1", "review 200 - " + want + " is of the same charge, and keeps its key: which row stands for the payment?"}, w.asked())
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
