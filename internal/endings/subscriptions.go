package endings

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/billing"
	"duly/internal/mysql"
	"duly/internal/store"
)

// Settle writes the new statuses of subscriptions, each with the old status in its WHERE: it never reactivates a subscription
// that the customer ended.
func Settle(ctx context.Context, tx *sqlx.Tx, todo []store.Settled, now time.Time) error {
	var active []uint64
	var pastDue, cancelled, paused [][]any
	for _, s := range todo {
		id := s.Result.Claimed.Invoice.SubscriptionID
		switch s.SubscriptionTo {
		case billing.Active:
			active = append(active, id)
		case billing.PastDue:
			pastDue = append(pastDue, []any{id})
		case billing.Cancelled:
			cancelled = append(cancelled, []any{id, s.CancelReason})
		case billing.Paused:
			paused = append(paused, []any{id})
		case billing.Trialing:
			return fmt.Errorf("attempt %d would make its subscription a trial", s.Claimed.ID)
		}
	}
	if err := Reactivate(ctx, tx, active); err != nil {
		return err
	}
	if err := PastDue(ctx, tx, pastDue); err != nil {
		return err
	}
	if err := Pause(ctx, tx, paused); err != nil {
		return err
	}
	return Cancel(ctx, tx, cancelled, now)
}

// Cancel cancels subscriptions; each row is an id and a reason. It leaves paused and cancelled subscriptions as they are.
func Cancel(ctx context.Context, tx *sqlx.Tx, rows [][]any, now time.Time) error {
	for i := range rows {
		rows[i] = append(rows[i], now.UTC())
	}
	_, err := mysql.Update(ctx, tx, "subscriptions", []string{"cancel_reason", "cancelled_at"}, rows,
		"status IN ('active', 'past_due')", "status = 'cancelled'")
	return err
}

// Pause pauses subscriptions; each row is an id. It leaves paused and cancelled subscriptions as they are.
func Pause(ctx context.Context, tx *sqlx.Tx, rows [][]any) error {
	_, err := mysql.Update(ctx, tx, "subscriptions", nil, rows, "status IN ('active', 'past_due')", "status = 'paused'")
	return err
}

// PastDue makes active subscriptions past_due; each row is an id.
func PastDue(ctx context.Context, tx *sqlx.Tx, rows [][]any) error {
	_, err := mysql.Update(ctx, tx, "subscriptions", nil, rows, "status = 'active'", "status = 'past_due'")
	return err
}

const (
	// lockSubscriptions locks the rows that every settlement of a charge locks, so that no other decline of the subscriptions is settled meanwhile.
	lockSubscriptions = `SELECT id FROM subscriptions WHERE id IN (?) ORDER BY id FOR UPDATE`

	// declinedOf reads which of the subscriptions have a declined, unpaid invoice.
	declinedOf = `SELECT DISTINCT subscription_id FROM invoices WHERE subscription_id IN (?) AND first_declined_date IS NOT NULL AND status IN ('open', 'charging', 'review')`
)

// Reactivate makes past_due subscriptions active after an invoice of theirs was paid. The caller must write that invoice first. A subscription with another
// declined, unpaid invoice stays past_due: Reactivate reads that once it has locked the subscriptions.
func Reactivate(ctx context.Context, tx *sqlx.Tx, subscriptions []uint64) error {
	if len(subscriptions) == 0 {
		return nil
	}
	var locked, declined []uint64
	if err := mysql.SelectIn(ctx, tx, &locked, lockSubscriptions, subscriptions); err != nil {
		return err
	}
	if err := mysql.SelectIn(ctx, tx, &declined, declinedOf, subscriptions); err != nil {
		return err
	}
	var rows [][]any
	for _, id := range subscriptions {
		if !slices.Contains(declined, id) {
			rows = append(rows, []any{id})
		}
	}
	_, err := mysql.Update(ctx, tx, "subscriptions", nil, rows, "status = 'past_due'", "status = 'active'")
	return err
}
