package writers_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/operator"
	"duly/internal/refunds"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
)

// lockWaits looks for transactions that wait for a lock. The server makes the view anew only if nobody has read it for 100 ms, so that tests beside each other
// read it in turn.
var lockWaits lockWaitView

type lockWaitView struct {
	mu   sync.Mutex
	read time.Time
}

// seen reports whether a transaction of a database was seen to wait.
func (v *lockWaitView) seen(t *testing.T, db *testdb.DB) bool {
	t.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	if time.Since(v.read) < 150*time.Millisecond {
		return false
	}
	var waiting int // MySQL shows no statement that has a binary value in it, which another test's may have at that moment
	err := db.GetContext(t.Context(), &waiting, `SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'
AND trx_mysql_thread_id IN (SELECT ID FROM information_schema.PROCESSLIST WHERE DB = DATABASE())`)
	v.read = time.Now()
	return err == nil && waiting > 0
}

// waitsForALock waits until do waits for a lock that another transaction holds, and returns what do has returned once release has let it go.
func waitsForALock(t *testing.T, plain *testdb.DB, do func(ctx context.Context) error, release func() error) error {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- do(context.WithoutCancel(t.Context())) }()
	require.Eventually(t, func() bool { return len(ended) > 0 || lockWaits.seen(t, plain) }, worktest.Patience, 20*time.Millisecond)
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
