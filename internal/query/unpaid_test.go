package query_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/payment"
	"duly/internal/query"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
)

// What is due and not paid counts, whatever becomes of it next: a retry, another payment method, an answer, an operator.
func TestUnpaidInvoices(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	db := worktest.Open(t, plain.DSN)
	add := func(id int, status, due, next, class, declinedMethod string, amount int, currency string) {
		worktest.Exec(t, plain, `INSERT INTO subscriptions (id, customer_id, gateway, payment_method, amount, currency, interval_unit, next_billing_date)
VALUES (?, 'c', 'main', 'now', ?, ?, 'month', '2026-03-01')`, id, amount, currency)
		worktest.Exec(t, plain, `INSERT INTO invoices (id, subscription_id, due_date, amount, currency, status, attempts, next_attempt_date, issued_date)
VALUES (?, ?, ?, ?, ?, ?, 1, NULLIF(?, ''), '2026-01-01')`, id, id, due, amount, currency, status, next)
		if class != "" {
			worktest.Exec(t, plain, `INSERT INTO payment_attempts (invoice_id, subscription_id, attempt_no, stage, idempotency_key, reference, customer_id, amount,
currency, gateway, payment_method, body_version, status, run_id, decline_class) VALUES (?, ?, 1, 0, ?, 'r', 'c', ?, ?, 'main', ?, 1, 'declined', 7, ?)`,
				id, id, fmt.Sprintf("key-%d", id), amount, currency, declinedMethod, class)
		}
	}
	add(1, "open", "2026-01-31", "2026-02-01", "soft", "now", 100, "KRW")
	add(2, "open", "2026-01-31", "2026-02-01", "soft", "now", 999, "USD")
	add(3, "open", "2026-01-30", "2026-02-03", "soft", "now", 200, "KRW")
	add(4, "open", "2026-01-31", "2026-02-01", "hard", "now", 300, "KRW")
	add(5, "open", "2026-01-31", "2026-02-01", "action", "NOW", 400, "KRW") // the method has changed since
	add(6, "open", "2026-01-31", "2026-01-31", "", "", 500, "KRW")
	add(7, "charging", "2026-01-31", "", "", "", 600, "KRW")
	add(8, "review", "2026-01-31", "", "", "", 700, "KRW")
	add(9, "paid", "2026-01-31", "", "", "", 800, "KRW")
	add(10, "uncollectible", "2026-01-31", "", "", "", 900, "KRW")
	add(11, "open", "2026-02-01", "2026-02-01", "", "", 1000, "KRW")

	day := func(s string) payment.Date {
		d, err := payment.ParseDate(s)
		require.NoError(t, err)
		return d
	}
	got, err := query.UnpaidInvoices(t.Context(), db, day("2026-01-31"))
	require.NoError(t, err)
	amounts := map[string]int64{}
	for _, m := range got.Sums {
		amounts[m.Currency] += m.Amount
	}
	require.Equal(t, map[string]int64{"KRW": 2800, "USD": 999}, amounts)
	got.Sums = nil
	require.Equal(t, query.Unpaid{
		Invoices: 8,
		Retries:  []query.Retries{{day("2026-02-01"), 3}, {day("2026-02-03"), 1}}, Barred: 1,
	}, got)

	got, err = query.UnpaidInvoices(t.Context(), db, day("2026-01-01"))
	require.NoError(t, err)
	require.Equal(t, query.Unpaid{}, got)
}
