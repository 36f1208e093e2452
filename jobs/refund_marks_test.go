package jobs_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/gateway/simulator"
	"duly/internal/refundrows"
	"duly/internal/refunds"
	"duly/internal/test/worktest"
	"duly/writers"
)

// A payment that is refund_due has a row of refunds, which is settled with it.
func TestAMarkBecomesARow(t *testing.T) {
	t.Parallel()
	w := newCounter(t)
	w.due("main", "other")
	require.Equal(t, batch.ExitDone, w.refund().Exit)
	require.Equal(t, []string{"refunded 500 rf_ord_1-1", "refunded 500 rf_ord_1-2"}, w.asked())
	require.Equal(t, []string{"refund_due duly order failed: out of stock"}, worktest.List[string](t, w.plain, `SELECT DISTINCT CONCAT_WS(' ', origin, requested_by, reason) FROM refunds`))
	require.Equal(t, []string{"refund.completed", "refund.completed"}, w.events(), "a shop that inserts no rows is told what it was told before")
}

// Of a payment of which a part was refunded by a row, refund_due refunds the rest.
func TestAMarkRefundsTheRest(t *testing.T) {
	t.Parallel()
	w := newCounter(t)
	paid, _ := w.sold()
	w.ask("payment_id", paid, 200)
	require.Equal(t, batch.ExitDone, w.refund().Exit)
	worktest.Exec(t, w.plain, `UPDATE payments SET status = 'refund_due'`)
	w.sims["main"].Update(faults(simulator.Faults{Err5xxBefore: 1, First: 1}))
	require.Equal(t, batch.ExitUnfinished, w.refund().Exit)
	w.pass(25 * time.Hour)
	rest := w.refund()
	require.Equal(t, batch.ExitDone, rest.Exit)
	require.Equal(t, map[string]int64{"KRW": 300}, rest.Tally.Amounts, "what this run refunded")
	require.Equal(t, []string{"500 in 2"}, w.given("main"))
	require.Equal(t, []string{"refunded 500"}, w.payments())
	require.Equal(t, []string{"refunded 200 rf_ord_1-1", "refunded 300 rf2_ord_1-1"}, w.asked())
}

// A payment that becomes refund_due while a part of it is in doubt waits for the part.
func TestAMarkWaitsForAPart(t *testing.T) {
	t.Parallel()
	w := newCounter(t)
	paid, _ := w.sold()
	w.ask("payment_id", paid, 200)
	w.sims["main"].Update(faults(simulator.Faults{Err5xxAfter: 1, First: 1}))
	require.Equal(t, batch.ExitUnfinished, w.refund().Exit)
	worktest.Exec(t, w.plain, `UPDATE payments SET status = 'refund_due'`)
	require.Equal(t, batch.ExitUnfinished, w.refund().Exit)
	require.Equal(t, []string{"200 in 1"}, w.given("main"), "only the part")
	w.sims["main"].Update(faults(simulator.Faults{}))
	w.pass(time.Minute)
	w.refund() // settles the part
	require.Equal(t, batch.ExitDone, w.refund().Exit)
	require.Equal(t, []string{"500 in 2"}, w.given("main"))
	require.Equal(t, []string{"refunded 500"}, w.payments())
}

// A refund_due that the shop takes back is nothing any more if it was not sent, and settled by what the gateway shows if it was.
func TestAMarkIsTakenBack(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		faults simulator.Faults
		want   string
	}{
		"not sent": {simulator.Faults{TooMany: 1}, "cancelled"},
		"executed": {simulator.Faults{Err5xxAfter: 1}, "refunded"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newCounter(t)
			w.due("main")
			w.sims["main"].Update(faults(c.faults))
			require.Equal(t, batch.ExitUnfinished, w.refund().Exit)
			worktest.Exec(t, w.plain, `UPDATE payments SET status = 'succeeded'`)
			w.sims["main"].Update(faults(simulator.Faults{}))
			w.pass(time.Minute)
			require.Equal(t, batch.ExitDone, w.refund().Exit)
			require.Equal(t, c.want, worktest.Get[string](t, w.plain, `SELECT status FROM refunds`))
			require.Zero(t, worktest.Get[int](t, w.plain, `SELECT COUNT(unsettled) FROM refunds`))
		})
	}
}

// Who lost the lease of a refund writes nothing.
func TestRefundsOfALostLease(t *testing.T) {
	t.Parallel()
	w := newCounter(t)
	paid, _ := w.sold()
	w.ask("payment_id", paid, 200)
	db := worktest.Open(t, w.plain.DSN)
	result := worktest.Run(t, db, func(ctx context.Context, _ *batch.StepExecution) error {
		page, err := (&refundrows.Reader{DB: db, Now: time.Now}).Read(ctx, batch.ClaimRequest{Limit: 10, Skip: func(string) bool { return false }})
		require.NoError(t, err)
		if len(page.Items) == 0 {
			page, err = (&refundrows.Reader{DB: db, Now: time.Now}).Read(ctx, batch.ClaimRequest{Limit: 10, Skip: func(string) bool { return false }})
			require.NoError(t, err)
		}
		require.Len(t, page.Items, 1)
		worktest.Exec(t, w.plain, `UPDATE refunds SET lease = '0123456789abcdef'`)
		none := func(string) time.Duration { return 0 }
		writer := &writers.RequestedRefunds{DB: db, Unkeyed: none, Longest: none, Now: time.Now}
		tally, err := writer.Write(ctx, []refunds.Result{{Claimed: page.Items[0], End: refunds.End{Step: refunds.Done, Amount: 200, Total: 200}}})
		require.NoError(t, err)
		require.Equal(t, batch.Tally{Released: 1}, tally)
		frozen, err := writers.FreezeRefund(ctx, db, page.Items[0], refunds.Sent{Amount: 200, At: time.Now()}, "pay_1")
		require.NoError(t, err)
		require.False(t, frozen)
		return nil
	})
	require.NoError(t, result.Err)
	require.Equal(t, []string{"in_flight 200 rf_ord_1-1"}, w.asked())
	require.Empty(t, w.events())
}

// Two payments of an order put its items back once.
func TestAnOrderIsRestockedOnce(t *testing.T) {
	t.Parallel()
	w := newCounter(t)
	w.sold()
	worktest.Exec(t, w.plain, `INSERT INTO products (id, name, stock) VALUES (1, 'Mug', 5)`)
	worktest.Exec(t, w.plain, `INSERT INTO order_items (order_id, product_id, quantity) VALUES (1, 1, 2)`)
	_, err := w.sims["main"].Inject(simulator.Entry{Key: "ord_1-2", Reference: "ord_1", CustomerID: "c", Method: "pm_ok", Amount: 500, Currency: "KRW"})
	require.NoError(t, err)
	worktest.Exec(t, w.plain, `INSERT INTO payments (order_id, gateway, idempotency_key, status, amount, currency) VALUES (1, 'main', 'ord_1-2', 'succeeded', 500, 'KRW')`)
	worktest.Exec(t, w.plain, `INSERT INTO refunds (payment_id, reason, restock) SELECT id, 'returned', TRUE FROM payments`)
	require.Equal(t, batch.ExitDone, w.refund().Exit)
	require.Equal(t, []string{"1000 in 0"}, []string{worktest.Get[string](t, w.plain, `SELECT CONCAT(SUM(refunded_amount), ' in ', SUM(status <> 'refunded')) FROM payments`)})
	require.Equal(t, 7, worktest.Get[int](t, w.plain, `SELECT stock FROM products`))
	require.Equal(t, 1, worktest.Get[int](t, w.plain, `SELECT SUM(restocked) FROM refunds`))
}

// Nothing is believed and nothing sent where the newest payments that duly took are not shown.
func TestPartsAtAStaleCopy(t *testing.T) {
	t.Parallel()
	w := newCounter(t)
	paid, _ := w.sold()
	worktest.Charged(t, w.plain, w.sims["main"], "main", time.Now())
	worktest.Exec(t, w.plain, `UPDATE payment_attempts SET idempotency_key = 'gone-1', gateway_payment_id = 'pay_gone', created_at = UTC_TIMESTAMP(6) + INTERVAL 1 HOUR`)
	w.ask("payment_id", paid, 200)
	w.ask("payment_id", paid, 501)
	require.NotEqual(t, batch.ExitDone, w.refund().Exit)
	require.Zero(t, w.requests("main"))
	require.Equal(t, "requested", worktest.Get[string](t, w.plain, `SELECT status FROM refunds WHERE id = 1`))
}

// What somebody else had refunded is no sum of the run that finds it.
func TestAMarkOfWhatIsRefundedAlready(t *testing.T) {
	t.Parallel()
	w := newCounter(t)
	_, there := w.sold()
	w.amend(there, func(e *simulator.Entry) { e.Refunded = e.Amount })
	worktest.Exec(t, w.plain, `UPDATE payments SET status = 'refund_due'`)
	result := w.refund()
	require.Equal(t, batch.ExitDone, result.Exit)
	require.Zero(t, result.Tally.Amounts["KRW"])
	require.Equal(t, []string{"refunded 500"}, w.payments())
}
