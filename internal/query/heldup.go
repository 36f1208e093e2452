package query

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"duly/internal/mysql"
	"duly/internal/payment"
)

const (
	// HeldUp are the subscriptions that a planned change keeps in review and that are not due by a day: paused ones, trials, and those whose next date
	// is yet to come. The reason names its change: one that stayed behind when its change was dropped is none.
	HeldUp = `FROM subscription_changes c STRAIGHT_JOIN subscriptions s ON s.id = c.subscription_id
WHERE c.applied_at IS NULL AND c.effective_date <= ? AND s.review_reason LIKE CONCAT('planned change ', c.id, ' (%')
AND s.status IN ('active', 'past_due', 'paused', 'trialing') AND (s.status IN ('active', 'past_due') AND s.next_billing_date <= ?) IS NOT TRUE`

	countHeldUp = `SELECT COUNT(*) AS subscriptions, MIN(CAST(s.updated_at AS DATETIME(6))) AS since ` + HeldUp

	heldUpReasons = `
UNION ALL SELECT 'in review', s.review_reason ` + HeldUp + ` AND s.updated_at >= ?`
)

// waitingForPlans counts the subscriptions of [HeldUp], and says since when the first of them waits. A login that may not read planned changes sees none, as a run does.
func waitingForPlans(ctx context.Context, db *mysql.DB, business payment.Date) (subscriptions int64, since time.Time, _ error) {
	var row struct {
		Subscriptions int64
		Since         sql.NullTime
	}
	err := db.GetContext(ctx, &row, countHeldUp, business, business)
	switch {
	case mysql.IsDenied(err):
		return 0, time.Time{}, nil
	case err != nil:
		return 0, time.Time{}, fmt.Errorf("count what planned changes hold up: %w", mysql.Classify(ctx, err))
	}
	return row.Subscriptions, row.Since.Time, nil
}
