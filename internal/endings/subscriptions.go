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

// Settle changes the statuses that follow, each with the old one in its WHERE: what the customer
// ended is never brought back.
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
	if err := WellAgain(ctx, tx, active); err != nil {
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

// Cancel ends subscriptions; each row is an id and a reason. What the customer ended already is left as it is.
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
	// lockWell is what everyone who settles a charge of a subscription locks as well: no other decline of it is settled meanwhile.
	lockWell = `SELECT id FROM subscriptions WHERE id IN (?) ORDER BY id FOR UPDATE`

	// declinedOf are those of subscriptions that have an invoice which was declined and is unpaid.
	declinedOf = `SELECT DISTINCT subscription_id FROM invoices WHERE subscription_id IN (?) AND first_declined_date IS NOT NULL AND status IN ('open', 'charging', 'review')`
)

// WellAgain makes past_due subscriptions active of which an invoice was paid; its row is written before. One of which another invoice was declined, and is
// unpaid, stays past_due: that is read once the subscriptions are locked.
func WellAgain(ctx context.Context, tx *sqlx.Tx, subscriptions []uint64) error {
	if len(subscriptions) == 0 {
		return nil
	}
	var locked, declined []uint64
	if err := mysql.SelectIn(ctx, tx, &locked, lockWell, subscriptions); err != nil {
		return err
	}
	if err := mysql.SelectIn(ctx, tx, &declined, declinedOf, subscriptions); err != nil {
		return err
	}
	var well [][]any
	for _, id := range subscriptions {
		if !slices.Contains(declined, id) {
			well = append(well, []any{id})
		}
	}
	_, err := mysql.Update(ctx, tx, "subscriptions", nil, well, "status = 'past_due'", "status = 'active'")
	return err
}
