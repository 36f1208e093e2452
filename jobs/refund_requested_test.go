package jobs_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/gateway/simulator"
	"duly/internal/orders"
	"duly/internal/payment"
	"duly/internal/test/worktest"
)

// sold adds a completed order of 500 won with a payment that is kept.
func (c *counter) sold() (paymentID uint64, there string) {
	c.t.Helper()
	worktest.Exec(c.t, c.plain, `INSERT INTO orders (customer_id, status, amount, currency, completed_at) VALUES ('c', 'completed', 500, 'KRW', UTC_TIMESTAMP(6))`)
	order := worktest.Get[uint64](c.t, c.plain, `SELECT MAX(id) FROM orders`)
	key := fmt.Sprintf("ord_%d-1", order)
	there, err := c.sims["main"].Inject(simulator.Entry{Key: key, Reference: orders.Reference(order), CustomerID: "c", Method: "pm_ok", Amount: 500, Currency: "KRW"})
	require.NoError(c.t, err)
	worktest.Exec(c.t, c.plain, `INSERT INTO payments (order_id, gateway, idempotency_key, transaction_key, status, amount, currency) VALUES (?, 'main', ?, ?, 'succeeded', 500, 'KRW')`, order, key, there)
	return worktest.Get[uint64](c.t, c.plain, `SELECT MAX(id) FROM payments`), there
}

// billed adds a paid invoice of 500 won.
func (c *counter) billed() (invoice uint64, there string) {
	c.t.Helper()
	worktest.Enrol(c.t, c.plain, 1, day0, nil)
	id := worktest.Get[uint64](c.t, c.plain, `SELECT MAX(id) FROM subscriptions`)
	worktest.Exec(c.t, c.plain, `INSERT INTO invoices (subscription_id, due_date, amount, currency, status, issued_date, paid_at) VALUES (?, ?, 500, 'KRW', 'paid', ?, UTC_TIMESTAMP(6))`, id, day0, day0)
	invoice = worktest.Get[uint64](c.t, c.plain, `SELECT MAX(id) FROM invoices`)
	reference := fmt.Sprintf("sub_%d_20260131", id)
	there, err := c.sims["main"].Inject(simulator.Entry{Key: reference + "-1", Reference: reference, CustomerID: "c", Method: "pm_ok", Amount: 500, Currency: "KRW"})
	require.NoError(c.t, err)
	worktest.Exec(c.t, c.plain, `INSERT INTO payment_attempts (invoice_id, subscription_id, attempt_no, stage, idempotency_key, reference, customer_id, amount, currency, gateway,
payment_method, body_version, status, gateway_payment_id, run_id, proof) VALUES (?, ?, 1, 0, ?, ?, 'c', 500, 'KRW', 'main', 'pm_ok', 1, 'succeeded', ?, 1, 'answer')`,
		invoice, id, reference+"-1", reference, there)
	return invoice, there
}

// ask inserts a refund as a shop does; an amount of 0 is all that is left.
func (c *counter) ask(column string, id uint64, amount int64) {
	c.t.Helper()
	worktest.Exec(c.t, c.plain, `INSERT INTO refunds (`+column+`, amount, reason) VALUES (?, NULLIF(?, 0), 'asked for')`, id, amount)
}

// asked are the rows of refunds.
func (c *counter) asked() []string {
	c.t.Helper()
	return worktest.List[string](c.t, c.plain, `SELECT CONCAT_WS(' ', status, COALESCE(amount, '-'), COALESCE(idempotency_key, '-'), detail) FROM refunds ORDER BY id`)
}

// Parts of an invoice and of a payment are refunded, one after the other and each under a key of its own, and never more than was paid.
func TestPartsAreRefunded(t *testing.T) {
	t.Parallel()
	w := newCounter(t)
	paid, _ := w.sold()
	invoice, _ := w.billed()
	w.ask("payment_id", paid, 200)
	w.ask("payment_id", paid, 100)
	w.ask("payment_id", paid, 300)
	w.ask("invoice_id", invoice, 150)
	w.ask("invoice_id", invoice, 0)

	result := w.refund()
	require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
	require.Equal(t, []string{
		"refunded 200 rf_ord_1-1", "refunded 100 rf2_ord_1-1", "refused 300 rf3_ord_1-1 200 KRW are left of 500 KRW",
		"refunded 150 rf_sub_1_20260131-1", "refunded 350 rf2_sub_1_20260131-1",
	}, w.asked())
	require.Equal(t, []string{"300 in 2", "500 in 2"}, w.given("main"))
	require.Equal(t, []string{"succeeded 300"}, w.payments())
	require.Equal(t, []string{"paid 500 500"}, worktest.List[string](t, w.plain, `SELECT CONCAT_WS(' ', i.status, i.refunded_amount, a.refunded_amount) FROM invoices i JOIN payment_attempts a ON a.invoice_id = i.id`))
	require.ElementsMatch(t, []string{"refund.succeeded", "refund.succeeded", "refund.succeeded", "refund.succeeded", "refund.refused"}, w.events())
	require.Equal(t, batch.Tally{Read: 5, Succeeded: 4, Declined: 1, Amounts: map[string]int64{"KRW": 800}}, result.Tally)

	w.ask("payment_id", paid, 0)
	require.Equal(t, batch.ExitDone, w.refund().Exit)
	require.Equal(t, []string{"refunded 500"}, w.payments(), "the rest of it")
	require.Contains(t, w.events(), "refund.completed")
	again := w.refund()
	require.Zero(t, again.Tally.Read)
}

// What becomes of one refund of 200 of 500 won, run after run.
func TestPartStories(t *testing.T) {
	t.Parallel()
	done := func(before happening) visit { return visit{before, batch.ExitDone, "refunded"} }
	later := func(before happening) visit { return visit{before, batch.ExitUnfinished, "in_doubt"} }
	review := func(before happening) visit { return visit{before, batch.ExitReview, "review"} }
	for _, s := range []story{
		{
			name: "the answer is lost", given: "200 in 1", requests: 1, events: []string{"refund.succeeded"},
			visits: []visit{later(sim(faults(simulator.Faults{DropAfter: 1}))), later(nil), done(aMinute)},
		},
		{
			name: "the request is lost", given: "200 in 1", requests: 2, events: []string{"refund.succeeded"},
			visits: []visit{later(sim(faults(simulator.Faults{DropBefore: 1, First: 1}))), done(aMinute)},
		},
		{
			name: "the answer is lost, and the key forgotten", given: "200 in 1", requests: 1, events: []string{"refund.succeeded"},
			visits: []visit{later(sim(faults(simulator.Faults{Err5xxAfter: 1}))), done(aDay)},
		},
		{
			name: "the request is lost, and the key forgotten", given: "0 in 0", requests: 1, events: []string{"review.needed"},
			visits: []visit{later(sim(faults(simulator.Faults{Err5xxBefore: 1, First: 1}))), review(aDay), {aDay, batch.ExitDone, "review"}},
		},
		{
			name: "the answer is lost, and somebody refunds another part meanwhile", given: "300 in 2", requests: 2, events: []string{"refund.succeeded"},
			visits: []visit{later(sim(faults(simulator.Faults{Err5xxAfter: 1, First: 1}))), done(then(aMinute, byHand(100)))},
		},
		{
			name: "the request is lost, and somebody refunds another part meanwhile", given: "300 in 2", requests: 2, events: []string{"refund.succeeded"},
			visits: []visit{later(sim(faults(simulator.Faults{Err5xxBefore: 1, First: 1}))), done(then(aMinute, byHand(100)))},
		},
		{
			name: "the answer is lost, the key forgotten, and somebody refunds another part", given: "300 in 2", requests: 1, events: []string{"review.needed"},
			visits: []visit{later(sim(faults(simulator.Faults{Err5xxAfter: 1, First: 1}))), review(then(aDay, byHand(100)))},
		},
		{
			name: "refunded by hand in part before", given: "300 in 2", requests: 1, events: []string{"refund.succeeded"},
			visits: []visit{done(byHand(100))},
		},
		{
			name: "somebody refunded as much", given: "400 in 1", events: []string{"review.needed"},
			visits: []visit{review(byHand(400)), {aDay, batch.ExitDone, "review"}},
		},
		{
			name: "declined after all", given: "0 in 0", events: []string{"refund.refused"},
			visits: []visit{{amend(func(e *simulator.Entry) { e.Status = payment.Declined }), batch.ExitDone, "refused"}},
		},
		{
			name: "another amount", given: "0 in 0", events: []string{"review.needed"},
			visits: []visit{review(amend(func(e *simulator.Entry) { e.Amount = 600 }))},
		},
		{
			name: "no keys: the answer is lost", given: "200 in 1", requests: 1, events: []string{"refund.succeeded"}, client: keyless,
			visits: []visit{later(noKeys(simulator.Faults{DropAfter: 1})), later(aMinute), done(passes(3 * time.Minute))},
		},
		{
			name: "no keys: the request is lost", given: "0 in 0", requests: 1, events: []string{"review.needed"}, client: keyless,
			visits: []visit{later(noKeys(simulator.Faults{DropBefore: 1, First: 1})), later(aMinute), review(passes(5 * time.Minute))},
		},
		{
			name: "the gateway is down for two days", given: "200 in 1", requests: 1, events: []string{"review.needed", "refund.succeeded"},
			visits: []visit{
				{sim(func(c *simulator.Config) { c.Outage = true }), batch.ExitUnfinished, "requested"},
				{aDay, batch.ExitUnfinished, "requested"},
				done(then(aDay, sim(func(c *simulator.Config) { c.Outage = false }))),
			},
		},
	} {
		s.play(t, func(w *counter) string {
			paid, there := w.sold()
			w.ask("payment_id", paid, 200)
			return there
		}, func(w *counter) string { return worktest.Get[string](t, w.plain, `SELECT status FROM refunds`) })
	}
}

// A refund that goes to review while a request of it may still arrive says until when.
func TestARefundInReviewSaysUntilWhenItMayBeExecuted(t *testing.T) {
	t.Parallel()
	w := newCounter(t)
	paid, there := w.sold()
	w.ask("payment_id", paid, 200)
	w.sims["main"].Update(faults(simulator.Faults{DropBefore: 1}))
	require.Equal(t, batch.ExitUnfinished, w.refund().Exit)
	w.pass(time.Minute)
	w.amend(there, func(e *simulator.Entry) { e.Amount = 600 })
	before := time.Now()
	require.Equal(t, batch.ExitReview, w.refund().Exit)
	quiet := worktest.Get[time.Time](t, w.plain, `SELECT next_try_at FROM refunds WHERE status = 'review' AND unsettled = 1`)
	require.WithinRange(t, quiet, before.Add(2*time.Minute).Truncate(time.Microsecond), time.Now().Add(2*time.Minute))
}
