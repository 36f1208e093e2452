package query

import (
	"context"
	"fmt"
	"slices"
	"time"

	"duly/internal/mysql"
)

// Reason is why rows of a run ended as they did, and how many. Of customers it says nothing.
type Reason struct {
	What string `json:"what"` // declined, in review, in doubt
	Why  string `json:"why,omitempty"`
	Rows int64  `json:"rows"`
}

// Causes are the commonest reasons of a run.
type Causes struct {
	Reasons []Reason // never nil
	More    int      // how many others there are
}

// Lines says them, a line each.
func (c Causes) Lines() []string {
	lines := make([]string, 0, len(c.Reasons)+1)
	for _, r := range c.Reasons {
		lines = append(lines, r.String())
	}
	switch {
	case c.More == 1:
		lines = append(lines, "and 1 other")
	case c.More > 1:
		lines = append(lines, fmt.Sprintf("and %d others", c.More))
	}
	return lines
}

// String says it in a line.
func (r Reason) String() string {
	if r.Why == "" {
		return fmt.Sprintf("%d × %s", r.Rows, r.What)
	}
	return fmt.Sprintf("%d × %s: %s", r.Rows, r.What, r.Why)
}

// commonest puts what is left behind before declines, which are results, as [alike] does.
const commonest = `SELECT what, why, COUNT(*) AS rows_there FROM (%s) reasons GROUP BY what, why
ORDER BY what = 'declined', rows_there DESC, what, why LIMIT ?`

// Of an attempt that was made by this run, or taken over and is open. What waits for an operator is read from invoices and subscriptions.
const selectBillingReasons = `SELECT CASE status WHEN 'in_doubt' THEN 'in doubt' ELSE status END AS what,
IF(status = 'declined', COALESCE(decline_code, decline_class, ''),
COALESCE(message, '')) AS why
FROM payment_attempts FORCE INDEX (created_walk) WHERE created_at >= ? AND run_id = ? AND status IN ('declined', 'released', 'in_doubt')
UNION ALL SELECT 'in doubt', COALESCE(message, '')
FROM payment_attempts WHERE status = 'in_doubt' AND created_at < ? AND run_id = ?
UNION ALL SELECT 'in review', COALESCE(i.review_reason, '')
FROM invoices i WHERE i.status = 'review' AND i.updated_at >= ?
UNION ALL SELECT 'in review', review_reason
FROM subscriptions WHERE status IN ('active', 'past_due') AND next_billing_date <= ? AND review_reason IS NOT NULL AND updated_at >= ?`

// BillingReasons are the commonest reasons of a billing run for the business date that has just ended.
func BillingReasons(ctx context.Context, db *mysql.DB, run uint64, since time.Time, business string, limit int) (Causes, error) {
	since = since.UTC()
	args := []any{since, run, since, run, since, business, since}
	causes, err := reasons(ctx, db, selectBillingReasons+heldUpReasons, limit, append(slices.Clone(args), business, business, since)...)
	if mysql.IsDenied(err) { // the login may not read planned changes
		return reasons(ctx, db, selectBillingReasons, limit, args...)
	}
	return causes, err
}

const selectUnsettledReasons = `SELECT CASE status WHEN 'in_doubt' THEN 'in doubt' ELSE status END AS what, COALESCE(message, '') AS why
FROM payment_attempts FORCE INDEX (created_walk) WHERE created_at >= ? AND run_id = ? AND status IN ('released', 'in_doubt')
UNION ALL SELECT 'in doubt', COALESCE(message, '')
FROM payment_attempts WHERE status = 'in_doubt' AND created_at < ? AND run_id = ?`

// UnsettledReasons are the most frequent reasons why a billing run left charges released or in doubt.
func UnsettledReasons(ctx context.Context, db *mysql.DB, run uint64, since time.Time, limit int) (Causes, error) {
	return reasons(ctx, db, selectUnsettledReasons, limit, since.UTC(), run, since.UTC(), run)
}

// A refund that goes to review is no check of its order.
const selectOrderReasons = `SELECT 'in review' AS what, c.reason AS why
FROM order_checks c WHERE c.reason IS NOT NULL AND c.checked_at >= ?
UNION ALL SELECT 'refund in review', COALESCE(p.failure_reason, c.reason)
FROM payments p JOIN order_checks c ON c.order_id = p.order_id
WHERE p.status = 'review' AND p.updated_at >= ? AND c.reason IS NOT NULL AND (c.checked_at IS NULL OR c.checked_at < ?)`

// OrderReasons are the commonest reasons of the orders and refunds that were sent to review at that instant of the database's
// clock, or later.
func OrderReasons(ctx context.Context, db *mysql.DB, since time.Time, limit int) (Causes, error) {
	since = since.UTC()
	return reasons(ctx, db, selectOrderReasons, limit, since, since, since)
}

const selectFindingReasons = `SELECT 'found' AS what, kind AS why FROM audit_findings WHERE run_id = ? AND resolved_at IS NULL`

// FindingReasons are the commonest kinds of what an audit found.
func FindingReasons(ctx context.Context, db *mysql.DB, run uint64, limit int) (Causes, error) {
	return reasons(ctx, db, selectFindingReasons, limit, run)
}

func reasons(ctx context.Context, db *mysql.DB, query string, limit int, args ...any) (Causes, error) {
	var rows []struct {
		What, Why string
		Rows      int64 `db:"rows_there"`
	}
	if err := mysql.SelectIn(ctx, db, &rows, fmt.Sprintf(commonest, query), append(args, reasonsRead)...); err != nil {
		return Causes{}, fmt.Errorf("count reasons: %w", mysql.Classify(ctx, err))
	}
	out := make([]Reason, len(rows))
	for i, r := range rows {
		out[i] = Reason{r.What, cause(r.What, r.Why), r.Rows}
	}
	return alike(out, limit), nil
}
