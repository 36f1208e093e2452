package writers_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/operator"
	"duly/internal/refunds"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
)

// waitsForALock waits until do waits for a lock that another transaction holds, and returns what do has returned once release has let it go.
func waitsForALock(t *testing.T, plain *testdb.DB, do func(ctx context.Context) error, release func() error) error {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- do(context.WithoutCancel(t.Context())) }()
	require.Eventually(t, func() bool {
		return len(ended) > 0 || worktest.Get[int](t, plain, `SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'
AND trx_mysql_thread_id IN (SELECT ID FROM information_schema.PROCESSLIST WHERE DB = DATABASE())`) > 0
	}, worktest.Patience, 150*time.Millisecond) // the view is made anew only if it was not read for 100 ms
	require.Empty(t, ended, "it waits for the lock")
	require.NoError(t, release())
	return <-ended
}

// An operator who requests a refund beside another one waits for that one's request, and sees it.
func TestRequestsOfARefundWaitForEachOther(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		lock, insert string
		of           func(amount int64) refunds.Refund
	}{
		"an invoice": {
			`SELECT id FROM invoices WHERE id = 1 FOR UPDATE`, `INSERT INTO refunds (invoice_id, amount, reason) VALUES (1, 5000, 'first')`,
			func(amount int64) refunds.Refund { return refunds.Refund{InvoiceID: 1, Amount: amount} },
		},
		"a payment": {
			`SELECT id FROM payments WHERE id = 1 FOR UPDATE`, `INSERT INTO refunds (payment_id, amount, reason) VALUES (1, 5000, 'first')`,
			func(amount int64) refunds.Refund { return refunds.Refund{PaymentID: 1, Amount: amount} },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plain := inReview(t)
			worktest.Exec(t, plain, `UPDATE payment_attempts SET status = 'succeeded', gateway_payment_id = 'pay_1'`)
			worktest.Exec(t, plain, `UPDATE invoices SET status = 'paid', review_reason = NULL WHERE id = 1`)
			worktest.Exec(t, plain, `INSERT INTO orders (id, customer_id, status, amount, currency) VALUES (1, 'c', 'completed', 9900, 'KRW')`)
			worktest.Exec(t, plain, `INSERT INTO payments (id, order_id, gateway, idempotency_key, transaction_key, status, amount, currency) VALUES (1, 1, 'main', 'ord_1-1', 'pay_9', 'succeeded', 9900, 'KRW')`)
			holder, err := plain.BeginTxx(t.Context(), nil)
			require.NoError(t, err)
			for _, statement := range []string{c.lock, c.insert} {
				_, err = holder.ExecContext(t.Context(), statement)
				require.NoError(t, err)
			}
			r := c.of(5000)
			r.Currency, r.Reason, r.RequestedBy = "KRW", "second", "bob"
			db := worktest.OpenPatient(t, plain.DSN)
			err = waitsForALock(t, plain, func(ctx context.Context) error {
				_, err := operator.RequestRefund(ctx, db, r, false, action("refund"))
				return err
			}, holder.Commit)
			require.ErrorContains(t, err, "not refunded: ")
			require.Equal(t, []string{"first"}, worktest.List[string](t, plain, `SELECT reason FROM refunds`))
		})
	}
}
