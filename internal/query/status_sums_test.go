package query_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/query"
	"duly/internal/store"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
)

// What can be invoiced is summed up by currency: the same rows that [query.Issuable] counts.
func TestIssuableSums(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	db := worktest.Open(t, plain.DSN)
	worktest.Exec(t, plain, `INSERT INTO subscriptions (id, customer_id, status, gateway, payment_method, amount, currency, interval_unit, next_billing_date, review_reason) VALUES
(1, 'a', 'active', 'main', 'pm', 100, 'KRW', 'month', '2026-01-31', NULL), (2, 'a', 'past_due', 'main', 'pm', 200, 'KRW', 'month', '2026-01-01', NULL),
(3, 'a', 'active', 'main', 'pm', 999, 'USD', 'month', '2026-01-31', NULL), (4, 'a', 'active', 'main', 'pm', 400, 'KRW', 'month', '2026-02-01', NULL),
(5, 'a', 'paused', 'main', 'pm', 500, 'KRW', 'month', '2026-01-31', NULL), (6, 'a', 'active', 'main', 'pm', 600, 'KRW', 'month', '2026-01-31', 'amount'),
(7, 'a', 'active', 'main', 'pm', 700, 'KRW', 'month', '2026-01-31', NULL)`)
	worktest.Exec(t, plain, `INSERT INTO invoices (subscription_id, due_date, amount, currency, status, issued_date) VALUES (7, '2026-01-01', 700, 'KRW', 'open', '2026-01-01')`)
	day := worktest.Day(t, "2026-01-31")
	all := store.Selection{Business: day}
	list, err := query.IssuableSums(t.Context(), db, query.Issuing{Selection: all, Effective: day})
	require.NoError(t, err)
	require.Equal(t, []query.StageSum{{Currency: "KRW", Count: 2, Amount: 300}, {Currency: "USD", Count: 1, Amount: 999}}, list)
	n, err := query.Issuable(t.Context(), db, query.Issuing{Selection: all, Effective: day})
	require.NoError(t, err)
	require.EqualValues(t, 3, n)
	one, err := query.IssuableSums(t.Context(), db, query.Issuing{Selection: store.Selection{Business: day, Subscriptions: []uint64{3}}, Effective: day})
	require.NoError(t, err)
	require.Len(t, one, 1)
	none, err := query.OldestReview(t.Context(), db, day-40)
	require.NoError(t, err)
	require.Zero(t, none)
}
