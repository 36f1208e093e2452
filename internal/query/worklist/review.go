package worklist

import (
	"context"
	"fmt"
	"time"

	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/store"
)

// Review is a row that waits for an operator. Its reason names neither a customer nor a payment method.
type Review struct {
	What     string // invoice, subscription, order or event
	ID       uint64
	Reason   string
	Amount   int64  // minor units
	Currency string // empty: no money is at stake
	Since    time.Time
}

const (
	reviewedInvoices = `SELECT 'invoice' AS what, i.id, COALESCE(i.review_reason, '') AS reason,
i.amount, i.currency, i.updated_at AS since FROM invoices i LEFT JOIN subscriptions s ON s.id = i.subscription_id WHERE i.status = 'review'
ORDER BY i.updated_at DESC, i.id DESC LIMIT ?`

	reviewedSubscriptions = `SELECT 'subscription' AS what, id, review_reason AS reason,
0 AS amount, '' AS currency, COALESCE(CAST(updated_at AS DATETIME(6)), ` + store.UnknownTime + `) AS since FROM subscriptions
WHERE status IN ('active', 'past_due') AND next_billing_date <= ? AND review_reason IS NOT NULL ORDER BY updated_at DESC, id DESC LIMIT ?`

	reviewedOrders = `SELECT 'order' AS what, c.order_id AS id, c.reason AS reason, COALESCE(o.amount, 0) AS amount,
COALESCE(o.currency, '') AS currency, COALESCE(c.checked_at, UTC_TIMESTAMP(6)) AS since FROM order_checks c LEFT JOIN orders o ON o.id = c.order_id
WHERE c.reason IS NOT NULL ORDER BY c.checked_at DESC, c.order_id DESC LIMIT ?`

	reviewedEvents = `SELECT 'event' AS what, d.event_id AS id, CONCAT(COALESCE(e.type, ''), ' could not be delivered to ', d.sink, ': ', COALESCE(d.last_error, '')) AS reason,
0 AS amount, '' AS currency, COALESCE(e.created_at, UTC_TIMESTAMP(6)) AS since FROM event_deliveries d LEFT JOIN events e ON e.id = d.event_id
WHERE d.status = 'dead' ORDER BY d.event_id DESC, d.sink LIMIT ?`
)

// InvoiceReviews lists invoices in review, those that came last first.
func InvoiceReviews(ctx context.Context, db *mysql.DB, limit int) ([]Review, error) {
	return reviewed(ctx, db, reviewedInvoices, limit)
}

// SubscriptionReviews lists subscriptions that are due by that day and cannot be invoiced, those that changed last first, and behind them those that a
// planned change holds up.
func SubscriptionReviews(ctx context.Context, db *mysql.DB, business payment.Date, limit int) ([]Review, error) {
	list, err := reviewed(ctx, db, reviewedSubscriptions, business, limit)
	if err != nil || len(list) >= limit {
		return list, err
	}
	more, err := reviewed(ctx, db, reviewedHeldUp, business, business, limit-len(list))
	if mysql.IsDenied(err) {
		return list, nil
	}
	return append(list, more...), err
}

// OrderReviews lists orders in review, those that were checked last first.
func OrderReviews(ctx context.Context, db *mysql.DB, limit int) ([]Review, error) {
	return reviewed(ctx, db, reviewedOrders, limit)
}

// EventReviews lists deliveries that were given up, newest event first.
func EventReviews(ctx context.Context, db *mysql.DB, limit int) ([]Review, error) {
	return reviewed(ctx, db, reviewedEvents, limit)
}

func reviewed(ctx context.Context, db *mysql.DB, query string, args ...any) ([]Review, error) {
	var list []Review
	if err := db.SelectContext(ctx, &list, query, args...); err != nil {
		return nil, fmt.Errorf("list what is in review: %w", mysql.Classify(ctx, err))
	}
	return list, nil
}

const givenUpEvents = `SELECT event_id AS id, MAX(COALESCE(last_error, '')) AS reason FROM event_deliveries WHERE status = 'dead'
GROUP BY event_id ORDER BY event_id DESC LIMIT ?`

// DeadEvent is an event that was given up for a receiver, and why.
type DeadEvent struct {
	ID     uint64
	Reason string
}

// DeadEvents lists events that were given up, newest first, with a reason of one of their receivers.
func DeadEvents(ctx context.Context, db *mysql.DB, limit int) ([]DeadEvent, error) {
	var list []DeadEvent
	err := db.SelectContext(ctx, &list, givenUpEvents, limit)
	return list, mysql.Classify(ctx, err)
}
