package jobs_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/payment"
	"duly/internal/test/worktest"
	"duly/jobs"
)

// What somebody refunded at the provider is recorded with the payment and told, once, and is no finding of any night.
func TestAuditRecordsRefundsOfTheProvider(t *testing.T) {
	t.Parallel()
	a := newAuditor(t)
	invoice := a.there(kept{Key: "sub_7_20260131-1", Reference: "sub_7_20260131", Refunded: 300})
	a.charged(7, invoice)
	a.there(kept{Key: "ord_8-1", Reference: "ord_8", Refunded: 1000})
	a.order(8, kept{Key: "ord_8-1"})
	a.there(kept{Key: "ord_9-1", Reference: "ord_9", Refunded: 500})
	a.order(9, kept{Key: "ord_9-1", Refunded: 200})
	a.there(kept{Key: "ord_10-1", Reference: "ord_10", Refunded: 100})
	a.order(10, kept{Key: "ord_10-1", Refunded: 200})
	a.flush()

	require.Equal(t, batch.ExitReview, a.audit(nil).Exit)
	require.Equal(t, []string{"amount_differs ord_10 pay_0000000004"}, a.found(), "less than we recorded is none")
	require.Equal(t, []string{"300 300"}, worktest.List[string](t, a.plain, `SELECT CONCAT(i.refunded_amount, ' ', a.refunded_amount) FROM invoices i JOIN payment_attempts a ON a.invoice_id = i.id`))
	require.Equal(t, []string{"refunded 1000", "succeeded 500", "succeeded 200"}, worktest.List[string](t, a.plain, `SELECT CONCAT(status, ' ', refunded_amount) FROM payments ORDER BY order_id`))
	require.ElementsMatch(t, []string{"provider refunded 300 by provider", "provider refunded 1000 by provider", "provider refunded 300 by provider"},
		worktest.List[string](t, a.plain, `SELECT CONCAT(origin, ' ', status, ' ', amount, ' by ', requested_by) FROM refunds`))
	told := []string{"refund.completed order:8 1000", "refund.recorded order:8 1000", "refund.recorded order:9 300", "refund.recorded subscription:7 300"}
	events := `SELECT CONCAT_WS(' ', type, subject, JSON_VALUE(payload, '$.amount')) FROM events ORDER BY 1`
	require.Equal(t, told, worktest.List[string](t, a.plain, events))

	same := payment.Window{From: a.latest().Add(-24 * time.Hour), To: a.latest()}
	a.audit(func(o *jobs.AuditOptions) { o.Window = same })
	require.Equal(t, told, worktest.List[string](t, a.plain, events), "once")
	require.Len(t, a.found(), 1)
}

// While a refund of ours is under way what the gateway shows may be that one: nothing is recorded, and nothing found.
func TestAuditLeavesRefundsUnderWay(t *testing.T) {
	t.Parallel()
	a := newAuditor(t)
	a.charged(7, a.there(kept{Key: "sub_7_20260131-1", Reference: "sub_7_20260131", Refunded: 300}))
	worktest.Exec(t, a.plain, `INSERT INTO refunds (invoice_id, amount, reason, status, unsettled) VALUES (7, 300, 'why', 'in_doubt', 1)`)
	require.Equal(t, batch.ExitDone, a.audit(nil).Exit)
	require.Empty(t, a.found())
	require.Zero(t, worktest.Get[int](t, a.plain, `SELECT refunded_amount FROM invoices`))
	require.Zero(t, worktest.Get[int](t, a.plain, `SELECT COUNT(*) FROM events`))
}

// While a refund waits that may be what the gateway shows, nothing is recorded either: one of an amount, and of no more than that.
func TestAuditLeavesWhatMayBeARefundThatWaits(t *testing.T) {
	t.Parallel()
	for amount, recorded := range map[any]int{200: 0, 300: 0, 301: 300, nil: 300} {
		a := newAuditor(t)
		a.charged(7, a.there(kept{Key: "sub_7_20260131-1", Reference: "sub_7_20260131", Refunded: 300}))
		worktest.Exec(t, a.plain, `INSERT INTO refunds (invoice_id, amount, reason) VALUES (7, ?, 'why')`, amount)
		require.Equal(t, batch.ExitDone, a.audit(nil).Exit)
		require.Empty(t, a.found())
		require.Equal(t, recorded, worktest.Get[int](t, a.plain, `SELECT refunded_amount FROM invoices`), amount)
	}
}

// With the rest that somebody refunded at the provider, the items go back that an earlier refund of a part was to bring back.
func TestAuditPutsItemsBack(t *testing.T) {
	t.Parallel()
	a := newAuditor(t)
	a.there(kept{Key: "ord_8-1", Reference: "ord_8", Refunded: 1000})
	a.order(8, kept{Key: "ord_8-1", Refunded: 200})
	a.flush()
	worktest.Exec(t, a.plain, `INSERT INTO products (id, name, stock) VALUES (7, 'Vitamin C', 5)`)
	worktest.Exec(t, a.plain, `INSERT INTO order_items (order_id, product_id, quantity) VALUES (8, 7, 2)`)
	worktest.Exec(t, a.plain, `INSERT INTO refunds (payment_id, amount, reason, restock, status) SELECT id, 200, 'why', TRUE, 'refunded' FROM payments`)
	require.Equal(t, batch.ExitDone, a.audit(nil).Exit)
	require.Equal(t, []string{"refunded 1000"}, worktest.List[string](t, a.plain, `SELECT CONCAT(status, ' ', refunded_amount) FROM payments`))
	require.Equal(t, 7, worktest.Get[int](t, a.plain, `SELECT stock FROM products WHERE id = 7`))
	require.Equal(t, 1, worktest.Get[int](t, a.plain, `SELECT restocked FROM refunds WHERE restock = 1`))
}

// Where somebody refunds the rest at the provider, the period goes back that an earlier refund of a part was to give back.
func TestAuditGivesAPeriodBack(t *testing.T) {
	t.Parallel()
	for wished, want := range map[string]string{"refunded": "void 1000", "refused": "paid 1000"} {
		a := newAuditor(t)
		a.charged(7, a.there(kept{Key: "sub_7_20260131-1", Reference: "sub_7_20260131", Refunded: 1000}))
		worktest.Exec(t, a.plain, `INSERT INTO refunds (invoice_id, amount, currency, reason, follow_up, status) SELECT id, 300, 'KRW', 'asked for', 'give_period_back', ? FROM invoices`, wished)
		a.flush()
		require.Equal(t, batch.ExitDone, a.audit(nil).Exit)
		require.Equal(t, want, worktest.Get[string](t, a.plain, `SELECT CONCAT_WS(' ', status, refunded_amount) FROM invoices`))
	}
}
