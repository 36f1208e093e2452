package details

import (
	"context"
	"time"

	"duly/internal/billing/planned"
	"duly/internal/mysql"
	"duly/internal/payment"
)

// PlannedChange is a row of subscription_changes.
type PlannedChange struct {
	ID        uint64       `json:"change_id" db:"id"`
	Effective payment.Date `json:"effective_date" db:"effective_date"`
	Kind      string       `json:"change" db:"kind"`
	Value     string       `json:"value,omitempty" db:"value"` // left out of a payment method
	Note      string       `json:"note,omitempty" db:"note"`
	Outcome   string       `json:"outcome,omitempty" db:"outcome"`
	AppliedAt *time.Time   `json:"applied_at,omitempty" db:"applied_at"`

	whole planned.Change
}

// Rules is what the rules read of it.
func (c PlannedChange) Rules() planned.Change { return c.whole }

const (
	changeColumns = `SELECT id, CAST(effective_date AS CHAR) AS effective_date, COALESCE(kind, '') AS kind, COALESCE(value, '') AS value, COALESCE(note, '') AS note,
COALESCE(outcome, '') AS outcome, applied_at FROM subscription_changes WHERE subscription_id = ? AND `

	changesAhead = changeColumns + `applied_at IS NULL ORDER BY effective_date, id LIMIT ?`
)

// PlannedChanges lists what is planned for a subscription and not applied yet, in the order in which it counts. A login that may not read that sees none,
// as a run does.
func PlannedChanges(ctx context.Context, db *mysql.DB, subscription uint64, limit int) ([]PlannedChange, error) {
	list := []PlannedChange{}
	err := db.SelectContext(ctx, &list, changesAhead, subscription, limit)
	if mysql.IsDenied(err) {
		return list, nil
	}
	for i, c := range list {
		kind := planned.KindOf(c.Kind)
		list[i].whole = planned.Change{
			ID: c.ID, Subscription: subscription, Effective: c.Effective, Kind: kind, Value: c.Value, Note: c.Note, Outcome: c.Outcome,
		}
		if !kind.Shown() {
			list[i].Value = ""
		}
	}
	return list, mysql.Classify(ctx, err)
}
