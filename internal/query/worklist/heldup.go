package worklist

import (
	"context"

	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/query"
	"duly/internal/store"
)

const (
	reviewedHeldUp = `SELECT 'subscription' AS what, s.id, s.review_reason AS reason, 0 AS amount, '' AS currency,
COALESCE(CAST(s.updated_at AS DATETIME(6)), ` + store.UnknownTime + `) AS since ` + query.HeldUp + ` ORDER BY s.updated_at DESC, s.id DESC LIMIT ?`

	listedHeldUp = `SELECT 'subscription' AS what, s.id, s.id AS subscription_id, s.status, COALESCE(s.gateway, '') AS gateway,
COALESCE(s.amount, 0) AS amount, COALESCE(s.currency, '') AS currency, s.review_reason AS reason,
COALESCE(CAST(s.updated_at AS DATETIME(6)), ` + store.UnknownTime + `) AS since, CAST(c.effective_date AS CHAR) AS cursor_date ` + query.HeldUp + `
AND (c.effective_date > ? OR (c.effective_date = ? AND c.subscription_id > ?)) ORDER BY c.effective_date, c.subscription_id LIMIT ?`
)

// walkHeldUp walks the subscriptions of [query.HeldUp] by the days of their changes. A login that may not read planned changes sees none.
func walkHeldUp(ctx context.Context, db *mysql.DB, business payment.Date, each func(Row) error) error {
	err := paged(listedHeldUp, byDate, business, business)(ctx, db, each)
	if mysql.IsDenied(err) {
		return nil
	}
	return err
}
