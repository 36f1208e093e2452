package worklist

import (
	"context"
	"fmt"

	"duly/internal/mysql"
	"duly/internal/payment"
)

// Ownerless are planned changes that are due and whose subscription does not exist: no run applies them.
type Ownerless struct {
	Count int64    `json:"count"`
	IDs   []uint64 `json:"ids"` // the first few, by their day
}

// OwnerlessShown is how many of them are listed by id.
const OwnerlessShown = 5

const (
	fromOwnerless = `FROM subscription_changes c LEFT JOIN subscriptions s ON s.id = c.subscription_id
WHERE c.applied_at IS NULL AND c.effective_date <= ? AND s.id IS NULL`

	ownerlessCount = `SELECT COUNT(*) ` + fromOwnerless
	ownerlessIDs   = `SELECT c.id ` + fromOwnerless + ` ORDER BY c.effective_date, c.subscription_id, c.id LIMIT ?`
)

// OwnerlessChanges counts the changes that are due by a day and whose subscription does not exist. A login that may not read planned changes finds
// none, as a run does.
func OwnerlessChanges(ctx context.Context, db *mysql.DB, day payment.Date) (o Ownerless, _ error) {
	err := db.GetContext(ctx, &o.Count, ownerlessCount, day)
	if err == nil && o.Count > 0 {
		err = db.SelectContext(ctx, &o.IDs, ownerlessIDs, day, OwnerlessShown)
	}
	switch {
	case mysql.IsDenied(err):
		return Ownerless{}, nil
	case err != nil:
		return Ownerless{}, fmt.Errorf("look for planned changes without a subscription: %w", mysql.Classify(ctx, err))
	}
	return o, nil
}
