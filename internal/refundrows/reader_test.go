package refundrows_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/refundrows"
	"duly/internal/refunds"
	"duly/internal/store"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
)

// sold is a database with n completed orders, each with a payment of the same number that is kept.
func sold(t *testing.T, n int) *testdb.DB {
	t.Helper()
	plain := testdb.New(t)
	for range n {
		worktest.Exec(t, plain, `INSERT INTO orders (customer_id, status, amount, currency) VALUES ('c', 'completed', 500, 'KRW')`)
		worktest.Exec(t, plain, `INSERT INTO payments (order_id, gateway, idempotency_key, transaction_key, status, amount, currency)
VALUES (LAST_INSERT_ID(), 'main', CONCAT('ord_', LAST_INSERT_ID(), '-1'), CONCAT('pay_', LAST_INSERT_ID()), 'succeeded', 500, 'KRW')`)
	}
	return plain
}

func ask(t *testing.T, plain *testdb.DB, paymentID, amount int) {
	t.Helper()
	worktest.Exec(t, plain, `INSERT INTO refunds (payment_id, amount, reason) VALUES (?, ?, 'why')`, paymentID, amount)
}

func reader(db *mysql.DB) *refundrows.Reader { return &refundrows.Reader{DB: db, Now: time.Now} }

// read reads until the walk is done.
func read(ctx context.Context, t *testing.T, r *refundrows.Reader, limit int) []uint64 {
	t.Helper()
	var ids []uint64
	for {
		page, err := r.Read(ctx, batch.ClaimRequest{Limit: limit, Skip: func(name string) bool { return name == "skipped" }})
		require.NoError(t, err)
		require.LessOrEqual(t, len(page.Items), limit)
		for _, item := range page.Items {
			ids = append(ids, item.Refund.ID)
		}
		if page.Done {
			return ids
		}
	}
}

// within does something as a run of its own.
func within(t *testing.T, db *mysql.DB, do func(ctx context.Context)) {
	t.Helper()
	result := worktest.Run(t, db, func(ctx context.Context, _ *batch.StepExecution) error {
		do(ctx)
		return nil
	})
	require.NoError(t, result.Err)
}

// A payment has one unsettled refund: another one of it is not claimed, by whomever and from wherever, until that is settled.
func TestOneUnsettledRefundOfAPayment(t *testing.T) {
	t.Parallel()
	plain := sold(t, 3)
	db := worktest.Open(t, plain.DSN)
	for _, id := range []int{1, 1, 2, 3, 3} {
		ask(t, plain, id, 100)
	}
	first := reader(db)
	within(t, db, func(ctx context.Context) { require.Equal(t, []uint64{1, 3, 4}, read(ctx, t, first, 2)) })
	require.True(t, first.More())
	require.Equal(t, []string{"in_flight 1 1", "requested", "in_flight 1 1", "in_flight 1 1", "requested"},
		worktest.List[string](t, plain, `SELECT CONCAT_WS(' ', status, unsettled, number) FROM refunds ORDER BY id`))
	_, err := plain.ExecContext(t.Context(), `UPDATE refunds SET unsettled = 1 WHERE id = 2`)
	require.Error(t, err, "the table itself lets there be one")

	// The run has ended: what it held is taken over, and nothing else.
	within(t, db, func(ctx context.Context) { require.Equal(t, []uint64{1, 3, 4}, read(ctx, t, reader(db), 10)) })
	worktest.Exec(t, plain, `UPDATE refunds SET status = 'refunded', unsettled = NULL, lease = NULL WHERE id = 1`)
	worktest.Exec(t, plain, `UPDATE refunds SET status = 'review', lease = NULL WHERE id = 4`)
	within(t, db, func(ctx context.Context) {
		require.Equal(t, []uint64{3, 2}, read(ctx, t, reader(db), 10), "what is in review keeps refund 5 waiting")
	})
	require.Equal(t, []string{"rf_ord_1-1", "rf2_ord_1-1"}, worktest.List[string](t, plain, `SELECT idempotency_key FROM refunds WHERE payment_id = 1 ORDER BY id`))
}

// What a run that lives has claimed is nobody else's, what waits for its next try is nobody's, and what is skipped is left.
func TestRefundsThatAreNotClaimed(t *testing.T) {
	t.Parallel()
	plain := sold(t, 4)
	db := worktest.Open(t, plain.DSN)
	for id := range 4 {
		ask(t, plain, id+1, 100)
	}
	worktest.Exec(t, plain, `UPDATE refunds SET next_try_at = UTC_TIMESTAMP(6) + INTERVAL 1 HOUR WHERE id = 2`)
	worktest.Exec(t, plain, `UPDATE payments SET gateway = 'skipped' WHERE id = 3`)
	worktest.Exec(t, plain, `UPDATE refunds SET status = 'cancelled' WHERE id = 4`)
	within(t, db, func(ctx context.Context) {
		require.Equal(t, []uint64{1}, read(ctx, t, reader(db), 10))
		within(t, db, func(other context.Context) { require.Empty(t, read(other, t, reader(db), 10)) })
	})
	only := reader(db)
	only.Selection = store.Selection{Orders: []uint64{2, 3}}
	worktest.Exec(t, plain, `UPDATE refunds SET next_try_at = NULL`)
	within(t, db, func(ctx context.Context) { require.Equal(t, []uint64{2}, read(ctx, t, only, 10)) })
}

// What a payment in refund_due asked for is claimed to be taken back once the payment is something else, also if a run was stopped before it did that.
func TestWhatIsNotRefundDueAnyMore(t *testing.T) {
	t.Parallel()
	plain := sold(t, 4)
	db := worktest.Open(t, plain.DSN)
	worktest.Exec(t, plain, `UPDATE payments SET status = 'refund_due' WHERE id = 4`)
	worktest.Exec(t, plain, `INSERT INTO refunds (payment_id, reason, origin, status, unsettled) VALUES
(1, 'why', 'refund_due', 'in_doubt', 1), (2, 'why', 'refund_due', 'in_flight', 1), (3, 'why', 'refund_due', 'requested', NULL), (4, 'why', 'refund_due', 'requested', NULL)`)
	within(t, db, func(ctx context.Context) { require.Equal(t, []uint64{1, 2, 3}, read(ctx, t, reader(db), 10)) })
}

// What a refund is of, or why nothing can be refunded.
func TestTargets(t *testing.T) {
	t.Parallel()
	plain := sold(t, 1)
	db := worktest.Open(t, plain.DSN)
	worktest.Enrol(t, plain, 2, "2026-01-31", nil)
	worktest.Exec(t, plain, `INSERT INTO invoices (id, subscription_id, due_date, amount, currency, status, issued_date) VALUES
(1, 1, '2026-01-31', 500, 'KRW', 'paid', '2026-01-31'), (2, 2, '2026-01-31', 500, 'KRW', 'open', '2026-01-31'), (3, 2, '2026-02-28', 500, 'KRW', 'paid', '2026-01-31'), (4, 2, '2026-03-31', 500, 'KRW', 'charging', '2026-01-31')`)
	worktest.Exec(t, plain, `INSERT INTO payment_attempts (id, invoice_id, subscription_id, attempt_no, stage, idempotency_key, reference, customer_id, amount, currency, gateway,
payment_method, body_version, status, gateway_payment_id, run_id, refunded_amount) VALUES (5, 1, 1, 1, 0, 'k', 'r', 'c', 500, 'KRW', 'main', 'pm_ok', 1, 'succeeded', 'pay_5', 1, 100)`)
	worktest.Exec(t, plain, `INSERT INTO operator_actions (action, subject, who, host, detail) VALUES ('resolve', 'attempt:5', 'kim', 'h', '{"as": "paid"}')`)
	at := func(r refunds.Refund) refunds.Target {
		r.ID = 1
		found, err := refundrows.Targets(t.Context(), db, []refunds.Refund{r})
		require.NoError(t, err)
		return found[1]
	}
	paid := at(refunds.Refund{InvoiceID: 1})
	require.Equal(t, "pay_5", paid.GatewayID)
	require.Equal(t, payment.Money{Amount: 500, Currency: "KRW"}, paid.Paid)
	require.Equal(t, int64(100), paid.Recorded)
	require.True(t, paid.ByHand)
	require.Equal(t, "nothing was paid: the invoice is open", at(refunds.Refund{InvoiceID: 2}).Problem)
	require.Equal(t, "the invoice was not paid through a gateway", at(refunds.Refund{InvoiceID: 3}).Problem)
	require.Equal(t, "the invoice is being charged", at(refunds.Refund{InvoiceID: 4}).Wait)
	require.Equal(t, "there is no invoice 9", at(refunds.Refund{InvoiceID: 9}).Problem)
	require.Equal(t, "there is no payment 9", at(refunds.Refund{PaymentID: 9}).Problem)
	for status, want := range map[string][2]string{
		"succeeded": {}, "review": {}, "refunded": {},
		"failed":  {"nothing is held: the payment is failed", ""},
		"pending": {"", "the payment is not settled yet"}, "refund_due": {"", "the payment is refund_due: all of it is being refunded"},
	} {
		worktest.Exec(t, plain, `UPDATE payments SET status = ?`, status)
		of := at(refunds.Refund{PaymentID: 1})
		require.Equal(t, want, [2]string{of.Problem, of.Wait}, status)
		require.Equal(t, "pay_1", of.GatewayID)
	}
}
