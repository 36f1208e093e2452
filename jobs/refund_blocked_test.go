package jobs_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/refunds"
	"duly/internal/test/worktest"
)

// What waits behind a refund in review waits for a person: the run says which refund that is and what to type, and no later run would do it.
func TestRefundsBehindAReview(t *testing.T) {
	t.Parallel()
	w := newCounter(t)
	paid, _ := w.sold()
	due, _ := w.sold()
	invoice, _ := w.billed()
	for i, of := range []string{"payment_id", "invoice_id", "payment_id"} {
		worktest.Exec(t, w.plain, `INSERT INTO refunds (`+of+`, amount, reason, status, unsettled, number, idempotency_key, refunded_before, sent_amount, sent_at, gateway, detail)
VALUES (?, 200, 'asked for', 'review', 1, 1, CONCAT('rf_', ?), 0, 200, UTC_TIMESTAMP(6), 'main', 'its answer was lost')`, []uint64{paid, invoice, due}[i], i)
	}
	result := w.refund()
	require.Equal(t, batch.ExitDone, result.Exit, "nothing waits behind them: %v", result)
	w.ask("payment_id", paid, 100)
	w.ask("invoice_id", invoice, 100)
	w.ask("invoice_id", invoice, 0)
	worktest.Exec(t, w.plain, `UPDATE payments SET status = 'refund_due' WHERE id = ?`, due)
	result = w.refund()
	require.Equal(t, batch.ExitReview, result.Exit, "%v", result)
	require.Equal(t, []string{
		"refund 1 is in review, and others of its payment wait for it: " + refunds.Held{ID: 1, Sent: true}.Either(),
		"refund 2 is in review, and others of its payment wait for it: " + refunds.Held{ID: 2, Sent: true}.Either(),
		"refund 3 is in review, and others of its payment wait for it: " + refunds.Held{ID: 3, Sent: true}.Either(),
	}, result.Left)
	other, _ := w.sold()
	w.ask("payment_id", other, 100)
	require.Equal(t, batch.ExitReview, w.refund().Exit, "others go on")
	require.Equal(t, []string{"100 in 1"}, w.given("main")[3:4])
}
