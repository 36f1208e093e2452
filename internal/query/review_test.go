package query_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/payment"
	"duly/internal/query"
	"duly/internal/testdb"
	"duly/internal/worktest"
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
	list, err := query.InvoiceReviews(t.Context(), db, 10)
	require.NoError(t, err)
	require.Equal(t, []query.Review{
		{What: "invoice", ID: 2, Amount: 200, Currency: "USD", Since: at("02:00:00")},
		{What: "invoice", ID: 1, Reason: "gateway booked 19.91 EUR (pay_0000001), invoice is 9.19 EUR", Amount: 100, Currency: "KRW", Since: at("01:00:00")},
	}, list)
	list, err = query.InvoiceReviews(t.Context(), db, 1)
	require.NoError(t, err)
	require.Len(t, list, 1)

	due, err := payment.ParseDate("2026-01-31")
	require.NoError(t, err)
	list, err = query.SubscriptionReviews(t.Context(), db, due, 10)
	require.NoError(t, err)
	require.Equal(t, []query.Review{{What: "subscription", ID: 1, Reason: "amount is 9,910 KRW", Since: at("01:00:00").Add(500 * time.Millisecond)}}, list)

	list, err = query.OrderReviews(t.Context(), db, 10)
	require.NoError(t, err)
	require.Equal(t, []query.Review{
		{What: "order", ID: 2, Reason: "gone", Since: at("02:00:00")},
		{What: "order", ID: 1, Reason: "a payment was made twice", Amount: 500, Currency: "KRW", Since: at("01:00:00")},
	}, list)

	list, err = query.EventReviews(t.Context(), db, 10)
	require.NoError(t, err)
	require.Equal(t, []query.Review{{What: "event", ID: 1, Reason: "invoice.paid could not be delivered to webhook: 410 Gone", Since: at("01:00:00")}}, list)
}

func TestDeclineSums(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	db := worktest.Open(t, plain.DSN)
	add := func(n int, run uint64, status, class, code, at string) {
		key := strings.Repeat("k", n)
		worktest.Exec(t, plain, `INSERT INTO payment_attempts (invoice_id, subscription_id, attempt_no, stage, idempotency_key, reference, customer_id, amount,
currency, gateway, payment_method, body_version, status, run_id, decline_class, decline_code, created_at)
VALUES (?, 1, 1, 0, ?, 'r', '1', 100, 'KRW', 'main', 'a', 1, ?, ?, NULLIF(?, ''), NULLIF(?, ''), ?)`, n, key, status, run, class, code, at)
	}
	add(1, 7, "declined", "soft", "no_money", "2026-01-31 01:00:00")
	add(2, 7, "declined", "soft", "no_money", "2026-01-31 02:00:00")
	add(3, 7, "declined", "", "", "2026-01-31 02:00:00")
	add(4, 7, "declined", "hard", "card_1a", "2026-01-31 02:00:00")
	add(5, 7, "succeeded", "", "", "2026-01-31 02:00:00")
	add(6, 8, "declined", "soft", "no_money", "2026-01-31 02:00:00")
	add(7, 7, "declined", "soft", "no_money", "2026-01-31 03:00:01")
	from := time.Date(2026, 1, 31, 1, 0, 0, 0, time.UTC)
	list, err := query.DeclineSums(t.Context(), db, 7, from, from.Add(2*time.Hour), 10)
	require.NoError(t, err)
	require.Equal(t, []query.DeclineSum{{"soft", "no_money", 2}, {"", "", 1}, {"hard", "card_1a", 1}}, list)
	list, err = query.DeclineSums(t.Context(), db, 7, from, from.Add(2*time.Hour), 1)
	require.NoError(t, err)
	require.Len(t, list, 1)
}
