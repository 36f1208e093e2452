package operator

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/billing"
	"duly/internal/billing/planned"
	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/store"
	"duly/internal/text"
)

const (
	readChange = `SELECT subscription_id, CAST(effective_date AS CHAR) AS effective_date, COALESCE(kind, '') AS kind, COALESCE(value, '') AS value, applied_at,
COALESCE(outcome, '') AS outcome FROM subscription_changes WHERE id = ?`
	lockChange   = readChange + ` FOR UPDATE`
	ofChange     = `SELECT COALESCE(status, '') AS status, COALESCE(currency, '') AS currency FROM subscriptions WHERE id = ?`
	ignoreChange = `UPDATE subscription_changes SET applied_at = ?, outcome = ? WHERE id = ? AND applied_at IS NULL`
)

// changeRow is a planned change with its subscription.
type changeRow struct {
	ID           uint64
	Subscription uint64       `db:"subscription_id"`
	Effective    payment.Date `db:"effective_date"`
	Kind         string
	Value        string
	Applied      sql.NullTime `db:"applied_at"`
	Outcome      string

	status, currency string
	gone             bool
}

// readChangeRow reads a change by one of the statements above.
func readChangeRow(ctx context.Context, q sqlx.QueryerContext, statement string, id uint64) (row changeRow, _ error) {
	if err := sqlx.GetContext(ctx, q, &row, statement, id); err != nil {
		return row, absent(err, "change", id)
	}
	var of []struct{ Status, Currency string }
	err := sqlx.SelectContext(ctx, q, &of, ofChange, row.Subscription)
	if row.ID, row.gone = id, len(of) == 0; !row.gone {
		row.status, row.currency = of[0].Status, of[0].Currency
	}
	return row, err
}

// words describes the change. They never show a payment method.
func (r changeRow) words() string {
	c := planned.Change{ID: r.ID, Subscription: r.Subscription, Effective: r.Effective, Kind: planned.KindOf(r.Kind), Value: r.Value}
	return fmt.Sprintf("%s of subscription %d", text.Line(c.Words(r.currency)), r.Subscription)
}

// refusal says why the change is not ignored by a day: it has ended, or a run will apply it on a day to come, and only the shop can write it again.
func (r changeRow) refusal(day payment.Date) error {
	switch {
	case r.Applied.Valid:
		return store.Refuse(fmt.Errorf("change %d (%s) ended on %s: %s", r.ID, r.words(), r.Applied.Time.UTC().Format(time.DateTime), text.Line(r.Outcome)))
	case r.Effective > day && r.Outcome == "" && !r.gone:
		return store.Refuse(fmt.Errorf("change %d (%s) is planned for a later day, and no operator has to decide about it: the shop changes or deletes its row of subscription_changes", r.ID, r.words()))
	}
	return nil
}

// without says what happens to the subscription once the change is ignored.
func (r changeRow) without() string {
	switch status := billing.StatusOf(r.status); {
	case r.gone:
		return fmt.Sprintf("there is no subscription %d", r.Subscription)
	case planned.Billed(status):
		return fmt.Sprintf("the next run bills subscription %d without it", r.Subscription)
	default:
		return fmt.Sprintf("subscription %d is %s, and not billed", r.Subscription, text.Line(r.status))
	}
}

// DroppedChange describes a change that [DropChange] would end by a day, and what follows. The errors are those of DropChange.
func DroppedChange(ctx context.Context, db *mysql.DB, id uint64, day payment.Date) (change, follows string, _ error) {
	row, err := readChangeRow(ctx, db, readChange, id)
	if err != nil {
		return "", "", mysql.Classify(ctx, err)
	}
	return row.words(), row.without(), row.refusal(day)
}

// DropChange ends a planned change without applying it, and records the action. It describes the change, and says what follows. The error is a RefusedError if it
// was applied or ignored already, or if nothing keeps a run from applying it after that day; it wraps ErrNotThere if there is none.
func DropChange(ctx context.Context, db *mysql.DB, id uint64, day payment.Date, now time.Time, action Action) (change, follows string, _ error) {
	err := mysql.Tx(ctx, db, "resolve", func(tx *sqlx.Tx) error {
		row, err := readChangeRow(ctx, tx, lockChange, id)
		if err != nil {
			return err
		}
		if err := row.refusal(day); err != nil {
			return err
		}
		change, follows = row.words(), row.without()
		outcome := mysql.Cut("ignored by "+action.Who+": "+action.Reason, 255)
		n, err := rowsOf(tx.ExecContext(ctx, ignoreChange, mysql.Stored(now), outcome, id))
		if err = store.AllOf(n, 1, "planned changes", err); err != nil {
			return err
		}
		return action.Write(ctx, tx)
	})
	return change, follows, err
}
