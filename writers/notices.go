package writers

import (
	"context"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/billing/notice"
	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/runs"
	"duly/internal/store"
)

const (
	insertNotices = `INSERT INTO notices (subscription_id, kind, for_date, no, amount, currency, dedupe_key, created_at) VALUES `
	// A notice that exists stays as it is, and so does its event.
	sameNotice = ` ON DUPLICATE KEY UPDATE id = id`

	deleteOldNotices = `DELETE FROM notices WHERE kind = 'upcoming' AND for_date < ? ORDER BY for_date LIMIT ?`
)

// Notices writes notices with their events in one transaction. It may be repeated: none is written twice.
func Notices(ctx context.Context, db *mysql.DB, list []notice.Notice, now time.Time) error {
	return mysql.Tx(ctx, db, "notices", func(tx *sqlx.Tx) error {
		if err := runs.Hold(ctx, tx, batch.Execution(ctx).Run); err != nil {
			return err
		}
		rows, events := make([][]any, len(list)), make([]billing.Event, len(list))
		for i, n := range list {
			rows[i] = []any{n.Subscription, string(n.Kind), n.For, n.No, n.Money.Amount, n.Money.Currency, n.Event.Dedupe, mysql.Stored(now)}
			events[i] = n.Event
		}
		if _, err := mysql.Insert(ctx, tx, insertNotices, rows, sameNotice); err != nil {
			return err
		}
		return store.WriteBillingEvents(ctx, tx, events)
	})
}

// DeleteNotices deletes notices of charges that were due before the day of an instant, chunk rows in a transaction. Notices of methods are kept: each
// is written once.
func DeleteNotices(ctx context.Context, db *mysql.DB, before time.Time, chunk int) error {
	for deleted := int64(chunk); deleted == int64(chunk); {
		err := mysql.Tx(ctx, db, "prune", func(tx *sqlx.Tx) error {
			result, err := tx.ExecContext(ctx, deleteOldNotices, payment.DateOf(before.UTC())-1, chunk)
			if err != nil {
				return err
			}
			deleted, err = result.RowsAffected()
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
