package operator

import (
	"context"

	"github.com/jmoiron/sqlx"

	"duly/internal/billing"
	"duly/internal/crash"
	"duly/internal/endings"
	"duly/internal/payment"
	"duly/internal/store"
)

const (
	restoreStatus = `UPDATE subscriptions SET status = ?, cancelled_at = NULL, cancel_reason = NULL WHERE id = ? AND status = ?`
	restoreDate   = `UPDATE subscriptions SET next_billing_date = ?, anchor_day = COALESCE(?, anchor_day) WHERE id = ?`
)

// restoration reverts what the dunning of an invoice did to its subscription.
type restoration struct {
	from, to billing.SubscriptionStatus
	next     payment.Date // next_billing_date; zero: unchanged
	anchor   int          // with next; 0: unchanged
}

// write restores the subscription of an invoice. It meets point before each of its statements.
func (r restoration) write(ctx context.Context, tx *sqlx.Tx, point crash.Point, inv billing.Invoice) error {
	if err := changeOne(ctx, tx, point, "subscriptions", restoreStatus, string(r.to), inv.SubscriptionID, string(r.from)); err != nil {
		return err
	}
	if !r.next.IsZero() {
		anchor := any(nil)
		if r.anchor != 0 {
			anchor = r.anchor
		}
		if err := changeOne(ctx, tx, point, "subscriptions", restoreDate, r.next, anchor, inv.SubscriptionID); err != nil {
			return err
		}
	}
	crash.At(point)
	return endings.Undo(ctx, tx, inv.ID, inv.Dunning)
}

// changeOne meets point, then runs a statement that must change one row.
func changeOne(ctx context.Context, tx *sqlx.Tx, point crash.Point, what, query string, args ...any) error {
	crash.At(point)
	n, err := rowsOf(tx.ExecContext(ctx, query, args...))
	return store.AllOf(n, 1, what, err)
}
