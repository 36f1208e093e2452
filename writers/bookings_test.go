package writers_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/mysql"
	"duly/internal/operator"
	"duly/internal/orders"
	"duly/internal/payment"
	"duly/internal/store"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
	"duly/writers"
)

func bookings(t *testing.T, plain *testdb.DB) []string {
	t.Helper()
	return worktest.List[string](t, plain, `SELECT CONCAT_WS(' ', g.gateway, g.address, b.gateway_payment_id, b.kind, b.row_id)
FROM bookings b JOIN gateway_accounts g ON g.id = b.account_id ORDER BY b.row_id, b.gateway_payment_id`)
}

func as(item billing.Claimed, id string) billing.Result {
	return result(item, payment.Outcome{Kind: payment.Paid, PaymentID: id})
}

// An answer that names a payment which another row has settles nothing: the attempt goes to review with the other row's
// name, and the rest of the chunk goes on. Ids differ by letter case.
func TestSettleBooksAPaymentOnce(t *testing.T) {
	t.Parallel()
	plain := shop(t, 6)
	db := worktest.Open(t, plain.DSN)
	done := worktest.Run(t, db, func(ctx context.Context, x *batch.StepExecution) error {
		items := claim(ctx, t, db)
		w := settle(t, db)
		tally, err := w.Write(ctx, []billing.Result{as(items[0], "pay_1"), as(items[1], "pay_1"), as(items[2], "PAY_1")})
		if err != nil {
			return err
		}
		x.Count(tally)
		again, err := w.Write(ctx, []billing.Result{as(items[0], "pay_1")}) // its commit was in doubt
		require.NoError(t, err)
		require.Equal(t, batch.Tally{Succeeded: 1, Amounts: map[string]int64{"KRW": 9900}}, again)
		tally, err = settle(t, db).Write(ctx, []billing.Result{as(items[3], "pay_4"), as(items[4], "pay_1"), soft(items[5])})
		x.Count(tally)
		return err
	})
	require.NoError(t, done.Err)
	require.Equal(t, batch.Tally{Succeeded: 3, Declined: 1, Review: 2, Amounts: map[string]int64{"KRW": 3 * 9900}}, done.Tally)
	require.Equal(t, []string{
		"succeeded paid 0 active", "review review 0 active", "succeeded paid 0 active",
		"succeeded paid 0 active", "review review 0 active", "declined open 1 past_due",
	}, states(t, plain))
	require.Equal(t, []string{"2 payment pay_1 is booked for attempt 1 of invoice 1", "5 payment pay_1 is booked for attempt 1 of invoice 1"},
		worktest.List[string](t, plain, `SELECT CONCAT_WS(' ', id, review_reason) FROM invoices WHERE status = 'review' ORDER BY id`))
	require.Equal(t, []string{"main  pay_1 attempt 1", "main  PAY_1 attempt 3", "main  pay_4 attempt 4"}, bookings(t, plain))
	require.Zero(t, worktest.Get[int](t, plain, `SELECT COUNT(*) FROM payment_attempts WHERE status = 'review' AND gateway_payment_id IS NOT NULL`))
}

// took adds an attempt that took a payment.
func took(t *testing.T, plain *testdb.DB, id uint64, paymentID string) {
	t.Helper()
	worktest.Exec(t, plain, `INSERT INTO payment_attempts (id, invoice_id, subscription_id, attempt_no, stage, idempotency_key, reference, customer_id, amount, currency,
gateway, payment_method, body_version, status, run_id, gateway_payment_id) VALUES (?, ?, 2, 1, 0, ?, 'r', 'c', 1, 'KRW', 'main', 'pm', 1, 'succeeded', 1, ?)`,
		id, id+100, fmt.Sprintf("sub_%d_20260131-1", id), paymentID)
}

// reserve books one payment in a transaction of its own, and returns the row that has it.
func reserve(t *testing.T, db *mysql.DB, b *store.Bookings, booking store.Booking) string {
	t.Helper()
	owner := ""
	require.NoError(t, mysql.Tx(t.Context(), db, "test", func(tx *sqlx.Tx) error {
		taken, err := b.Reserve(t.Context(), tx, []store.Booking{booking})
		if o, ok := taken[0]; ok {
			owner = o.String()
		}
		return err
	}))
	return owner
}

// Accounts that were joined are one, and so is what was booked before accounts were known; the same id at another account, or
// at another gateway, is another payment.
func TestBookingsByAccount(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	worktest.Exec(t, plain, `INSERT INTO gateway_accounts (id, gateway, address, joined_to) VALUES (1, 'main', '', NULL), (2, 'main', 'https://new', NULL),
(3, 'main', 'https://old', 2), (4, 'main', 'https://older', 3), (5, 'main', 'https://staging', NULL), (6, 'other', 'https://new', NULL)`)
	worktest.Exec(t, plain, `INSERT INTO bookings (account_id, gateway_payment_id, kind, row_id) VALUES (1, 'pay_before', 'attempt', 1), (3, 'pay_old', 'attempt', 2), (2, 'pay_new', 'attempt', 3),
(2, 'pay_restored', 'attempt', 3), (2, 'pay_gone', 'attempt', 4)`)
	for i, id := range []string{"pay_before", "pay_old", "pay_new"} {
		took(t, plain, uint64(i+1), id)
	}
	db := worktest.Open(t, plain.DSN)
	b := &store.Bookings{Today: map[string]uint32{"main": 2, "other": 6}}
	row := store.Owner{Kind: store.OwnerAttempt, ID: 9}
	for _, c := range []struct {
		gateway, id string
		account     uint32
		want        string
	}{
		{"main", "pay_before", 0, "attempt 1"},
		{"main", "pay_before", 4, "attempt 1"},
		{"main", "pay_old", 0, "attempt 2"},
		{"main", "pay_new", 4, "attempt 3"},
		{"main", "pay_new", 5, ""},
		{"other", "pay_new", 0, ""},
		{"other", "pay_before", 0, ""},
		{"main", "pay_restored", 0, ""},
		{"main", "pay_gone", 0, ""},
	} {
		require.Equal(t, c.want, reserve(t, db, b, store.Booking{Gateway: c.gateway, Account: c.account, PaymentID: c.id, Owner: row}), "%+v", c)
	}
	require.Empty(t, reserve(t, db, b, store.Booking{Gateway: "main", Account: 4, PaymentID: "pay_9", Owner: row}))
	require.Equal(t, uint32(2), worktest.Get[uint32](t, plain, `SELECT account_id FROM bookings WHERE gateway_payment_id = 'pay_9'`), "booked under the account that the others are joined to")
}

// One id at two gateways are two payments, also when one transaction books both; at one gateway the first of the list has it.
func TestEqualPaymentIDsOfOneTransaction(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	worktest.Exec(t, plain, `INSERT INTO gateway_accounts (id, gateway, address) VALUES (1, 'main', 'https://main'), (2, 'other', 'https://other')`)
	db := worktest.Open(t, plain.DSN)
	b := &store.Bookings{Today: map[string]uint32{"main": 1, "other": 2}}
	list := make([]store.Booking, 4)
	for i, gateway := range []string{"other", "main", "other", "main"} {
		list[i] = store.Booking{Gateway: gateway, PaymentID: "pay_1", Owner: store.Owner{Kind: store.OwnerAttempt, ID: uint64(i + 1)}}
	}
	require.NoError(t, mysql.Tx(t.Context(), db, "test", func(tx *sqlx.Tx) error {
		taken, err := b.Reserve(t.Context(), tx, list)
		require.Equal(t, map[int]store.Owner{2: list[0].Owner, 3: list[1].Owner}, taken)
		return err
	}))
	require.Equal(t, []string{"other https://other pay_1 attempt 1", "main https://main pay_1 attempt 2"}, bookings(t, plain))
}

// A row that ended without the money, or is gone, has nothing; one that gives it back has it.
func TestBookingsOfRowsThatEnded(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	db := worktest.Open(t, plain.DSN)
	for i, status := range []string{"succeeded", "refund_due", "refunded", "pending", "review", "failed", "cancelled", "gone"} {
		id := uint64(i + 1)
		if status != "gone" {
			worktest.Exec(t, plain, `INSERT INTO payments (id, order_id, gateway, status, amount, currency) VALUES (?, 1, 'main', ?, 1, 'KRW')`, id, status)
		}
		b := &store.Bookings{}
		booking := store.Booking{Gateway: "main", PaymentID: "pay_" + status, Owner: store.Owner{Kind: store.OwnerPayment, ID: id}}
		require.Empty(t, reserve(t, db, b, booking))
		require.Empty(t, reserve(t, db, b, booking), "its own")
		booking.Owner = store.Owner{Kind: store.OwnerAttempt, ID: 99}
		want := fmt.Sprintf("payment %d", id)
		if strings.Contains("failed cancelled gone", status) {
			want = ""
		}
		require.Equal(t, want, reserve(t, db, b, booking), status)
	}
}

// Two operators who name one payment for two rows at once: one of them is refused, with the name of the other's row.
func TestTwoOperatorsNameOnePayment(t *testing.T) {
	t.Parallel()
	for range 3 {
		plain := inReview(t)
		worktest.Exec(t, plain, `UPDATE invoices SET status = 'review', review_reason = 'why', attempts = 1 WHERE id = 2`)
		worktest.Exec(t, plain, `INSERT INTO payment_attempts (invoice_id, subscription_id, attempt_no, stage, idempotency_key, reference,
customer_id, amount, currency, gateway, payment_method, body_version, status, run_id, doubted)
VALUES (2, 2, 1, 0, 'sub_2_20260131-1', 'sub_2_20260131', 'customer-1', 9900, 'KRW', 'main', 'pm_ok:1', 1, 'review', 1, TRUE)`)
		db := worktest.Open(t, plain.DSN)
		both := sync.WaitGroup{}
		both.Add(2)
		errs := make(chan error, 2)
		for id := range 2 {
			seen, err := operator.Reviewed(t.Context(), db, uint64(id+1))
			require.NoError(t, err)
			go func() {
				first := true
				errs <- operator.ResolveAttempt(t.Context(), db, seen, time.Now(), &store.Bookings{}, action("attempt"), func(billing.Reviewed) (billing.Resolution, error) {
					if first { // both have locked their rows and decided
						first = false
						both.Done()
						both.Wait()
					}
					return billing.Resolution{Attempt: billing.AttemptSucceeded, PaymentID: "pay_9", Message: "m", Invoice: billing.Paid}, nil
				})
			}()
		}
		one, two := <-errs, <-errs
		if one == nil {
			one, two = two, one
		}
		require.NoError(t, two)
		refused := store.RefusedError{}
		require.ErrorAs(t, one, &refused)
		require.Contains(t, refused.Error(), "payment pay_9 is booked for attempt ")
		require.Equal(t, 1, worktest.Get[int](t, plain, `SELECT COUNT(*) FROM payment_attempts WHERE status = 'succeeded'`))
		require.Equal(t, 1, worktest.Get[int](t, plain, `SELECT COUNT(*) FROM operator_actions`))
	}
}

// What the shop's table records is refused too, though nothing is booked for it: as one row or as several, in another letter
// case, and whatever an index of the shop's would say.
func TestAPaymentThatTheShopRecordsIsRefused(t *testing.T) {
	t.Parallel()
	plain := inReview(t)
	db := worktest.Open(t, plain.DSN)
	worktest.Exec(t, plain, `INSERT INTO payments (id, order_id, gateway, transaction_key, status, amount, currency) VALUES
(1, 5, 'other', 'pay_9', 'succeeded', 1, 'KRW'), (2, 5, 'main', 'pay_9', 'failed', 1, 'KRW'), (3, 6, 'main', 'PAY_9', 'succeeded', 1, 'KRW'),
(4, 6, 'main', 'PAY_9', 'succeeded', 1, 'KRW')`)
	seen, err := operator.Reviewed(t.Context(), db, 1)
	require.NoError(t, err)
	resolve := func() error {
		return operator.ResolveAttempt(t.Context(), db, seen, time.Now(), &store.Bookings{}, action("attempt:1"), func(billing.Reviewed) (billing.Resolution, error) {
			return billing.Resolution{Attempt: billing.AttemptSucceeded, PaymentID: "pay_9", Message: "m", Invoice: billing.Paid}, nil
		})
	}
	require.ErrorContains(t, resolve(), "payment pay_9 is booked for payment 4 of order 6")
	require.Empty(t, bookings(t, plain))
	worktest.Exec(t, plain, `DELETE FROM payments WHERE id > 2`)
	require.NoError(t, resolve())
	require.Equal(t, []string{"main  pay_9 attempt 1"}, bookings(t, plain))
}

// A payment that an invoice or another order has never completes an order and is never refunded: the order goes to review with
// the other row's name. The rest of the chunk goes on.
func TestOrdersBookAPaymentOnce(t *testing.T) {
	t.Parallel()
	plain := ordered(t, 4, 9)
	worktest.Exec(t, plain, `INSERT INTO gateway_accounts (id, gateway, address) VALUES (1, 'main', ''), (2, 'other', '')`)
	worktest.Exec(t, plain, `INSERT INTO bookings (account_id, gateway_payment_id, kind, row_id) VALUES (1, 'pay_ord_1-1', 'attempt', 7), (2, 'pay_ord_4-1', 'attempt', 8)`)
	took(t, plain, 7, "pay_ord_1-1")
	took(t, plain, 8, "pay_ord_4-1")
	worktest.Exec(t, plain, `INSERT INTO orders (id, customer_id, status, amount, currency, created_at, updated_at)
VALUES (50, 'c', 'completed', 12900, 'KRW', UTC_TIMESTAMP(6), UTC_TIMESTAMP(6))`)
	worktest.Exec(t, plain, `INSERT INTO payments (id, order_id, gateway, transaction_key, status, amount, currency) VALUES (51, 50, 'main', 'pay_ord_2-1', 'succeeded', 12900, 'KRW')`)
	db := worktest.Open(t, plain.DSN)
	done := worktest.Run(t, db, func(ctx context.Context, x *batch.StepExecution) error {
		var results []orders.Result
		for _, item := range claimOrders(ctx, t, db) {
			results = append(results, answered(item, payment.Succeeded, nil))
		}
		tally, err := orderWriter(db).Write(ctx, results)
		x.Count(tally)
		return err
	})
	require.NoError(t, done.Err)
	require.Equal(t, []string{
		"payment_in_progress review - free 0 payment 1 is pay_ord_1-1 at the gateway, which is booked for attempt 7 of invoice 107",
		"payment_in_progress review - free 0 payment 2 is pay_ord_2-1 at the gateway, which is booked for payment 51 of order 50",
		"completed succeeded pay_ord_3-1 free 0", "completed succeeded pay_ord_4-1 free 0",
	}, orderRows(t, plain))
	require.Equal(t, batch.Tally{Succeeded: 2, Review: 2, Amounts: map[string]int64{"KRW": 2 * 12900}}, done.Tally)
}

// Two rows of an order under one key, or with one id, are one payment: the order is completed, its money is refunded to nobody,
// and the second row is for an operator.
func TestOrdersCountOnePaymentOnce(t *testing.T) {
	t.Parallel()
	plain := ordered(t, 1, 9)
	worktest.Exec(t, plain, `INSERT INTO payments (order_id, gateway, idempotency_key, status, amount, currency, created_at, updated_at)
SELECT order_id, gateway, idempotency_key, status, amount, currency, created_at, updated_at FROM payments`)
	db := worktest.Open(t, plain.DSN)
	worktest.Run(t, db, func(ctx context.Context, _ *batch.StepExecution) error {
		_, err := orderWriter(db).Write(ctx, []orders.Result{answered(claimOrders(ctx, t, db)[0], payment.Succeeded, nil)})
		require.NoError(t, err)
		return nil
	})
	why := "payment 2 is the same payment at the gateway as payment 1"
	require.Equal(t, []string{"completed succeeded pay_ord_1-1 free 0 " + why, "completed review - free 0 " + why}, orderRows(t, plain))
	require.Equal(t, []string{"main  pay_ord_1-1 payment 1"}, bookings(t, plain))
}

// An id or a key that a kept row of any order, or an attempt, has is never refunded.
func TestReserveRefund(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	db := worktest.Open(t, plain.DSN)
	worktest.Exec(t, plain, `INSERT INTO payments (id, order_id, gateway, transaction_key, idempotency_key, status, amount, currency) VALUES
(1, 1, 'main', 'pay_1', 'k1', 'succeeded', 1, 'KRW'), (2, 1, 'other', 'pay_2', 'k2', 'succeeded', 1, 'KRW'), (3, 1, 'main', 'pay_3', 'k3', 'failed', 1, 'KRW'),
(4, 1, 'main', 'pay_4', 'k4', 'refunded', 1, 'KRW')`)
	took(t, plain, 7, "pay_7")
	worktest.Exec(t, plain, `INSERT INTO gateway_accounts (id, gateway, address) VALUES (1, 'main', '')`)
	worktest.Exec(t, plain, `INSERT INTO bookings (account_id, gateway_payment_id, kind, row_id) VALUES (1, 'pay_7', 'attempt', 7), (1, 'pay_4', 'payment', 4)`)
	for _, c := range []struct{ id, key, want string }{
		{"pay_1", "", "payment 1 of order 1"},
		{"PAY_1", "", "payment 1 of order 1"},
		{"", "k1", "payment 1 of order 1"},
		{"", "K1", ""},
		{"pay_x", "k1", "payment 1 of order 1"},
		{"pay_2", "k2", ""},
		{"pay_3", "k3", ""},
		{"pay_4", "", "payment 4 of order 1"},
		{"pay_7", "", "attempt 7 of invoice 107"},
		{"", "sub_7_20260131-1", "attempt 7 of invoice 107"},
		{"pay_9", "한국", ""},
	} {
		p := orders.Payment{ID: 90, OrderID: 9, Gateway: "main", TransactionKey: c.id, Key: c.key, Status: orders.PaymentRefundDue}
		other, err := writers.ReserveRefund(t.Context(), db, &store.Bookings{}, p)
		require.NoError(t, err)
		require.Equal(t, c.want, other, "%+v", c)
	}
	require.Equal(t, []string{"pay_2", "pay_3", "pay_9"}, worktest.List[string](t, plain, `SELECT gateway_payment_id FROM bookings WHERE row_id = 90 ORDER BY 1`))
}
