package operator

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/mysql"
	"duly/internal/store"
)

const (
	lockChange   = `SELECT subscription_id, applied_at, COALESCE(outcome, '') AS outcome FROM subscription_changes WHERE id = ? FOR UPDATE`
	ignoreChange = `UPDATE subscription_changes SET applied_at = ?, outcome = ? WHERE id = ? AND applied_at IS NULL`
)

// DropChange ends a planned change without applying it, and records the action. It returns the subscription. The error is a RefusedError if it was
// applied or ignored already, and wraps ErrNotThere if there is none.
func DropChange(ctx context.Context, db *mysql.DB, id uint64, now time.Time, action Action) (subscription uint64, _ error) {
	err := mysql.Tx(ctx, db, "resolve", func(tx *sqlx.Tx) error {
		var row struct {
			Subscription uint64       `db:"subscription_id"`
			Applied      sql.NullTime `db:"applied_at"`
			Outcome      string
		}
		if err := tx.GetContext(ctx, &row, lockChange, id); err != nil {
			return absent(err, "change", id)
		}
		if row.Applied.Valid {
			return store.Refuse(fmt.Errorf("change %d ended on %s: %s", id, row.Applied.Time.UTC().Format(time.DateTime), row.Outcome))
		}
		subscription = row.Subscription
		outcome := mysql.Cut("ignored by "+action.Who+": "+action.Reason, 255)
		n, err := rowsOf(tx.ExecContext(ctx, ignoreChange, mysql.Stored(now), outcome, id))
		if err = store.AllOf(n, 1, "planned changes", err); err != nil {
			return err
		}
		return action.Write(ctx, tx)
	})
	return subscription, err
}
