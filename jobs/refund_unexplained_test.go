package jobs_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/gateway/simulator"
	"duly/internal/test/worktest"
)

// The database is set back to before a night that refunded two parts and the rest of another payment. What the gateway shows and the tables lack may be
// these refunds: none is sent again, the next one of the payment waits, and what remains of another payment goes back once.
func TestRefundsAfterARestore(t *testing.T) {
	t.Parallel()
	w := newCounter(t)
	paid, _ := w.sold()
	invoice, _ := w.billed()
	w.ask("payment_id", paid, 200)
	w.ask("payment_id", paid, 100)
	w.ask("invoice_id", invoice, 150)
	require.Equal(t, batch.ExitDone, w.refund().Exit)
	require.Equal(t, []string{"300 in 2", "150 in 1"}, w.given("main"))

	worktest.Exec(t, w.plain, `UPDATE refunds SET status = 'requested', number = NULL, idempotency_key = NULL, gateway = NULL, refunded_before = NULL, sent_amount = NULL, sent_at = NULL, settled_at = NULL, tries = 0`)
	worktest.Exec(t, w.plain, `UPDATE payments SET refunded_amount = 0, refunded_at = NULL`)
	worktest.Exec(t, w.plain, `UPDATE payment_attempts SET refunded_amount = 0`)
	worktest.Exec(t, w.plain, `UPDATE invoices SET refunded_amount = 0`)
	worktest.Exec(t, w.plain, `DELETE FROM bookings`)
	w.pass(48 * time.Hour)
	for range 3 {
		w.refund()
		w.pass(time.Hour)
	}
	require.Equal(t, []string{"300 in 2", "150 in 1"}, w.given("main"))
	require.Equal(t, []string{
		"review 200 rf_ord_1-1 the gateway shows 300 KRW refunded, and 0 KRW are recorded: was 200 KRW of it this refund?", "requested 100 -",
		"review 150 rf_sub_1_20260131-1 the gateway shows 150 KRW refunded, and 0 KRW are recorded: was 150 KRW of it this refund?",
	}, w.asked())
	require.Equal(t, []string{"succeeded 0"}, w.payments(), "nothing is recorded before somebody has said what it was")
}

// What may be a refund that waits is not sent before it either, whichever of the two came first.
func TestARefundWaitsForWhatMayBeAnother(t *testing.T) {
	t.Parallel()
	w := newCounter(t)
	paid, there := w.sold()
	w.ask("payment_id", paid, 300)
	w.ask("payment_id", paid, 100)
	w.amend(there, func(e *simulator.Entry) { e.Refunded = 100 })
	require.NotEqual(t, batch.ExitDone, w.refund().Exit)
	require.Equal(t, []string{"100 in 1"}, w.given("main"))
	require.Equal(t, []string{
		"requested 300 rf_ord_1-1 another refund of the payment may be what the gateway shows: 100 KRW refunded, and 0 KRW are recorded",
		"review 100 rf2_ord_1-1 the gateway shows 100 KRW refunded, and 0 KRW are recorded: was 100 KRW of it this refund?",
	}, w.asked())
	worktest.Exec(t, w.plain, `UPDATE refunds SET status = 'refunded', unsettled = NULL WHERE id = 2`)
	worktest.Exec(t, w.plain, `UPDATE payments SET refunded_amount = 100`)
	w.pass(time.Hour)
	require.Equal(t, batch.ExitDone, w.refund().Exit)
	require.Equal(t, []string{"400 in 2"}, w.given("main"))
}
