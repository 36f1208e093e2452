package query

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/store"
)

const selectIssuableSums = `SELECT COALESCE(s.currency, '') AS currency, COUNT(*) AS count, CAST(COALESCE(SUM(s.amount), 0) AS SIGNED) AS amount
FROM subscriptions s WHERE s.status IN ('active', 'past_due') AND s.next_billing_date <= ?
AND s.review_reason IS NULL AND NOT EXISTS (SELECT 1 FROM invoices i WHERE i.subscription_id = s.id
AND (i.issued_date >= ? OR i.status IN ('open', 'charging', 'review')))%s GROUP BY 1 ORDER BY 1`

// IssuableSums sums up by currency what the selected subscriptions that are due and can be invoiced cost. The stage is 0.
func IssuableSums(ctx context.Context, db *mysql.DB, selection store.Selection, effective payment.Date) ([]StageSum, error) {
	only, args := selection.Only("s.id")
	list := []StageSum{}
	err := db.SelectContext(ctx, &list, fmt.Sprintf(selectIssuableSums, only), append([]any{selection.Business, effective}, args...)...)
	return list, mysql.Classify(ctx, err)
}

const selectOldestReview = `SELECT MIN(since) FROM (
SELECT MIN(updated_at) AS since FROM invoices WHERE status = 'review'
UNION ALL SELECT MIN(CAST(updated_at AS DATETIME(6))) FROM subscriptions
WHERE status IN ('active', 'past_due') AND next_billing_date <= ? AND review_reason IS NOT NULL
UNION ALL SELECT MIN(checked_at) FROM order_checks WHERE reason IS NOT NULL) waiting`

// OldestReview is since when the oldest of the rows that [CountReviews] counts waits for an operator; zero for none.
func OldestReview(ctx context.Context, db *mysql.DB, business payment.Date) (time.Time, error) {
	var at sql.NullTime
	err := db.GetContext(ctx, &at, selectOldestReview, business)
	return at.Time, mysql.Classify(ctx, err)
}
