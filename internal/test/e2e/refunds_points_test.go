package e2e_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/crash"
	"duly/internal/gateway/simulator"
	"duly/internal/orders"
	"duly/internal/payment"
)

// till is a mall that only refunds: completed orders and paid invoices of 500 won, of which parts are asked for.
type till struct {
	*mall

	want map[string]simulator.Entry // what is refunded in the end, by the key of the charge
}

func openTill(w *world) *till {
	w.t.Helper()
	c := &till{mall: openMall(w, nil), want: map[string]simulator.Entry{}}
	c.order(0, 200, 100)        // two parts
	c.order(0, 300, 200, 100)   // all of it, and more than that
	c.order(0, 500)             // all of it at once
	c.order(100, 200, 0)        // somebody refunded a part by hand; then a part, and the rest
	c.invoice(150, 0)           // a part, and the rest
	c.invoice(400, 200)         // a part, and more than is left
	c.pass(lease + 2*heartbeat) // nothing is younger than a request can be late
	return c
}

// asks asks for amounts, 0 for the rest, and notes what the gateway is to have refunded in the end.
func (c *till) asks(column string, id uint64, key string, byHand int64, amounts []int64) {
	total, parts := byHand, 0
	if byHand > 0 {
		parts = 1
	}
	for _, amount := range amounts {
		c.exec(`INSERT INTO refunds (`+column+`, amount, reason) VALUES (?, NULLIF(?, 0), 'asked for')`, id, amount)
		given := amount
		if given == 0 {
			given = 500 - total
		}
		if total+given <= 500 && given > 0 {
			total, parts = total+given, parts+1
		}
	}
	c.want[key] = simulator.Entry{Refunded: total, Refunds: parts}
}

func (c *till) order(byHand int64, amounts ...int64) {
	id := c.exec(`INSERT INTO orders (customer_id, status, amount, currency, completed_at) VALUES ('c', 'completed', 500, 'KRW', UTC_TIMESTAMP(6))`)
	key := fmt.Sprintf("ord_%d-1", id)
	c.inject(simulator.Entry{Key: key, Reference: orders.Reference(id), Status: payment.Succeeded, Refunded: byHand})
	paid := c.exec(`INSERT INTO payments (order_id, gateway, idempotency_key, status, amount, currency) VALUES (?, 'main', ?, 'succeeded', 500, 'KRW')`, id, key)
	c.asks("payment_id", paid, key, byHand, amounts)
}

func (c *till) invoice(amounts ...int64) {
	c.exec(`INSERT INTO subscriptions (customer_id, gateway, payment_method, amount, currency, interval_unit, next_billing_date)
VALUES ('c', 'main', 'pm_ok', 500, 'KRW', 'month', '2099-01-01')`)
	id := uint64(c.count(`SELECT MAX(id) FROM subscriptions`))
	reference := fmt.Sprintf("sub_%d_20260131", id)
	c.inject(simulator.Entry{Key: reference + "-1", Reference: reference, Status: payment.Succeeded})
	there := c.sim.Ledger()[len(c.sim.Ledger())-1].ID
	invoice := c.exec(`INSERT INTO invoices (subscription_id, due_date, amount, currency, status, issued_date) VALUES (?, '2026-01-31', 500, 'KRW', 'paid', '2026-01-31')`, id)
	c.exec(`INSERT INTO payment_attempts (invoice_id, subscription_id, attempt_no, stage, idempotency_key, reference, customer_id, amount, currency, gateway,
payment_method, body_version, status, gateway_payment_id, run_id, proof) VALUES (?, ?, 1, 0, ?, ?, 'c', 500, 'KRW', 'main', 'pm_ok', 1, 'succeeded', ?, 1, 'answer')`,
		invoice, id, reference+"-1", reference, there)
	c.asks("invoice_id", invoice, reference+"-1", 0, amounts)
}

// audit fails the test unless each refund that could be executed was, once, and the tables and events say the same.
func (c *till) audit() {
	c.t.Helper()
	for _, e := range c.sim.Ledger() {
		want, asked := c.want[e.Key]
		if !asked { // it only shows that the gateway is the right one
			continue
		}
		require.True(c.t, e.Refunded == want.Refunded && e.Refunds == want.Refunds, "%s: %d in %d, not %d in %d", e.Key, e.Refunded, e.Refunds, want.Refunded, want.Refunds)
		here := c.list(`SELECT refunded_amount FROM payments WHERE idempotency_key = ? UNION ALL SELECT a.refunded_amount FROM payment_attempts a
JOIN invoices i ON i.id = a.invoice_id AND i.refunded_amount = a.refunded_amount WHERE a.idempotency_key = ?`, e.Key, e.Key)
		require.Equal(c.t, []string{fmt.Sprint(want.Refunded)}, here, e.Key)
	}
	require.Empty(c.t, c.list(`SELECT CONCAT_WS(' ', id, status, detail) FROM refunds WHERE status NOT IN ('refunded', 'refused') OR unsettled IS NOT NULL OR lease IS NOT NULL`))
	require.Equal(c.t, c.list(`SELECT CONCAT(IF(status = 'refunded', 'refund.succeeded', 'refund.refused'), ' ', id) FROM refunds ORDER BY id`),
		c.list(`SELECT CONCAT(type, ' ', JSON_VALUE(payload, '$.refund_id')) FROM events WHERE type IN ('refund.succeeded', 'refund.refused') ORDER BY JSON_VALUE(payload, '$.refund_id') + 0`))
	require.Equal(c.t, c.list(`SELECT id FROM payments WHERE status = 'refunded' ORDER BY id`),
		c.list(`SELECT JSON_VALUE(payload, '$.payment_id') FROM events WHERE type = 'refund.completed' ORDER BY 1`))
	require.Empty(c.t, c.sim.BodyViolations())
}

// TestRefundsAtEveryPoint kills a worker at every point of a refund, beside another one, and runs again. Each part is refunded once (I9, I11).
func TestRefundsAtEveryPoint(t *testing.T) {
	t.Parallel()
	lent := lend(t)
	for i, point := range append(crash.RefundPoints(), crash.BeforeCheck, crash.BeforeSend, crash.AfterSend, crash.Answered) {
		t.Run(string(point), func(t *testing.T) {
			t.Parallel()
			c := openTill(lent.world(t, mallFaults()))
			c.dieAt(where{point: point, nth: 1 + i%2}, true)
			c.work(2)
			c.audit()
		})
	}
}
