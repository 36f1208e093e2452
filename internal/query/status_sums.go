package query

import (
	"context"
	"database/sql"
	"time"

	"duly/internal/mysql"
	"duly/internal/payment"
)

const selectOldestReview = `SELECT MIN(since) FROM (
SELECT MIN(updated_at) AS since FROM invoices WHERE status = 'review'
UNION ALL SELECT MIN(CAST(updated_at AS DATETIME(6))) FROM subscriptions
WHERE status IN ('active', 'past_due') AND next_billing_date <= ? AND review_reason IS NOT NULL
UNION ALL SELECT MIN(checked_at) FROM order_checks WHERE reason IS NOT NULL
UNION ALL SELECT MIN(created_at) FROM refunds WHERE status = 'review') waiting`

// OldestReview is since when the oldest of the rows that [CountReviews] counts waits for an operator; zero for none.
func OldestReview(ctx context.Context, db *mysql.DB, business payment.Date) (time.Time, error) {
	var at sql.NullTime
	if err := db.GetContext(ctx, &at, selectOldestReview, business); err != nil {
		return time.Time{}, mysql.Classify(ctx, err)
	}
	_, since, err := waitingForPlans(ctx, db, business)
	if at.Time.IsZero() || !since.IsZero() && since.Before(at.Time) {
		return since, err
	}
	return at.Time, err
}
