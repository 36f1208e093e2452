package worklist_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/payment"
	"duly/internal/query"
	"duly/internal/query/worklist"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
)

// Reasons are shown as they are stored, whatever the customer and the payment method are called.
func TestReviews(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	db := worktest.Open(t, plain.DSN)
	worktest.Exec(t, plain, `INSERT INTO subscriptions (id, customer_id, gateway, payment_method, amount, currency, interval_unit, next_billing_date, review_reason, updated_at)
VALUES (1, '1', 'main', '9', 100, 'KRW', 'month', '2026-01-31', 'amount is 9,910 KRW', '2026-01-31 01:00:00.5'),
(2, 'cus_2', 'main', 'pm_2', 100, 'KRW', 'month', '2026-02-01', 'not due yet', '2026-01-31 01:00:00')`)
	worktest.Exec(t, plain, `INSERT INTO invoices (id, subscription_id, due_date, amount, currency, status, issued_date, review_reason, updated_at)
VALUES (1, 1, '2026-01-01', 100, 'KRW', 'review', '2026-01-01', 'gateway booked 19.91 EUR (pay_0000001), invoice is 9.19 EUR', '2026-01-31 01:00:00'),
(2, 9, '2026-01-02', 200, 'USD', 'review', '2026-01-02', NULL, '2026-01-31 02:00:00'),
(3, 1, '2026-01-03', 300, 'KRW', 'paid', '2026-01-03', 'before', '2026-01-31 03:00:00')`)
	worktest.Exec(t, plain, `INSERT INTO orders (id, customer_id, status, amount, currency) VALUES (1, 'a', 'failed', 500, 'KRW')`)
	worktest.Exec(t, plain, `INSERT INTO order_checks (order_id, reason, checked_at) VALUES (1, 'a payment was made twice', '2026-01-31 01:00:00'), (2, 'gone', '2026-01-31 02:00:00'), (3, NULL, NULL)`)
	worktest.Exec(t, plain, `INSERT INTO events (id, type, subject, payload, created_at) VALUES (1, 'invoice.paid', 'subscription:1', '{}', '2026-01-31 01:00:00')`)
	worktest.Exec(t, plain, `INSERT INTO event_deliveries (event_id, sink, status, last_error) VALUES (1, 'webhook', 'dead', '410 Gone'), (1, 'slack', 'delivered', NULL)`)

	at := func(clock string) time.Time {
		when, err := time.Parse("2006-01-02 15:04:05", "2026-01-31 "+clock)
		require.NoError(t, err)
		return when
	}
	oldest, err := query.OldestReview(t.Context(), db, worktest.Day(t, "2026-01-31"))
	require.NoError(t, err)
	require.Equal(t, at("01:00:00"), oldest.UTC())
	list, err := worklist.InvoiceReviews(t.Context(), db, 10)
	require.NoError(t, err)
	require.Equal(t, []worklist.Review{
		{What: "invoice", ID: 2, Amount: 200, Currency: "USD", Since: at("02:00:00")},
		{What: "invoice", ID: 1, Reason: "gateway booked 19.91 EUR (pay_0000001), invoice is 9.19 EUR", Amount: 100, Currency: "KRW", Since: at("01:00:00")},
	}, list)
	list, err = worklist.InvoiceReviews(t.Context(), db, 1)
	require.NoError(t, err)
	require.Len(t, list, 1)

	due, err := payment.ParseDate("2026-01-31")
	require.NoError(t, err)
	list, err = worklist.SubscriptionReviews(t.Context(), db, due, 10)
	require.NoError(t, err)
	require.Equal(t, []worklist.Review{{What: "subscription", ID: 1, Reason: "amount is 9,910 KRW", Since: at("01:00:00").Add(500 * time.Millisecond)}}, list)

	list, err = worklist.OrderReviews(t.Context(), db, 10)
	require.NoError(t, err)
	require.Equal(t, []worklist.Review{
		{What: "order", ID: 2, Reason: "gone", Since: at("02:00:00")},
		{What: "order", ID: 1, Reason: "a payment was made twice", Amount: 500, Currency: "KRW", Since: at("01:00:00")},
	}, list)

	list, err = worklist.EventReviews(t.Context(), db, 10)
	require.NoError(t, err)
	require.Equal(t, []worklist.Review{{What: "event", ID: 1, Reason: "invoice.paid could not be delivered to webhook: 410 Gone", Since: at("01:00:00")}}, list)
}
