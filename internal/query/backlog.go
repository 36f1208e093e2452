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

const (
	collectableRows = `SELECT COUNT(*) FROM invoices WHERE status = 'open' AND stage = ? AND next_attempt_date <= ?%s`
	collectableAt   = `COALESCE((SELECT s.gateway FROM subscriptions s WHERE s.id = subscription_id), '')`
)

// Collectable counts the selected invoices of the stage that are open and due at gateways.
func Collectable(ctx context.Context, db *mysql.DB, selection store.Selection, stage int, at store.Gateways) (int64, error) {
	only, args := selection.Only("subscription_id")
	which, names := at.Clause(collectableAt)
	only, args = only+which, append(args, names...)
	return store.Count(ctx, db, fmt.Sprintf(collectableRows, only), append([]any{stage, selection.Business}, args...)...)
}

// Unsettled are the attempts that nobody knows the end of yet.
type Unsettled struct {
	InFlight int64 `db:"in_flight"`
	InDoubt  int64 `db:"in_doubt"`
	// NextCheck is when the first of those in doubt is to be asked about; zero for none.
	NextCheck time.Time
}

const unsettledRows = `SELECT COALESCE(SUM(status = 'in_flight'), 0) AS in_flight, COALESCE(SUM(status = 'in_doubt'), 0) AS in_doubt,
MIN(CASE WHEN status = 'in_doubt' THEN next_check_at END) AS next_check FROM payment_attempts FORCE INDEX (doubt_walk)
WHERE status IN ('in_flight', 'in_doubt')%s`

// CountUnsettled counts the selected attempts in flight and in doubt at gateways, those of every run.
func CountUnsettled(ctx context.Context, db *mysql.DB, selection store.Selection, at store.Gateways) (Unsettled, error) {
	only, args := selection.Only("subscription_id")
	which, names := at.Clause("gateway")
	only, args = only+which, append(args, names...)
	var row struct {
		Unsettled

		Next sql.NullTime `db:"next_check"`
	}
	err := db.GetContext(ctx, &row, fmt.Sprintf(unsettledRows, only), args...)
	row.NextCheck = row.Next.Time
	return row.Unsettled, err
}

const reviewRows = `SELECT (SELECT COUNT(*) FROM invoices WHERE status = 'review') AS invoices,
(SELECT COUNT(*) FROM subscriptions WHERE status IN ('active', 'past_due') AND next_billing_date <= ? AND review_reason IS NOT NULL) AS subscriptions,
(SELECT COUNT(*) FROM order_checks WHERE reason IS NOT NULL) AS orders,
(SELECT COUNT(*) FROM payment_attempts a WHERE a.status = 'review' AND a.next_check_at IS NULL
AND NOT EXISTS (SELECT 1 FROM invoices i WHERE i.id = a.invoice_id AND i.status = 'review')) AS attempts,
(SELECT COUNT(*) FROM event_deliveries WHERE status = 'dead') AS events,
(SELECT COUNT(*) FROM audit_findings WHERE resolved_at IS NULL) AS findings,
(SELECT COUNT(*) FROM refunds WHERE status = 'review') AS refunds`

// Reviews counts what waits for an operator.
type Reviews struct {
	Invoices      int64 `json:"invoices"`
	Subscriptions int64 `json:"subscriptions"`
	Orders        int64 `json:"orders"`
	Attempts      int64 `json:"attempts"`    // of invoices that are not in review
	Events        int64 `json:"dead_events"` // deliveries that were given up
	Findings      int64 `json:"findings"`    // of audits, not resolved
	Refunds       int64 `json:"refunds"`
}

// CountReviews counts what is in review, and the subscriptions that are due and cannot be invoiced, or that a planned change holds up.
func CountReviews(ctx context.Context, db *mysql.DB, business payment.Date) (Reviews, error) {
	var r Reviews
	if err := db.GetContext(ctx, &r, reviewRows, business); err != nil {
		return r, err
	}
	n, _, err := waitingForPlans(ctx, db, business)
	r.Subscriptions += n
	return r, err
}

const selectNewReviews = `SELECT id FROM invoices WHERE status = 'review' AND updated_at >= ? ORDER BY id LIMIT ?`

// NewReviews lists invoices that went to review at that instant or later.
func NewReviews(ctx context.Context, db *mysql.DB, since time.Time, limit int) ([]uint64, error) {
	var ids []uint64
	err := db.SelectContext(ctx, &ids, selectNewReviews, since.UTC(), limit)
	return ids, mysql.Classify(ctx, err)
}

const presentRows = `SELECT id FROM subscriptions WHERE id IN (?)`

// Missing lists those of the selected subscriptions that are not there.
func Missing(ctx context.Context, db *mysql.DB, selection store.Selection) ([]uint64, error) {
	return store.Absent(ctx, db, presentRows, selection.Subscriptions)
}

const selectMaxOpenStage = `SELECT MAX(stage) FROM invoices WHERE status IN ('open', 'charging')`

// MaxOpenStage is the highest stage that an invoice is in which is open, or may be open again in the course of a run: more than the
// configuration knows if it had more stages before.
func MaxOpenStage(ctx context.Context, db *mysql.DB) (int, error) {
	var stage sql.NullInt64
	err := db.GetContext(ctx, &stage, selectMaxOpenStage)
	return int(stage.Int64), err
}
