package worklist

import (
	"context"
	"fmt"

	"duly/internal/billing"
	"duly/internal/billing/planned"
	"duly/internal/mysql"
	"duly/internal/payment"
)

// Change is the name of a planned change.
const Change = "change"

// plannedChanges are in the order of their index.
const plannedChanges = `SELECT c.id, c.subscription_id, CAST(c.effective_date AS CHAR) AS effective_date, COALESCE(c.kind, '') AS kind, COALESCE(c.value, '') AS value,
COALESCE(c.outcome, '') AS outcome, COALESCE(s.status, '') AS status, COALESCE(s.gateway, '') AS gateway, COALESCE(s.currency, '') AS currency, s.id IS NULL AS gone
FROM subscription_changes c LEFT JOIN subscriptions s ON s.id = c.subscription_id WHERE c.applied_at IS NULL AND (c.effective_date > ?
OR (c.effective_date = ? AND (c.subscription_id > ? OR (c.subscription_id = ? AND c.id > ?)))) ORDER BY c.effective_date, c.subscription_id, c.id LIMIT ?`

// Changes lists the planned changes that are not applied yet, by their day.
func Changes() List { return listOf(walkChanges) }

func walkChanges(ctx context.Context, db *mysql.DB, each func(Row) error) error {
	date, subscription, id := "0000-00-00", uint64(0), uint64(0)
	for {
		var rows []struct {
			ID           uint64
			Subscription uint64       `db:"subscription_id"`
			Effective    payment.Date `db:"effective_date"`
			Kind         string
			Value        string
			Outcome      string
			Status       string
			Gateway      string
			Currency     string
			Gone         bool
		}
		if err := db.SelectContext(ctx, &rows, plannedChanges, date, date, subscription, subscription, id, pageSize); err != nil {
			return fmt.Errorf("list planned changes: %w", mysql.Classify(ctx, err))
		}
		for _, r := range rows {
			date, subscription, id = r.Effective.String(), r.Subscription, r.ID
			c := planned.Change{ID: r.ID, Subscription: r.Subscription, Effective: r.Effective, Kind: planned.KindOf(r.Kind), Value: r.Value}
			l := Row{
				What: Change, ID: r.ID, Kind: payment.Cut(r.Kind, billing.MaxQuoted), Status: r.Status, Gateway: r.Gateway, Subscription: r.Subscription, Reason: c.Words(r.Currency),
				Since: r.Effective.Floor().Time(), Gone: r.Gone, Stuck: r.Outcome != "",
			}
			if l.Stuck {
				l.Reason = r.Outcome
			}
			if err := each(l); err != nil {
				return err
			}
		}
		if len(rows) < pageSize {
			return nil
		}
	}
}
