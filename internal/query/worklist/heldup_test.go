package worklist_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/query"
	"duly/internal/query/worklist"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
)

// What a planned change holds up waits for an operator, whatever its status and its date are; a reason that stayed behind without its change, and what is
// cancelled, wait for nobody. What is due is listed once.
func TestHeldUpSubscriptionsWait(t *testing.T) {
	t.Parallel()
	const eight = "WITH RECURSIVE numbers (seq) AS (SELECT 1 UNION ALL SELECT seq + 1 FROM numbers WHERE seq < 8) "
	plain := testdb.New(t)
	db := worktest.Open(t, plain.DSN)
	worktest.Exec(t, plain, `INSERT INTO subscriptions (id, customer_id, gateway, payment_method, status, amount, currency, interval_unit, next_billing_date, review_reason, updated_at)
`+eight+`SELECT seq, 'c', 'main', 'pm', ELT(seq, 'active', 'active', 'paused', 'trialing', 'paused', 'cancelled', 'paused', 'past_due'), 100, 'KRW', 'month', IF(seq = 1, '2026-01-31', '2026-02-20'),
CONCAT('planned change ', IF(seq = 7, 1, seq), ' (amount from 2026-01-01): wrong'), '2026-01-31 01:00:00' + INTERVAL seq SECOND FROM numbers`)
	worktest.Exec(t, plain, `INSERT INTO subscription_changes (id, subscription_id, effective_date, kind, value, applied_at)
`+eight+`SELECT seq, seq, IF(seq = 8, '2026-02-01', '2026-01-01'), 'amount', 'x', IF(seq = 5, '2026-01-31', NULL) FROM numbers`)
	business := worktest.Day(t, "2026-01-31")

	counts, err := query.CountReviews(t.Context(), db, business)
	require.NoError(t, err)
	require.EqualValues(t, 4, counts.Subscriptions)
	var ids []uint64
	require.NoError(t, worklist.InReview(business).Each(t.Context(), db, worklist.Filter{}, func(l worklist.Row) error {
		ids = append(ids, l.ID)
		require.Equal(t, worklist.Subscription, l.What)
		require.Contains(t, l.Reason, "planned change")
		return nil
	}))
	require.Equal(t, []uint64{1, 2, 3, 4}, ids)
	list, err := worklist.SubscriptionReviews(t.Context(), db, business, 10)
	require.NoError(t, err)
	require.Len(t, list, 4)
	list, err = worklist.SubscriptionReviews(t.Context(), db, business, 2)
	require.NoError(t, err)
	require.Len(t, list, 2)
	require.EqualValues(t, 4, list[1].ID)
	causes, err := query.BillingReasons(t.Context(), db, 1, time.Date(2026, 1, 31, 1, 0, 0, 0, time.UTC), "2026-01-31", 10)
	require.NoError(t, err)
	require.Contains(t, causes.Reasons[0].String(), "4 ×")

	worktest.Exec(t, plain, "UPDATE subscriptions SET review_reason = NULL WHERE id = 1")
	oldest, err := query.OldestReview(t.Context(), db, business)
	require.NoError(t, err)
	require.Equal(t, time.Date(2026, 1, 31, 1, 0, 2, 0, time.UTC), oldest.UTC())
}
